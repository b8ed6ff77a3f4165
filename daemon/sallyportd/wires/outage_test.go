package wires

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// Radicale waits five seconds for an answer and then tells its user of a wrong
// password; libsasl waits for ever, and everything behind it. So a directory that
// hangs is an outage on every wire before that, for those it knows and for those
// it does not, and app passwords go on.
func TestADirectoryThatHangsIsAnOutageInTime(t *testing.T) {
	const words = "spelling = \"any\"\nservice_map = {dav = \"dav\", ssh = \"ssh\"}"
	s := servertest.Start(t, servertest.Options{Saslauthd: words, Dovecot: words})
	w := newWires(s)
	alice := s.Person("alice")
	good := question{name: alice.Name, secret: alice.App, service: "dav", address: "192.0.2.7"}
	if got, err := w.overAuth(good); err != nil || got.verdict != "accept" {
		t.Fatalf("before: %v, %v", got, err)
	}
	s.Directory().Freeze()
	defer s.Directory().Thaw()
	for _, wire := range w.all {
		for i, name := range []string{"alice", "nobody"} {
			begun := time.Now()
			got, err := wire.ask(question{name: name, secret: "wrong over " + wire.name, service: "ssh", address: fmt.Sprintf("192.0.2.%d", i+1)})
			if err != nil || got.verdict != "unavailable" {
				t.Errorf("%s over %s: %v, %v", name, wire.name, got, err)
			}
			if took := time.Since(begun); took > 4500*time.Millisecond {
				t.Errorf("%s over %s: answered after %s", name, wire.name, took)
			}
		}
		if got, err := wire.ask(good); err != nil || got.verdict != "accept" {
			t.Errorf("an app password over %s: %v, %v", wire.name, got, err)
		}
	}
}
