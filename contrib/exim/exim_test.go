package exim

import (
	"fmt"
	"os"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/mailtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// whole is a small configuration with the recipe in its places. Mail goes
// nowhere.
const whole = `
primary_hostname = mail.example.org
spool_directory = %[1]s/spool
log_file_path = %[1]s/log-%%s
pid_file_path = %[1]s/pid
exim_user = Debian-exim
exim_group = Debian-exim
tls_advertise_hosts =
acl_smtp_mail = acl_mail
acl_smtp_rcpt = acl_rcpt
auth_advertise_hosts = *
keep_environment =

begin acl
acl_mail:
%[2]s
acl_rcpt:
  accept authenticated = *
  deny message = Log in first.

begin routers
nowhere:
  driver = redirect
  data = :blackhole:

begin authenticators
%[3]s
`

func TestExim(t *testing.T) {
	run.NeedRoot(t)
	exim := run.Need(t, "exim4", "exim4-daemon-heavy")
	s := servertest.Start(t, servertest.Options{Recipe: "sallyport.toml"})
	dir := s.Dir + "/exim"
	run.Own(t, dir, "Debian-exim")
	run.Own(t, dir+"/spool", "Debian-exim")
	run.Write(t, dir+"/exim.conf", fmt.Sprintf(whole, dir, run.Config(t, "acl_mail.conf"),
		run.Config(t, "authenticators.conf", "/run/sallyport/auth-client", s.Dovecot)), 0o644)
	port := run.FreePort(t)
	run.Background(t, run.Command{Path: exim, Args: []string{"-C", dir + "/exim.conf", "-bdf", "-oX", fmt.Sprintf("127.0.0.1:%d", port)}})
	t.Cleanup(func() {
		if log, err := os.ReadFile(dir + "/log-main"); err == nil && t.Failed() {
			t.Logf("Exim logged:\n%s", run.Tail(string(log)))
		}
	})
	mail := mailtest.Server{Address: fmt.Sprintf("127.0.0.1:%d", port)}
	if err := run.Listening(mail.Address); err != nil {
		t.Fatal(err)
	}
	servertest.Prove(t, s, servertest.Proof{
		Server: "Exim 4.96 (heavy)", Mechanism: "Dovecot socket", Client: "Go's net/smtp, PLAIN and LOGIN",
		Sync: mail.Send, Ask: mail.Ask, Foreign: mail.Foreign,
		OK: "235", Refused: "535", Outage: "435", Address: "127.0.0.1", Canonical: true,
	})
}
