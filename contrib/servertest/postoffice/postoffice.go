// Package postoffice runs a real Postfix that takes mail over TLS and puts
// it into maildirs, where tests read it again.
//
// It knows nothing of the daemon, and nothing leaves this machine. Only tests
// may import it; they need root, as Postfix does.
package postoffice

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// The login that the server takes with Options.Login.
const (
	User     = "sallyport"
	Password = "only for mail"
)

// Options change what is usual.
type Options struct {
	// Encrypted demands STARTTLS; else none is offered.
	Encrypted bool
	// Implicit has TLS from the first byte instead; it goes with Encrypted.
	Implicit bool
	// Login demands a login before anything else.
	Login bool
}

// Office is one Postfix.
type Office struct {
	// Port is where it listens on 127.0.0.1, whose certificate names localhost.
	Port int
	// CAFile is the authority of its certificate.
	CAFile string

	dir string
}

const mainCF = `
compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.1/32
inet_interfaces = loopback-only
default_transport = error:nothing leaves this machine
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.org
virtual_mailbox_base = %[1]s/mail
virtual_mailbox_maps = texthash:%[1]s/etc/boxes
virtual_uid_maps = static:%[2]d
virtual_gid_maps = static:%[3]d
virtual_minimum_uid = 1
smtpd_recipient_restrictions = check_recipient_access texthash:%[1]s/etc/moody, reject_unauth_destination
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
`

const encrypted = `
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = %[1]s/etc/cert.pem
smtpd_tls_key_file = %[1]s/etc/key.pem
smtpd_tls_loglevel = 1
`

const login = `
smtpd_sasl_auth_enable = yes
cyrus_sasl_config_path = %[1]s/etc/sasl
smtpd_client_restrictions = permit_sasl_authenticated, reject
`

const sasl = `
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: %[1]s/etc/sasldb2
mech_list: PLAIN LOGIN
`

const masterCF = `127.0.0.1:%d inet n - n - - smtpd%s
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
error unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
`

// boxes are who has a maildir, beside those in moody.
const boxes = `alice@example.org alice/
bert@example.org bert/
carla@example.org carla/
full@example.org full/
spam@example.org spam/
`

// moody are recipients that are not taken, though they are known.
const moody = `full@example.org 452 4.2.2 Mailbox is full
spam@example.org 554 5.7.1 Message is not wanted here
`

// Open sets an office up, without starting it.
func Open(t testing.TB, o Options) *Office {
	t.Helper()
	run.NeedRoot(t)
	run.Need(t, "postfix", "postfix")
	dir, err := os.MkdirTemp("", "po")
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatalf("opening a folder: %v", err)
	}
	p := &Office{Port: run.FreePort(t), CAFile: dir + "/etc/cert.pem", dir: dir}
	if err := os.Mkdir(dir+"/queue", 0o755); err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	run.Own(t, dir+"/data", "postfix")
	run.Own(t, dir+"/mail", "nobody")
	nobody := run.AsUser(t, "nobody")
	conf := fmt.Sprintf(mainCF, dir, nobody.Uid, nobody.Gid)
	if o.Encrypted {
		certify(t, dir+"/etc")
		conf += fmt.Sprintf(encrypted, dir)
	}
	if o.Login {
		p.allowLogin(t)
		conf += fmt.Sprintf(login, dir)
	}
	run.Write(t, dir+"/etc/main.cf", conf, 0o644)
	smtpd := ""
	if o.Implicit {
		smtpd = " -o smtpd_tls_wrappermode=yes"
	}
	run.Write(t, dir+"/etc/master.cf", fmt.Sprintf(masterCF, p.Port, smtpd), 0o644)
	run.Write(t, dir+"/etc/boxes", boxes, 0o644)
	run.Write(t, dir+"/etc/moody", moody, 0o644)
	return p
}

func (p *Office) allowLogin(t testing.TB) {
	t.Helper()
	run.Write(t, p.dir+"/etc/sasl/smtpd.conf", fmt.Sprintf(sasl, p.dir), 0o644)
	_, err := run.Run(run.Command{
		Path:  run.Need(t, "saslpasswd2", "sasl2-bin"),
		Args:  []string{"-p", "-c", "-f", p.dir + "/etc/sasldb2", "-u", "mail.example.org", User},
		Stdin: Password,
	})
	if err != nil {
		t.Fatalf("making the login: %v", err)
	}
	if err := os.Chmod(p.dir+"/etc/sasldb2", 0o644); err != nil {
		t.Fatalf("opening the logins to Postfix: %v", err)
	}
}

// certify makes an authority that is its own server.
func certify(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatalf("making a certificate: %v", err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("writing a key: %v", err)
	}
	run.Write(t, dir+"/cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	run.Write(t, dir+"/key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes})), 0o600)
}

// Start lets the office take mail until stop is called, or the test ends.
func (p *Office) Start(t testing.TB) (stop func()) {
	t.Helper()
	postfix := run.Need(t, "postfix", "postfix")
	process := run.Background(t, run.Command{Path: postfix, Args: []string{"-c", p.dir + "/etc", "start-fg"}})
	stop = func() {
		_, _ = run.Run(run.Command{Path: postfix, Args: []string{"-c", p.dir + "/etc", "abort"}})
		process.Kill()
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("Postfix logged:\n%s", run.Tail(p.log()))
		}
	})
	if err := run.Listening(fmt.Sprintf("127.0.0.1:%d", p.Port)); err != nil {
		t.Fatal(err)
	}
	return stop
}

func (p *Office) log() string {
	b, _ := os.ReadFile(p.dir + "/log") // there is none yet
	return string(b)
}

// Taken are the Message-IDs of all mail, in the order in which it was taken.
func (p *Office) Taken() []string {
	var out []string
	for _, m := range regexp.MustCompile(`message-id=(<[^>]*>)`).FindAllStringSubmatch(p.log(), -1) {
		out = append(out, m[1])
	}
	return out
}

// Encrypted tells whether a client has used TLS.
func (p *Office) Encrypted() bool {
	return strings.Contains(p.log(), "TLS connection established")
}

// Box waits until somebody has n mails or more, and returns them all.
func (p *Office) Box(t testing.TB, who string, n int) []*mail.Message {
	t.Helper()
	var files []string
	err := run.Within(run.Patience, func() (err error) {
		if files, err = filepath.Glob(filepath.Join(p.dir, "mail", who, "new", "*")); err == nil && len(files) < n {
			err = fmt.Errorf("%s has %d mails", who, len(files))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []*mail.Message
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatalf("reading a mail: %v", err)
		}
		m, err := mail.ReadMessage(strings.NewReader(string(text)))
		if err != nil {
			t.Fatalf("reading a mail: %v\n%s", err, text)
		}
		out = append(out, m)
	}
	return out
}
