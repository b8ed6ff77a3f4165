package radicale

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestDovecotType holds the conversation that Radicale's own type "dovecot" has,
// over the socket that the config file names. That type is not in the Radicale
// of Debian 12, so its habits are played here: one read of at most 1024 bytes
// for the whole greeting, another for the whole answer, five seconds for each,
// and 401 for whatever goes wrong on the way, but for a connection that is
// closed in place of the answer.
func TestDovecotType(t *testing.T) {
	s := servertest.Start(t, servertest.Options{Dovecot: `spelling = "strict"`})
	config := run.Config(t, "radicale-dovecot.conf", "/run/sallyport/auth-client", s.Dovecot)
	set := regexp.MustCompile(`(?m)^dovecot_socket = (.*)$`).FindStringSubmatch(config)
	if set == nil || !strings.Contains(config, "\ntype = dovecot\n") {
		t.Fatalf("the config file does not name the socket:\n%s", config)
	}
	alice, miller := s.Person("alice"), s.Person("müller")
	for _, c := range []struct {
		name string
		l    servertest.Login
		want string
	}{
		{"the app password works", servertest.Login{Name: alice.Name, Password: alice.App}, "207"},
		{"an umlaut", servertest.Login{Name: miller.Name, Password: miller.App}, "207"},
		{"the normal password", servertest.Login{Name: alice.Name, Password: alice.Password}, "401"},
		{"a wrong one", servertest.Login{Name: alice.Name, Password: servertest.WrongApp(t)}, "401"},
		{"a code", servertest.Login{Name: alice.Name, Password: s.Code("alice")}, "401"},
		{"somebody else's", servertest.Login{Name: alice.Name, Password: miller.App}, "401"},
		// This Radicale goes on with what was typed.
		{"another spelling", servertest.Login{Name: "Alice", Password: alice.App}, "401"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, why := ask(set[1], c.l); got != c.want {
				t.Errorf("told %s (%s), want %s", got, why, c.want)
			}
		})
	}
	for _, try := range s.Tries() {
		if try.Service != "dav" || try.Source != "192.0.2.7" {
			t.Errorf("the daemon was told service %q and address %q", try.Service, try.Source)
		}
	}
	s.Revoke("alice")
	if got, why := ask(set[1], servertest.Login{Name: alice.Name, Password: alice.App}); got != "401" {
		t.Errorf("revoked: told %s (%s)", got, why)
	}
	s.Directory().Kill()
	if got, why := ask(set[1], servertest.Login{Name: "carla", Password: s.Person("carla").App}); got != "500" {
		t.Errorf("without a directory: told %s (%s)", got, why)
	}
}

// ask returns the status that Radicale would answer with, and why.
func ask(socket string, l servertest.Login) (status, why string) {
	const yes, no, broken = "207", "401", "500"
	c, err := net.Dial("unix", socket)
	if err != nil {
		return no, err.Error()
	}
	defer func() { _ = c.Close() }()
	greeting, err := receive(c)
	if err != nil {
		return no, err.Error()
	}
	if why := greeted(greeting); why != "" {
		return no, why
	}
	resp := base64.StdEncoding.EncodeToString([]byte("\x00" + l.Name + "\x00" + l.Password))
	const id = "7"
	for _, line := range []string{"VERSION\t1\t1\n", fmt.Sprintf("CPID\t%d\n", os.Getpid()),
		"AUTH\t" + id + "\tPLAIN\tservice=radicale\trip=192.0.2.7\tresp=" + resp + "\n"} {
		if _, err := c.Write([]byte(line)); err != nil {
			return no, err.Error()
		}
	}
	answer, err := receive(c)
	if err != nil {
		return no, err.Error()
	}
	line, _, whole := strings.Cut(answer, "\n")
	fields := strings.Split(line, "\t")
	switch {
	case len(fields) < 2:
		return broken, "closed without an answer"
	case !whole || fields[1] != id || fields[0] != "OK":
		return no, answer
	default:
		return yes, answer
	}
}

// greeted says what is wrong with a greeting.
func greeted(greeting string) string {
	lines := strings.Split(greeting, "\n")
	version, plain := false, false
	for _, line := range lines[:len(lines)-1] {
		fields := strings.Split(line, "\t")
		switch fields[0] {
		case "VERSION":
			if len(fields) != 3 || fields[1] != "1" || fields[2] > "2" {
				return "the version" // from 1.3 on it waits for another part
			}
			version = true
		case "MECH":
			plain = plain || fields[1] == "PLAIN"
		case "DONE":
			if version && plain {
				return ""
			}
			return "the end came too early"
		}
	}
	return "no end: " + greeting
}

// receive is one recv(1024), as the client does it: what comes later is lost,
// and a closed connection is an empty text.
func receive(c net.Conn) (string, error) {
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	buf := make([]byte, 1024)
	n, err := c.Read(buf)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(buf[:n]), err
}
