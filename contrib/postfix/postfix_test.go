package postfix

import (
	"errors"
	"fmt"
	"io"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/mailtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// rest is what the recipe leaves as it is. Mail goes nowhere.
const rest = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
mynetworks = 192.0.2.0/24
inet_interfaces = loopback-only
default_transport = discard
alias_maps =
local_recipient_maps =
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
service_throttle_time = 1s
`

// services are those of Debian's master.cf that a mail meets here. Its smtpd is
// chrooted, and so is this one.
const services = `smtp inet n - y - - smtpd
cleanup unix n - y - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
discard unix - - y - - discard
anvil unix - - y - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// mail is one Postfix: what mail programs and other servers connect to.
type mail struct {
	mailtest.Server
	other string
}

// site runs sallyport with its sockets inside a queue folder, and Postfix with
// the recipe in the given folder. Each process of Postfix serves one connection, as
// otherwise chance says how old the one is that serves the next.
func site(t *testing.T, recipe string) (*servertest.Site, mail) {
	t.Helper()
	run.NeedRoot(t)
	postfix := run.Need(t, "postfix", "postfix")
	dir, err := os.MkdirTemp("", "pf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"/queue", "/queue/sallyport"} {
		if err := os.Mkdir(dir+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run.Own(t, dir+"/data", "postfix")
	s := servertest.Start(t, servertest.Options{Dir: dir + "/queue/sallyport", Recipe: recipe + "sallyport.toml"})
	address := func() string { return fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)) }
	m := mail{mailtest.Server{Address: address()}, address()}
	etc := dir + "/etc"
	run.Write(t, etc+"/main.cf", run.Config(t, recipe+"main.cf")+fmt.Sprintf(rest, dir), 0o644)
	run.Write(t, etc+"/sender_login", run.Config(t, "sender_login"), 0o644)
	run.Write(t, etc+"/master.cf", run.Config(t, "master.cf", "submission inet", m.Address+" inet", "smtpd_tls_security_level=encrypt", "max_use=1",
		"submissions inet", address()+" inet")+strings.Replace(services, "smtp", m.other, 1), 0o644)
	if recipe != "" {
		run.Write(t, etc+"/sasl/smtpd.conf", run.Config(t, recipe+"smtpd.conf"), 0o644)
	}
	run.Background(t, run.Command{Path: postfix, Args: []string{"-c", etc, "start-fg"}})
	t.Cleanup(func() {
		_, _ = run.Run(run.Command{Path: postfix, Args: []string{"-c", etc, "abort"}})
		if log, err := os.ReadFile(dir + "/log"); err == nil && t.Failed() {
			t.Logf("Postfix logged:\n%s", run.Tail(string(log)))
		}
	})
	for _, a := range []string{m.Address, m.other} {
		if err := run.Listening(a); err != nil {
			t.Fatal(err)
		}
	}
	return s, m
}

func TestPostfix(t *testing.T) {
	s, mail := site(t, "")
	t.Run("the reason reaches the remote user", func(t *testing.T) { reason(t, s, mail) })
	t.Run("without the daemon", func(t *testing.T) { without(t, s, mail) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "Postfix 3.7", Mechanism: "Dovecot socket", Client: "Go's net/smtp, PLAIN and LOGIN",
		Sync: mail.Send, Foreign: mail.Foreign, Ask: func(l servertest.Login) (string, error) {
			got, err := mail.Ask(l)
			if errors.Is(err, io.EOF) {
				return ended, nil
			}
			return got, err
		},
		OK: "235", Refused: "535", Outage: "454", Away: ended, Address: "127.0.0.1", Canonical: true,
		Note: "shows the reason to the remote user",
	})
}

// ended is what a client is told by a connection that just ends.
const ended = "connection ends"

// without the daemon, who has connected before is told to come again, and other mail
// servers notice nothing.
func without(t *testing.T, s *servertest.Site, m mail) {
	dial := func(server mailtest.Server) *smtp.Client {
		t.Helper()
		c, err := server.Dial()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	before := dial(m.Server)
	if offers, _ := before.Extension("AUTH"); !offers {
		t.Error("nobody can log in")
	}
	s.Stop()
	defer s.Restart()
	alice := s.Person("alice")
	var said *textproto.Error
	if err := before.Auth(smtp.PlainAuth("", alice.Name, alice.App, "127.0.0.1")); !errors.As(err, &said) || said.Code != 454 {
		t.Errorf("who has connected before is told %v", err)
	}
	other := dial(mailtest.Server{Address: m.other})
	if offers, _ := other.Extension("AUTH"); offers {
		t.Error("other servers can log in")
	}
	if err := errors.Join(other.Mail("somebody@elsewhere.example"), other.Quit()); err != nil {
		t.Errorf("another server is told %v", err)
	}
}

func TestPostfixOverSaslauthd(t *testing.T) {
	s, mail := site(t, "saslauthd/")
	servertest.Prove(t, s, servertest.Proof{
		Server: "Postfix 3.7", Mechanism: "saslauthd socket", Client: "Go's net/smtp, PLAIN and LOGIN",
		Sync: mail.Send, Ask: mail.Ask, Foreign: mail.Foreign,
		OK: "235", Refused: "535", Outage: "454",
	})
}

// reason: whoever still sends the normal password reads what helps, in plain
// ASCII; a stranger reads the same for every name.
func reason(t *testing.T, s *servertest.Site, mail mail) {
	alice := s.Person("alice")
	for _, c := range []struct {
		login servertest.Login
		want  string
	}{
		{servertest.Login{Name: "alice", Password: alice.Password}, "535 5.7.8 Error: authentication failed: Only an app password works here. Your normal password and the code from the app do not. " + servertest.PageURL},
		{servertest.Login{Name: "nobody", Password: alice.Password}, "535 5.7.8 Error: authentication failed: Only an app password works here. Your normal password and the code from the app do not. " + servertest.PageURL},
		{servertest.Login{Name: "alice", Password: servertest.WrongApp(t)}, "535 5.7.8 Error: authentication failed: The login name or the password is not right."},
		{servertest.Login{Name: "nobody", Password: servertest.WrongApp(t)}, "535 5.7.8 Error: authentication failed: The login name or the password is not right."},
	} {
		got, err := mail.Refusal(c.login)
		if err != nil || got != c.want {
			t.Errorf("%s reads %q, %v; want %q", c.login.Name, got, err, c.want)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r > 126 }) {
			t.Errorf("%q is not plain ASCII", got)
		}
	}
}
