package rclone

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

const unit = "rclone-webdav.service"

// rig is a site with an rclone in front of it, which can be started again.
type rig struct {
	*servertest.Site
	dav     davtest.Server
	command run.Command
	address string
	server  *run.Process
}

func (r *rig) folders() string { return r.Dir + "/files" }

// command is the line of the unit as systemd would run it, with folders, socket
// and port put elsewhere by the pairs.
func command(t *testing.T, oldnew ...string) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(run.Config(t, unit, oldnew...))
	if line == nil {
		t.Fatalf("%s starts nothing", unit)
	}
	var out []string
	for _, word := range regexp.MustCompile(`"[^"]*"|[^" ]+`).FindAllString(line[1], -1) {
		out = append(out, strings.Trim(word, `"`))
	}
	return out
}

// start runs rclone with the line of the recipe, where alice, bert and müller
// have a folder.
func start(t *testing.T) *rig {
	t.Helper()
	run.NeedRoot(t)
	rclone := run.Need(t, "rclone", "rclone")
	listen := t.TempDir() + "/sallyport.toml"
	// This machine has no user rclone.
	run.Write(t, listen, run.Config(t, "sallyport.toml", `allow = ["rclone", `, `allow = ["www-data", `, `group = "rclone"`, `group = "www-data"`), 0o644)
	r := &rig{Site: servertest.Start(t, servertest.Options{Recipe: listen}), address: fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))}
	r.dav.URL = "http://" + r.address
	for _, name := range []string{"alice", "bert", "müller"} {
		run.Own(t, r.folders()+"/"+name, "www-data")
		run.Write(t, r.folders()+"/"+name+"/of-"+name+".txt", "belongs to "+name, 0o644)
	}
	args := command(t, "/usr/bin/rclone", rclone, "127.0.0.1:8014", r.address, "/usr/bin/sallyport-check", r.Bin+"/sallyport-check",
		"/run/sallyport/check.sock", r.HTTP, "/srv/files", r.folders())
	r.command = run.Command{Path: args[0], Args: args[1:], User: run.AsUser(t, "www-data")}
	r.restart(t)
	return r
}

// restart is what makes rclone forget whom it let in.
func (r *rig) restart(t *testing.T) {
	t.Helper()
	if r.server != nil {
		r.server.Kill()
	}
	r.server = run.Background(t, r.command)
	if err := run.Listening(r.address); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) login(name string) servertest.Login {
	return servertest.Login{Name: name, Password: r.Person(name).App}
}

func (r *rig) expect(t *testing.T, l servertest.Login, path, want string) {
	t.Helper()
	if got, err := r.dav.Status(l, "PROPFIND", path); err != nil || got != want {
		t.Errorf("%s at %s: told %s, %v, want %s", l.Name, path, got, err, want)
	}
}

// TestRclone: each step of the proof is asked of an rclone that remembers nobody;
// what it remembers has a test of its own.
func TestRclone(t *testing.T) {
	r := start(t)
	t.Run("the flags are the recipe's", r.flags)
	t.Run("everyone has a folder", r.everyoneHasAFolder)
	var forget sync.Mutex
	remembers := true // whom it has let in, and nobody else
	forgotten := func() {
		forget.Lock()
		defer forget.Unlock()
		if remembers {
			r.restart(t)
			remembers = false
		}
	}
	knows := func(in bool) {
		forget.Lock()
		defer forget.Unlock()
		remembers = remembers || in
	}
	servertest.Prove(t, r.Site, servertest.Proof{
		Server: "rclone 1.60 serve webdav", Mechanism: "--auth-proxy, sallyport-check", Client: "cadaver",
		Sync: func(l servertest.Login) error {
			forgotten()
			err := r.dav.Cadaver(t, l, "/")
			knows(err == nil)
			return err
		},
		Ask: func(l servertest.Login) (string, error) {
			forgotten()
			got, err := r.dav.Status(l, "PROPFIND", "/")
			knows(got != "401")
			return got, err
		},
		Foreign: func(l servertest.Login, owner string) (string, error) {
			defer knows(true)
			return r.dav.Status(l, "PROPFIND", "/of-"+owner+".txt")
		},
		OK: "207", Refused: "401", Outage: "401", Canonical: true, Waits: true,
		Lag:  "lives on while it is used, and 5 minutes more",
		Note: "one app password per person at a time (1.75 and later: any number)",
	})
	t.Run("what it remembers", r.remembers)
	t.Run("an open connection", r.openConnection)
}
