package reloads

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// certify writes a certificate of that serial, which ends in so many hours, and its key.
func (s *scene) certify(serial int64) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"login.example.org"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Duration(serial) * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	s.must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	s.must(err)
	s.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	s.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), 0o400)
}

func shown(t *testing.T, address string) int64 {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{ServerName: "login.example.org", InsecureSkipVerify: true}) //nolint:gosec // which one it is, is what is asked
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// overTLS has the daemon itself do TLS for the page, with certificate 1.
func (s *scene) overTLS() (address string) {
	s.t.Helper()
	s.Stop()
	address = fmt.Sprintf("127.0.0.1:%d", run.FreePort(s.t))
	s.certify(1)
	s.edit(fmt.Sprintf("listen = %q", s.path("page.sock")), fmt.Sprintf("listen = %q\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\nprofile_cert = \"cert.pem\"\nprofile_key = \"key.pem\"", address))
	s.Restart()
	s.pid = s.daemon()
	return address
}

// TestACertificateIsRenewed: the config's text stays, and new connections to the
// page are shown the new one; profiles are signed with it, and the metrics tell its end.
func TestACertificateIsRenewed(t *testing.T) {
	s := newScene(t, servertest.Options{})
	address := s.overTLS()
	if got := shown(t, address); got != 1 {
		t.Fatalf("at the start: %d", got)
	}
	ends := func(certificate string) float64 {
		return s.Metric(t, "sallyport_certificate_expiry_timestamp_seconds", `certificate="`+certificate+`"`)
	}
	page, profile := ends("page"), ends("profile")
	s.certify(2)
	s.reload(taken)
	if got := shown(t, address); got != 2 {
		t.Errorf("after the reload: %d", got)
	}
	const hour = 3600
	if ends("page")-page < hour-60 || ends("profile")-profile < hour-60 {
		t.Errorf("the certificate of the page ended at %f and now at %f, that of profiles at %f and now at %f", page, ends("page"), profile, ends("profile"))
	}
	s.write("key.pem", "no key", 0o400)
	s.reload(refused)
	if got := shown(t, address); got != 2 {
		t.Errorf("after one that is broken: %d", got)
	}
}

// TestWhatAReloadChanges: services, texts and limits, each asked as somebody would
// who wants to know.
func TestWhatAReloadChanges(t *testing.T) {
	const first = `service_map = {dav = "dav"}`
	s := newScene(t, servertest.Options{Saslauthd: first, Dovecot: first})
	app := s.Person("alice").App
	word := func() bool {
		c := client{front: "saslauthd", socket: s.Saslauthd}
		ok, err := c.ask("alice", app)
		s.must(err)
		return ok
	}
	if !word() || slices.Contains(s.asks(app), false) {
		t.Fatal("alice is not let in at the start")
	}
	// What the programs call "dav" now means a service that wants a code, too; a
	// connection that is kept means it as well.
	kept := client{front: "dovecot", socket: s.Dovecot, keeps: true}
	if ok, err := kept.ask("alice", app); !ok || err != nil {
		t.Fatal(ok, err)
	}
	s.edit(first, `service_map = {dav = "ssh"}`)
	s.reload(taken)
	if word() {
		t.Error("saslauthd: the new map of services is not in force")
	}
	if ok, err := kept.ask("alice", app); ok || err != nil || kept.reconnects != 0 {
		t.Errorf("dovecot, on a kept connection: %t, %v, %d", ok, err, kept.reconnects)
	}
	s.must(os.Mkdir(s.path("texts"), 0o755))
	s.write("texts/de.json", `{"signin.title": "A greeting of our own"}`, 0o644)
	s.edit("operator = ", "texts = \"texts\"\noperator = ", "failure_grid", "source_per_minute = 1\nfailure_grid")
	s.reload(taken)
	if page := s.get("page.sock", "/"); !strings.Contains(page, "A greeting of our own") {
		t.Errorf("the page does not have the new text:\n%s", page)
	}
	s.newLetters()
	c := client{front: "http", socket: s.HTTP}
	wrong := servertest.WrongApp(t)
	s.within("the new limit", func() error {
		_, err := c.ask("alice", wrong)
		if err == nil || !strings.Contains(err.Error(), "429") {
			return errors.New("one may still try")
		}
		return nil
	})
	if n := s.count(`"reason":"throttled"`); n == 0 {
		t.Error("nobody was throttled")
	}
}

// newLetters reloads with other texts of mails: the hook that sends them is started
// again where they have changed, and only there, and a mistake in them keeps it.
func (s *scene) newLetters() {
	s.t.Helper()
	s.edit("[metrics]", fmt.Sprintf("[[hook]]\nname = \"notify\"\npath = %q\nbefore = false\nmail = true\n"+
		"settings = {server = \"localhost:25\", tls = \"none\", from = \"noreply@example.org\"}\n[metrics]", s.Bin+"/sallyport-notify"))
	s.reload(taken)
	first := s.plugins()["notify"]
	s.write("texts/mail.de.json", `{"greeting": "Moin {who},"}`, 0o644)
	s.reload(taken)
	second := s.plugins()["notify"]
	s.reload(taken)
	third := s.plugins()["notify"]
	s.write("texts/mail.de.json", `{"greeting": "Moin,"}`, 0o644)
	s.reload(refused)
	if fourth := s.plugins()["notify"]; first == 0 || second == 0 || second == first || third != second || fourth != second {
		s.t.Errorf("the hook was %d, with new texts %d, with the same %d, with a mistake %d", first, second, third, fourth)
	}
	if log := s.Log(); !strings.Contains(log, "mail.de.json: text \\\"greeting\\\" must have the places {who}") {
		s.t.Error("the log does not name the file, the text and the mistake")
	}
	s.write("texts/mail.de.json", `{}`, 0o644)
}

// TestTheDirectorysPassword: a new one takes a reload, and no restart.
func TestTheDirectorysPassword(t *testing.T) {
	s := newScene(t, servertest.Options{})
	app := s.Person("alice").App
	s.Directory().Modify(directorytest.BindDN, "userPassword", "another")
	s.Directory().Restart() // ends the connections that are bound already
	c := client{front: "saslauthd", socket: s.Saslauthd}
	s.within("an outage", func() error {
		if ok, err := c.ask("bert", s.Person("bert").App); err == nil {
			return fmt.Errorf("bert is told %t", ok)
		}
		return nil
	})
	s.write("ldap-password", "another", 0o400)
	s.reload(taken)
	s.within("the new password", func() error {
		ok, err := c.ask("alice", app)
		if err == nil && !ok {
			err = errors.New("alice is refused")
		}
		return err
	})
}
