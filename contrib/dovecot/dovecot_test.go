package dovecot

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// rest is what the recipe leaves as it is. Dovecot itself makes an address that
// failed wait for up to 15 seconds; that is switched off to see its answers.
const rest = `
base_dir = %[1]s/base
state_dir = %[1]s/state
log_path = /dev/stderr
protocols = pop3
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
listen = 127.0.0.1
mail_location = maildir:~/mail
first_valid_uid = 1
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = %[2]d
  }
  inet_listener pop3s {
    port = 0
  }
}
`

func TestDovecot(t *testing.T) {
	run.NeedRoot(t)
	dovecot := run.Need(t, "dovecot", "dovecot-core dovecot-pop3d")
	s := servertest.Start(t, servertest.Options{Recipe: "sallyport.toml"})
	dir, port := s.Dir+"/dovecot", run.FreePort(t)
	run.Own(t, dir+"/mail", "mail")
	run.Write(t, dir+"/dovecot.conf", fmt.Sprintf(rest, dir, port)+run.Config(t, "sallyport.conf",
		"/usr/local/bin/sallyport-check", s.Bin+"/sallyport-check", "/run/sallyport/check.sock", s.HTTP,
		"vmail gid=vmail", "mail gid=mail", "/var/vmail", dir+"/mail"), 0o644)
	run.Background(t, run.Command{Path: dovecot, Args: []string{"-F", "-c", dir + "/dovecot.conf"}})
	mail := pop3{fmt.Sprintf("127.0.0.1:%d", port)}
	if err := run.Listening(mail.address); err != nil {
		t.Fatal(err)
	}
	servertest.Prove(t, s, servertest.Proof{
		Server: "Dovecot 2.3", Mechanism: "passdb checkpassword, sallyport-check", Client: "POP3 by hand",
		Sync: mail.read, Ask: mail.login,
		OK: "+OK", Refused: "-ERR [AUTH]", Outage: "-ERR [SYS/TEMP]", Address: "127.0.0.1", Canonical: true, Waits: true,
	})
}

// pop3 is a client at "host:port"; the library of the language has none. POP3 is
// here because Debian has no two IMAP servers on one machine: to passdb it is
// all the same.
type pop3 struct{ address string }

// login logs in and returns the first words of the answer.
func (p pop3) login(l servertest.Login) (string, error) {
	answer, err := p.say(l)
	if err != nil {
		return "", err
	}
	words := strings.Fields(answer)
	if words[0] == "-ERR" && len(words) > 1 {
		return words[0] + " " + words[1], nil
	}
	return words[0], nil
}

// read logs in and looks into the inbox.
func (p pop3) read(l servertest.Login) error {
	answer, err := p.say(l, "STAT", "QUIT")
	if err == nil && !strings.HasPrefix(answer, "+OK") {
		err = fmt.Errorf("answered %q", answer)
	}
	return err
}

// say logs in, gives the commands as long as all goes well, and returns the last
// answer.
func (p pop3) say(l servertest.Login, commands ...string) (string, error) {
	c, err := net.DialTimeout("tcp", p.address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(run.Patience))
	lines := bufio.NewScanner(c)
	if !lines.Scan() {
		return "", fmt.Errorf("no greeting: %w", lines.Err())
	}
	answer := "+OK"
	resp := base64.StdEncoding.EncodeToString([]byte("\x00" + l.Name + "\x00" + l.Password))
	for _, command := range append([]string{"AUTH PLAIN " + resp}, commands...) {
		if !strings.HasPrefix(answer, "+OK") {
			break
		}
		if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
			return "", err
		}
		if !lines.Scan() {
			return "", fmt.Errorf("no answer: %w", lines.Err())
		}
		answer = lines.Text()
	}
	return answer, nil
}

// Dovecot's own library is the strictest client of the handshake.
func TestDovecotsOwnLibrary(t *testing.T) {
	run.NeedRoot(t)
	doveadm := run.Need(t, "doveadm", "dovecot-core")
	s := servertest.Start(t, servertest.Options{Dovecot: `service_map = {imap = "mail"}`})
	run.Write(t, s.Dir+"/doveadm.conf", "log_path = /dev/stderr\nssl = no\n", 0o644)
	alice := s.Person("alice")
	ask := func(name, password string) string {
		out, _ := run.Run(run.Command{Path: doveadm, Args: []string{ //nolint // it says so in words
			"-c", s.Dir + "/doveadm.conf", "auth", "test", "-a", s.Dovecot, "-x", "service=imap", "-x", "rip=192.0.2.7", name}, Stdin: password + "\n"})
		return out
	}
	for _, c := range []struct{ name, password, want string }{
		{"alice", alice.App, "passdb: alice auth succeeded"},
		{"alice", alice.Password, "passdb: alice auth failed"},
		{"alice", alice.Password, "reason=Only an app password works here."},
		{"alice", servertest.WrongApp(t), "reason=The login name or the password is not right."},
		{"Alice", alice.Other, "reason=Please spell your login name exactly"},
		{"nobody", servertest.WrongApp(t), "reason=The login name or the password is not right."},
	} {
		if got := ask(c.name, c.password); !strings.Contains(got, c.want) {
			t.Errorf("%s: said %q, want %q", c.name, got, c.want)
		}
	}
	for _, try := range s.Tries() {
		if try.Source != "192.0.2.7" || try.Service != "mail" {
			t.Errorf("the daemon was asked for %+v", try)
		}
	}
	// A directory that is away is temporary, to this library too.
	s.Directory().Kill()
	err := run.Within(run.Patience, func() error { // what was known a moment ago may still serve
		if got := ask("carla", "x"); !strings.Contains(got, "temp") {
			return fmt.Errorf("said %q", got)
		}
		return nil
	})
	if err != nil {
		t.Errorf("while the directory is away: %v", err)
	}
}
