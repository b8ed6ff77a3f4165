package wires

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// Grace and bridge are the same on every wire: the normal password is let in where
// a code will be asked for, and where it is an app password that will be owed,
// until the first one is in use on any of them.
func TestGraceAndBridgeOnEveryWire(t *testing.T) {
	const words = "spelling = \"any\"\nservice_map = {dav = \"dav\", ssh = \"ssh\"}"
	s := servertest.Start(t, servertest.Options{Saslauthd: words, Dovecot: words,
		Config: "[policy]\nrequired_from = \"" + time.Now().UTC().AddDate(0, 0, 10).Format(time.DateOnly) + "\""})
	file := filepath.Join(s.Dir, "sallyport.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bridged := strings.Replace(string(text), "name = \"dav\"\n", "name = \"dav\"\nbefore_enrollment = [[\"directory\"]]\n", 1)
	if bridged == string(text) {
		t.Fatalf("no service dav in\n%s", text)
	}
	if err := os.WriteFile(file, []byte(bridged), 0o600); err != nil {
		t.Fatal(err)
	}
	w, alice := newWires(s), s.Person("alice")
	for _, wire := range w.all { // each has somebody of its own, whom nobody else's wrong tries slow down
		s.Directory().AddPerson(directorytest.Person{Name: "new" + wire.name})
	}
	s.Restart()
	for _, wire := range w.all {
		newbie := "new" + wire.name
		for _, c := range []struct {
			name, secret, service, verdict, reason string
		}{
			{newbie, newbie + "-password", "ssh", "accept", "ok"},
			{newbie, newbie + "-password", "dav", "accept", "ok"},
			{newbie, "wrong over " + wire.name, "ssh", "deny", "bad_credentials"},
			{newbie, "wrong over dav and " + wire.name, "dav", "deny", "app_password_required"},
			{"nobody" + wire.name, newbie + "-password", "dav", "deny", "app_password_required"},
			{"alice", alice.Password, "ssh", "deny", "code_required"},
		} {
			got, err := settled(wire.ask, question{name: c.name, secret: c.secret, service: c.service, address: "192.0.2.7"})
			if err != nil || got.verdict != c.verdict || got.reason != "" && got.reason != c.reason {
				t.Errorf("%s at %s over %s: %v, %v", c.name, c.service, wire.name, got, err)
			}
		}
	}
	// alice has an app password; its first use, over one wire, ends it on all.
	first := w.all[len(w.all)-1]
	for step, want := range []string{"accept", "deny"} {
		for _, wire := range w.all {
			if got, err := settled(wire.ask, question{name: "alice", secret: alice.Password, service: "dav", address: "192.0.2.8"}); err != nil || got.verdict != want {
				t.Errorf("alice's password over %s, step %d: %v, %v", wire.name, step, got, err)
			}
		}
		if got, err := settled(first.ask, question{name: "alice", secret: alice.App, service: "dav", address: "192.0.2.8"}); err != nil || got.verdict != "accept" {
			t.Errorf("alice's app password over %s: %v, %v", first.name, got, err)
		}
	}
}
