package davtest

import (
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// Places are two paths of a server: Own, which alice may read, and Foreign,
// which she may not.
type Places struct {
	Own, Foreign string
	// Get asks with GET; else it is PROPFIND, which not all servers answer with
	// an error status where there is nothing.
	Get bool
}

func (p Places) method() (method, ok string) {
	if p.Get {
		return "GET", "200"
	}
	return "PROPFIND", "207"
}

// Forge shows that headers which a client writes itself change nothing: not the
// service, not the address, not the person.
func (s Server) Forge(t *testing.T, site *servertest.Site, p Places) {
	t.Helper()
	alice := servertest.Login{Name: "alice", Password: site.Person("alice").App}
	method, ok := p.method()
	var all errgroup.Group // some servers let a client wait before they refuse it
	all.SetLimit(8)
	for _, header := range []string{
		"X-Sallyport-Service: ssh", // would refuse an app password
		"X-Forwarded-For: 192.0.2.99",
		"X-Forwarded-For: 192.0.2.99, 192.0.2.98", // would be malformed
		"X-Real-IP: 192.0.2.99",
		"X-Remote-Addr: 192.0.2.99",
		"Forwarded: for=192.0.2.99",
		"X-Remote-User: bert",
		"X_Remote_User: bert", // the same to a program that reads CGI variables
		"x-remote_user: bert",
		"X-Sallyport-User: bert",
		"X-Sallyport-Login: bert",
		"X-Original-Method: OPTIONS",
		"X-Forwarded-Method: OPTIONS",
		"X-Forwarded-Uri: /bert/",
		"X-Forwarded-Host: bert.example.org",
	} {
		ask := func(l servertest.Login, path string, right func(string) bool) {
			all.Go(func() error {
				if got, err := s.Status(l, method, path, "--header", header); err != nil || !right(got) {
					t.Errorf("%s: %s at %s: told %s, %v", header, l.Name, path, got, err)
				}
				return nil
			})
		}
		ask(alice, p.Own, func(got string) bool { return got == ok })
		ask(alice, p.Foreign, func(got string) bool { return !strings.HasPrefix(got, "2") && !strings.HasPrefix(got, "5") })
		ask(servertest.Login{Name: "alice", Password: servertest.WrongApp(t)}, p.Own, func(got string) bool { return got == "401" })
	}
	_ = all.Wait() // they have told the test
	// Without the header that carries the person, nobody is in.
	got, err := s.Status(alice, method, p.Own, "--header", "Connection: close, X-Remote-User, X-Sallyport-User, X-Sallyport-Service, Authorization")
	if err != nil || got != ok && strings.HasPrefix(got, "2") {
		t.Errorf("with headers struck out: told %s, %v", got, err)
	}
	for _, try := range site.Tries() {
		if try.Service != "dav" && try.Service != "files" || try.Source != "127.0.0.1" {
			t.Errorf("the daemon was told service %q and address %q", try.Service, try.Source)
		}
	}
}
