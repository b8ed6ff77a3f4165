package lighttpd

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// silence: somebody listens at the socket who never answers. The module gives up
// after four seconds, and until then lighttpd serves nobody else: the README says
// so. The daemon is away in the end.
func silence(t *testing.T, s *servertest.Site, dav *server) {
	s.Stop()
	_ = os.Remove(s.HTTP)
	l, err := net.Listen("unix", s.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := os.Chmod(s.HTTP, 0o666); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	told := make(chan string)
	go func() {
		got, _ := dav.Status(servertest.Login{Name: "alice", Password: s.Person("alice").App}, "PROPFIND", "/.common/")
		told <- got
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	// lighttpd is asking now; who sends no password is answered without a question.
	got, err := dav.Status(servertest.Login{}, "PROPFIND", "/.common/", "--header", "Authorization:")
	if waited := time.Since(begin); err != nil || got != "401" || waited < 3*time.Second || waited > run.Patience {
		t.Errorf("somebody else: told %s, %v, after %s", got, err, waited)
	}
	if got, waited := <-told, time.Since(begin); got != "401" || waited < 3*time.Second || waited > 9*time.Second {
		t.Errorf("told %s after %s", got, waited)
	}
}
