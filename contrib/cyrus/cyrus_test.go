package cyrus

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// rest is what the recipe leaves as it is: folders, and that carla is the
// administrator who makes mailboxes.
const rest = `
configdirectory: %[1]s/lib
proc_path: %[1]s/proc
mboxname_lockpath: %[1]s/lock
defaultpartition: default
partition-default: %[1]s/spool
tls_server_cert: disabled
admins: carla
altnamespace: no
unixhierarchysep: yes
virtdomains: off
umask: 077
syslog_prefix: cyrus-test
idlesocket: %[1]s/idle
notifysocket: %[1]s/notify
lmtpsocket: %[1]s/lmtp
`

const services = `START {
	recover	cmd="/usr/sbin/cyrus ctl_cyrusdb -C %[1]s/imapd.conf -r"
}
SERVICES {
	imap	cmd="imapd -C %[1]s/imapd.conf" listen="%[2]s" proto="tcp4"
	http	cmd="httpd -C %[1]s/imapd.conf" listen="%[3]s" proto="tcp4"
}
EVENTS {
	checkpoint	cmd="/usr/sbin/cyrus ctl_cyrusdb -C %[1]s/imapd.conf -c" period=600
}
`

// start runs Cyrus with the recipe and makes mailboxes for two people.
func start(t *testing.T, s *servertest.Site) (imap, http string) {
	t.Helper()
	master := run.Need(t, "cyrmaster", "cyrus-caldav cyrus-imapd")
	dir := s.Dir + "/cyrus"
	for _, d := range []string{"", "/lib", "/lib/socket", "/lib/db", "/lib/user", "/proc", "/lock", "/spool"} {
		run.Own(t, dir+d, "cyrus")
	}
	imap, http = fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	conf := run.Config(t, "imapd.conf", "/run/sallyport/mux", s.Saslauthd)
	run.Write(t, dir+"/imapd.conf", conf+fmt.Sprintf(rest, dir), 0o644)
	run.Write(t, dir+"/cyrus.conf", fmt.Sprintf(services, dir, imap, http), 0o644)
	run.Background(t, run.Command{Path: master, Args: []string{"-C", dir + "/imapd.conf", "-M", dir + "/cyrus.conf", "-p", dir + "/pid"}})
	for _, address := range []string{imap, http} {
		if err := run.Listening(address); err != nil {
			t.Fatal(err)
		}
	}
	carla := s.Person("carla")
	err := run.Within(run.Patience, func() error {
		return say(imap, fmt.Sprintf("LOGIN carla %q", carla.App), "CREATE user/alice", "CREATE user/bert")
	})
	if err != nil {
		t.Fatalf("making mailboxes: %v", err)
	}
	return imap, http
}

// say speaks IMAP: every command must be answered with OK.
func say(address string, commands ...string) error {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(run.Patience))
	lines := bufio.NewScanner(c)
	for i, command := range append([]string{"NOOP"}, commands...) {
		if _, err := fmt.Fprintf(c, "a%d %s\r\n", i, command); err != nil {
			return err
		}
		tag, answer := fmt.Sprintf("a%d ", i), ""
		for answer == "" && lines.Scan() {
			answer, _ = strings.CutPrefix(lines.Text(), tag)
			if answer == lines.Text() {
				answer = ""
			}
		}
		if !strings.HasPrefix(answer, "OK") && !strings.Contains(answer, "exists") {
			return fmt.Errorf("%.9s: answered %q", command, answer)
		}
	}
	return nil
}

func TestCyrus(t *testing.T) {
	run.NeedRoot(t)
	run.Need(t, "vdirsyncer", "vdirsyncer")
	s := servertest.Start(t, servertest.Options{Recipe: "sallyport.toml"})
	imap, http := start(t, s)
	t.Run("mail", func(t *testing.T) { mail(t, s, imap) })
	dav := davtest.Server{URL: "http://" + http, Calendars: "/dav/calendars/user/%s/", Contacts: "/dav/addressbooks/user/%s/"}
	servertest.Prove(t, s, servertest.Proof{
		Server: "Cyrus 3.6", Mechanism: "saslauthd socket", Client: "vdirsyncer",
		Sync: dav.Computer(t),
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/dav/principals/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/dav/calendars/user/"+owner+"/")
		},
		OK: "207", Refused: "401", Outage: "500", Canonical: true,
		Note: "Cyrus itself writes logins in small letters; a login with an @ needs its virtual domains",
	})
	// Cyrus gives each connection a process, which asks again for each request.
	dav.Revoked(t, s, "bert", "/dav/principals/")
}

// mail: that side asks over the same socket, by another word for the service.
func mail(t *testing.T, s *servertest.Site, imap string) {
	alice := s.Person("alice")
	for name, c := range map[string]struct {
		password string
		ok       bool
	}{"app password": {alice.App, true}, "normal password": {alice.Password, false}, "code": {s.Code("alice"), false}, "wrong": {servertest.WrongApp(t), false}} {
		if err := say(imap, fmt.Sprintf("LOGIN alice %q", c.password), "SELECT INBOX"); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, try := range s.Tries() {
		if try.Service != "mail" || try.FrontEnd != "saslauthd" {
			t.Errorf("the daemon was asked for %+v", try)
		}
	}
}

// The test program of Cyrus SASL, which every administrator will try first.
func TestTheTestProgramOfSASL(t *testing.T) {
	program := run.Need(t, "testsaslauthd", "sasl2-bin")
	s := servertest.Start(t, servertest.Options{Saslauthd: `service_map = {HTTP = "dav", imap = "mail"}`})
	alice := s.Person("alice")
	ask := func(name, password, service string) string {
		out, _ := run.Run(run.Command{Path: program, Args: []string{"-f", s.Saslauthd, "-u", name, "-p", password, "-s", service}}) //nolint // it says so in words
		return strings.TrimSpace(out)
	}
	const yes, no, later = `0: OK "Success."`, `0: NO "authentication failed"`, `size read failed`
	for _, c := range []struct{ name, password, service, want string }{
		{"alice", alice.App, "HTTP", yes}, {"alice", alice.App, "http", yes}, {"alice", alice.Other, "imap", yes},
		{"alice", alice.Password, "HTTP", no}, {"alice", "wrong", "HTTP", no}, {"Alice", alice.App, "HTTP", no},
		{"nobody", alice.App, "HTTP", no}, {"alice@elsewhere.example", alice.App, "HTTP", no},
	} {
		if got := ask(c.name, c.password, c.service); got != c.want {
			t.Errorf("%s at %s: %s, want %s", c.name, c.service, got, c.want)
		}
	}
	s.Directory().Kill()
	bert := s.Person("bert") // nobody has asked for bert yet, so he is in no memory
	for _, password := range []string{bert.Password, bert.App} {
		if got := ask("bert", password, "HTTP"); !strings.HasPrefix(got, later) {
			t.Errorf("while the directory is away: %s", got)
		}
	}
	s.Directory().Restart()
	err := run.Within(run.Patience, func() error {
		if got := ask("bert", bert.App, "HTTP"); got != yes {
			return fmt.Errorf("told %s", got)
		}
		return nil
	})
	if err != nil {
		t.Errorf("after the outage of the directory: %v", err)
	}
	s.Stop()
	if got := ask("alice", alice.App, "HTTP"); !strings.HasPrefix(got, "connect()") {
		t.Errorf("while the daemon is away: %s", got)
	}
}
