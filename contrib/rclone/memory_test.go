package rclone

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// flags: what runs has those of the unit, each once.
func (r *rig) flags(t *testing.T) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", r.server.PID()))
	if err != nil {
		t.Fatal(err)
	}
	running, flags := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), command(t)
	if len(running) != len(flags) {
		t.Fatalf("runs %q, the unit says %q", running, flags)
	}
	moved := strings.NewReplacer("127.0.0.1:8014", r.address, "/usr/bin/sallyport-check", r.Bin+"/sallyport-check",
		"/run/sallyport/check.sock", r.HTTP, "/srv/files", r.folders())
	for i, flag := range flags {
		if running[i] != moved.Replace(flag) {
			t.Errorf("runs with %q, the unit says %q", running[i], flag)
		}
	}
	for _, want := range []string{" --vfs-cache-mode off ", " --auth-proxy /usr/bin/sallyport-check rclone "} {
		if strings.Count(strings.Join(flags, " "), want) != 1 {
			t.Errorf("the unit does not say%sonce: %q", want, flags)
		}
	}
}

// remembers: with 1.60 it is the name with its first password, until five minutes
// after the last use or until it is started again.
func (r *rig) remembers(t *testing.T) {
	r.restart(t)
	bert := r.Person("bert")
	first, second := r.login("bert"), servertest.Login{Name: "bert", Password: bert.Other}
	r.expect(t, first, "/", "207")
	asked := len(r.Tries())
	r.expect(t, second, "/", "401") // it is right, and nobody is asked
	r.expect(t, servertest.Login{Name: "bert", Password: servertest.WrongApp(t)}, "/", "401")
	r.expect(t, r.login("müller"), "/", "207") // each name has a memory of its own
	if n := len(r.Tries()) - asked; n != 1 {
		t.Errorf("the daemon was asked %d times, want once, for müller", n)
	}
	r.restart(t)
	r.expect(t, second, "/", "207")

	r.Revoke("bert")
	r.expect(t, second, "/of-bert.txt", "207") // it lives on ...
	if got, err := r.dav.Status(second, "PUT", "/new.txt", "--data-binary", "two doors"); err != nil || got != "201" {
		t.Errorf("with a revoked app password: told %s, %v", got, err)
	}
	r.Stop()
	r.expect(t, second, "/", "207") // ... even without the daemon
	r.Restart()
	r.restart(t)
	r.expect(t, second, "/", "401")
	r.expect(t, first, "/", "401")
}

// openConnection is the same for a client that stays connected: only the restart
// ends it.
func (r *rig) openConnection(t *testing.T) {
	r.restart(t)
	client := r.dav.Keep(t, r.login("müller"))
	client.Expect(t, "/", http.StatusMultiStatus, false)
	r.Revoke("müller")
	client.Expect(t, "/", http.StatusMultiStatus, true)
	r.restart(t)
	client.Expect(t, "/", http.StatusUnauthorized, false)
}

// everyoneHasAFolder, and no address or destination leads out of it.
func (r *rig) everyoneHasAFolder(t *testing.T) {
	miller := r.Person("müller").App
	r.expect(t, servertest.Login{Name: "müller", Password: miller}, "/of-m%C3%BCller.txt", "207")
	// rclone hands on bytes that are not UTF-8 as something else.
	r.expect(t, servertest.Login{Name: "m\xfcller", Password: miller}, "/", "401")
	// Carla has no folder, and cannot make one.
	r.expect(t, r.login("carla"), "/of-alice.txt", "404")
	for _, method := range []string{"PUT", "MKCOL"} {
		if got, err := r.dav.Status(r.login("carla"), method, "/new"); err != nil || strings.HasPrefix(got, "2") {
			t.Errorf("%s without a folder: told %s, %v", method, got, err)
		}
	}
	for _, name := range []string{"../bert", "..", "bert/", "bert/../alice"} {
		r.expect(t, servertest.Login{Name: name, Password: r.Person("bert").App}, "/", "401")
	}
	alice := r.login("alice")
	ask := func(method, path, destination string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, r.dav.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = "//" + r.address + path // as it is, not tidied up
		req.SetBasicAuth(alice.Name, alice.Password)
		if method == "PROPFIND" {
			req.Header.Set("Depth", "1")
		}
		req.Header.Set("Destination", r.dav.URL+destination)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for _, up := range []string{"/../bert", "/%2e%2e/bert", "/..%2fbert", "//../bert", "/x/../../bert"} {
		for _, method := range []string{"GET", "PROPFIND", "DELETE", "COPY", "MOVE"} {
			if status := ask(method, up+"/of-bert.txt", "/got.txt"); status/100 == 2 {
				t.Errorf("%s %s: told %d", method, up, status)
			}
		}
		ask("COPY", "/of-alice.txt", up+"/of-bert.txt")
		ask("COPY", "/of-alice.txt", up+"/new.txt")
	}
	if text, err := os.ReadFile(r.folders() + "/bert/of-bert.txt"); err != nil || string(text) != "belongs to bert" {
		t.Errorf("bert's file is %q, %v", text, err)
	}
	if _, err := os.Stat(r.folders() + "/bert/new.txt"); err == nil {
		t.Error("a file came to bert's folder")
	}
	for _, way := range [][2]string{{"/of-alice.txt", "/moved.txt"}, {"/moved.txt", "/of-alice.txt"}} {
		if status := ask("MOVE", way[0], way[1]); status != http.StatusCreated {
			t.Errorf("MOVE in one's own: told %d", status)
		}
	}
}
