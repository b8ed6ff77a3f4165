package endtoend

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// drill is a disaster, and the recovery as contrib/docs/backup.md tells it.
type drill struct {
	*site
	blocks []string
}

// commands are the blocks of commands in the document, in their order.
func (d *drill) commands() {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "contrib/docs/backup.md"))
	d.must("reading the document", err)
	for i, part := range strings.Split(string(text), "```") {
		if block, ok := strings.CutPrefix(part, "sh\n"); ok && i%2 == 1 {
			d.blocks = append(d.blocks, block)
		}
	}
	if len(d.blocks) != 4 {
		d.t.Fatalf("the document has %d blocks of commands, and the drill knows 4", len(d.blocks))
	}
}

// follow runs a block line by line, in this site instead of the whole machine.
func (d *drill) follow(n int) (said string) {
	d.t.Helper()
	here := strings.NewReplacer("sudo -u sallyport ", "", "/backup/", d.path("backup")+"/", "/etc/sallyport/", d.dir+"/",
		"/var/lib/sallyport/", d.path("state")+"/", "-o sallyport ", "")
	for line := range strings.Lines(d.blocks[n]) {
		line = here.Replace(strings.TrimSpace(line))
		words := strings.Fields(line)
		switch {
		case line == "systemctl stop 'sallyport-*.socket' sallyport":
			if d.daemon != nil {
				d.must(line, d.daemon.stop())
				d.daemon = nil
			}
			continue
		case line == "systemctl start sallyport":
			d.must(line, d.start())
			continue
		case words[0] == "sallyportd":
			words = append(words, "--config", d.path("sallyport.toml"))
			fallthrough
		case words[0] == "sallyport":
			words[0] = filepath.Join(bin, words[0])
		}
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir, cmd.Env = d.dir, append(os.Environ(), "SALLYPORT_SOCKET="+d.path("run/admin.sock"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			d.t.Fatalf("%s: %v\n%s", line, err, out)
		}
		said += string(out)
	}
	return said
}

func (d *drill) expect(name, password string, want int) {
	d.t.Helper()
	a, err := d.check().auth(login{name: name, password: password, service: "dav"}, false)
	d.must("asking", err)
	if a.status != want {
		d.t.Errorf("%s at the calendar: %d %s, want %d", name, a.status, a.header.Get("X-Sallyport-Reason"), want)
	}
}

// verdictOn asks for a login with password and code, and returns the reason.
func (d *drill) reason(name, code string) string {
	d.t.Helper()
	a, err := d.check().verdict(login{name: name, password: name + "-password", code: code, service: "web"})
	d.must("asking", err)
	_, after, _ := strings.Cut(a.body, `"reason":"`)
	word, _, _ := strings.Cut(after, `"`)
	return word
}

// fresh is a code that is good in spite of the floor: it waits until the phone
// shows one of after the restore.
func (d *drill) fresh(key string) string {
	d.t.Helper()
	at := time.Now().Unix()/step + 2
	d.must("waiting for the next codes", within(3*step*time.Second, func() error {
		if now := time.Now().Unix() / step; now+1 < at {
			return fmt.Errorf("it is step %d, and %d is wanted", now, at)
		}
		return nil
	}))
	code, err := codeAt(strings.ReplaceAll(key, " ", ""), at)
	d.must("computing a code", err)
	return code
}

// TestDisaster loses the database after a backup, and follows the document:
// nothing that was revoked is back, no code is good twice, everything else is as
// it was. Then the keys change, and the master key.
func TestDisaster(t *testing.T) {
	t.Parallel()
	d := &drill{site: newSite(t, options{})}
	d.commands()
	d.must("making a folder", os.Mkdir(d.path("backup"), 0o700))
	d.must("starting", d.start())
	people, browsers, apps := map[string]enrolled{}, map[string]*browser{}, map[string][]string{}
	for _, name := range []string{"alice", "bert", "carla"} {
		b := d.browser()
		p, err := d.enroll(b, name, "")
		d.must("setting up", err)
		people[name], browsers[name] = p, b
		for _, label := range []string{"phone", "tablet"} {
			app, err := issue(b, label)
			d.must("making an app password", err)
			apps[name] = append(apps[name], app)
		}
	}
	if said := d.follow(0); !strings.Contains(said, "verified  3 people") || !strings.Contains(said, "master key is not in it") {
		t.Errorf("backup said:\n%s", said)
	}

	d.must("removing an app password", remove(browsers["alice"], "phone"))
	d.must("resetting", exec.Command(filepath.Join(bin, "sallyport"), "--socket", d.path("run/admin.sock"),
		"reset", "bert", "--reason", "lost phone").Run())
	used, err := d.phones.code(people["carla"].key)
	d.must("computing a code", err)
	if got := d.reason("carla", used); got != "ok" {
		t.Fatalf("carla's code before the disaster: %s", got)
	}

	d.daemon.kill()
	d.daemon = nil
	for _, file := range []string{"state.db", "state.db-wal", "state.db-shm"} {
		if err := os.Remove(d.path("state/" + file)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := d.start(); err == nil || !strings.Contains(err.Error(), "sallyportd restore") {
		t.Fatalf("starting without a database: %v", err)
	}
	d.daemon = nil

	if said := d.follow(1); !strings.Contains(said, "applied to 2 people") {
		t.Errorf("restore said:\n%s", said)
	}
	if got := d.reason("carla", used); got != "code_used" {
		t.Errorf("carla's code again: %s", got)
	}
	d.afterwards(browsers, apps)
	if got := d.reason("carla", d.fresh(people["carla"].key)); got != "ok" {
		t.Errorf("carla's next code: %s", got)
	}

	if said := d.follow(2); !strings.Contains(said, "done ") {
		t.Errorf("rotate said:\n%s", said)
	}
	d.afterwards(browsers, apps)
	old, err := os.ReadFile(d.path("kek"))
	d.must("reading the old master key", err)
	d.follow(3)
	d.afterwards(browsers, apps)
	d.must("stopping", d.daemon.stop())
	d.must("putting the old master key back", os.Remove(d.path("kek")))
	d.must("putting the old master key back", os.WriteFile(d.path("kek"), old, 0o400))
	if err := d.start(); err == nil || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("the old master key still opens the state: %v", err)
	}
	d.daemon = nil
}

// afterwards is what must hold from the restore on.
func (d *drill) afterwards(browsers map[string]*browser, apps map[string][]string) {
	d.t.Helper()
	d.expect("alice", apps["alice"][0], http.StatusUnauthorized)
	d.expect("alice", apps["alice"][1], http.StatusNoContent)
	d.expect("bert", apps["bert"][0], http.StatusUnauthorized)
	d.expect("bert", apps["bert"][1], http.StatusUnauthorized)
	d.expect("carla", apps["carla"][0], http.StatusNoContent)
	if got := d.reason("bert", "123456"); got != "enroll_required" {
		d.t.Errorf("bert with a code: %s", got)
	}
	if err := browsers["carla"].get("/home"); err != nil || !strings.HasPrefix(browsers["carla"].at.Path, "/sign-in") && browsers["carla"].at.Path != "/" {
		d.t.Errorf("carla's session lives on at %s: %v", browsers["carla"].at, err)
	}
	out, err := exec.Command(filepath.Join(bin, "sallyport"), "--socket", d.path("run/admin.sock"), "audit", "verify").CombinedOutput()
	if err != nil {
		d.t.Errorf("audit verify: %v\n%s", err, out)
	}
}
