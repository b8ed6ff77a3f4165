package endtoend

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/postoffice"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// mailHook is what README and reference say, for a server of ours.
const mailHook = `
[[hook]]
name = "notify"
path = %q
before = false
mail = true
[hook.settings]
server = "localhost:%d"
ca_file = %q
user = "%s@mail.example.org"
password_file = %q
from = "noreply@example.org"
timezone = "Europe/Berlin"
`

// writes lets the site write mail by way of the office.
func (s *site) writes(p *postoffice.Office) {
	s.must("writing the password", os.WriteFile(s.path("mail-password"), []byte(postoffice.Password+"\n"), 0o400))
	s.configure(fmt.Sprintf(mailHook, filepath.Join(bin, "sallyport-notify"), p.Port, p.CAFile, postoffice.User, s.path("mail-password")))
}

// configure adds to the config.
func (s *site) configure(more string) {
	text, err := os.ReadFile(s.path("sallyport.toml"))
	s.must("reading the config", err)
	s.must("writing the config", os.WriteFile(s.path("sallyport.toml"), append(text, more...), 0o600))
}

func (s *site) checkConfig() (string, error) {
	said, err := exec.Command(filepath.Join(bin, "sallyportd"), "check-config", "--config", s.path("sallyport.toml")).CombinedOutput()
	return string(said), err
}

func (s *site) support(args ...string) {
	s.t.Helper()
	said, err := exec.Command(filepath.Join(bin, "sallyport"), append([]string{"--socket", s.path("run/admin.sock")}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("sallyport %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// loginFrom tries alice's web login from an address, and returns the status.
func (s *site) loginFrom(address, code string) int {
	s.t.Helper()
	a, err := s.check().ask(request{method: "POST", path: "/v1/check", headers: []string{"Content-Type: application/json"}, body: fmt.Sprintf(
		`{"service":"web","username":"alice","password":"alice-password","code":%q,"client":{"ip":%q}}`, code, address)})
	s.must("asking", err)
	return a.status
}

// Everything that alice is told in her first week, by the whole daemon and a real
// mail server: in its order, with where from, in the language that the directory
// has of her, and nothing of it twice.
func TestAliceIsToldByMail(t *testing.T) {
	office := postoffice.Open(t, postoffice.Options{Encrypted: true, Login: true})
	office.Start(t)
	s := newSite(t, options{})
	s.writes(office)
	if said, err := s.checkConfig(); err != nil {
		t.Fatalf("check-config: %v\n%s", err, said)
	}
	s.people.Modify(directorytest.PersonDN("alice"), "preferredLanguage", "fr, en-GB;q=0.8, de;q=0.3")
	s.must("starting", s.start())
	b := s.browser()
	alice, err := s.enroll(b, "alice", "")
	s.must("setting up", err)
	secret, err := issue(b, "phone")
	s.must("making an app password", err)
	s.must("connecting one more phone", s.oneMore(b, "Tablet"))
	for range 3 {
		if got := s.loginFrom("198.51.100.7", "000000"); got != http.StatusUnauthorized {
			t.Errorf("a wrong code: %d", got)
		}
	}
	for _, from := range []string{"198.51.100.7", "198.51.100.7"} {
		code, err := s.phones.code(alice.key)
		s.must("reading a code", err)
		if got := s.loginFrom(from, code); got != http.StatusOK {
			t.Errorf("a right code: %d", got)
		}
	}
	s.must("signing in again", b.get("/home"))
	s.support("revoke", "alice", "--all", "--reason", "a lost phone")
	s.support("reset", "alice", "--reason", "a lost phone")
	want := []string{
		"Authenticator app set up from 192.0.2.9", "New app password from 192.0.2.9", "One more phone connected from 192.0.2.9", "Your normal password with a wrong code from 198.51.100.7",
		"Sign-in from a new network from 198.51.100.7", "App password removed from ", "Sign-in reset by support from ",
	}
	mails := office.Box(t, "alice", len(want))
	network := regexp.MustCompile(`(?m)^Network: (\S+)`)
	got := map[string]string{} // by Message-ID
	for _, m := range mails {
		body := plainText(t, m)
		from := ""
		if found := network.FindStringSubmatch(body); found != nil {
			from = found[1]
		}
		subject, err := (&mime.WordDecoder{}).DecodeHeader(m.Header.Get("Subject"))
		s.must("reading a subject", err)
		got[m.Header.Get("Message-Id")] = subject + " from " + from
		for _, never := range append([]string{alice.key, alice.used, secret, "alice-password", postoffice.Password, "http"}, alice.codes...) {
			if strings.Contains(strings.ToLower(body), strings.ToLower(never)) {
				t.Errorf("a mail holds %q:\n%s", never, body)
			}
		}
	}
	var order []string
	for _, id := range office.Taken() {
		order = append(order, got[id])
	}
	if !slices.Equal(order, want) {
		t.Errorf("alice was told\n%s\nwant\n%s", strings.Join(order, "\n"), strings.Join(want, "\n"))
	}
	if log := s.log(); strings.Contains(log, "alice@") || strings.Contains(log, postoffice.Password) {
		t.Errorf("the log names her address, or the password:\n%s", tail(log, 3000))
	}
}

// oneMore connects another phone of whoever is signed in.
func (s *site) oneMore(b *browser, label string) error {
	if err := b.get("/phone/add"); err != nil {
		return err
	}
	if err := b.submit("/phone/begin", url.Values{"label": {label}}); err != nil {
		return err
	}
	key, err := b.read("key")
	if err != nil {
		return err
	}
	code, err := s.phones.code(key)
	if err != nil {
		return err
	}
	return b.submit("/phone/confirm", url.Values{"code": {code}})
}

// check-config asks the hook itself, and names the line of each mistake; a
// daemon with such a config does not start.
func TestTheConfigOfMailIsChecked(t *testing.T) {
	s := newSite(t, options{})
	before, err := os.ReadFile(s.path("sallyport.toml"))
	s.must("reading the config", err)
	s.configure(fmt.Sprintf("\n[[hook]]\nname = \"notify\"\npath = %q\nbefore = false\n[hook.settings]\nserver = \"mail.example.org\"\nfrom = \"a@example.org\"\nwhatever = 1\n",
		filepath.Join(bin, "sallyport-notify")))
	line := strings.Count(string(before), "\n") + 6
	said, err := s.checkConfig()
	for i, want := range []string{
		"hook[0].settings: are of no use: the hook is told no mail addresses; write mail = true into its [[hook]]",
		`hook[0].settings.server: "mail.example.org" is not a name with a port; write for example: server = "mail.example.org:587"`,
		"hook[0].settings.whatever: is no setting of this hook; known are: ca_file, from, language, max_age, password_file, server, timezone, tls, user",
	} {
		want = fmt.Sprintf("sallyport.toml:%d: %s", line+[]int{0, 1, 3}[i], want)
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("without %q, %v:\n%s", want, err, said)
		}
	}
	if err := s.start(); err == nil || !strings.Contains(s.log(), "whatever") {
		t.Errorf("the daemon starts with it, %v:\n%s", err, tail(s.log(), 2000))
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "sallyport-check-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("check-config left %v, %v", left, err)
	}
}

// The example of the reference is one that the hook takes, but for what has to
// be one's own.
func TestTheReferenceOfMailHolds(t *testing.T) {
	s := newSite(t, options{})
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "configs", "sallyport.toml"))
	s.must("reading the reference", err)
	_, hook, _ := strings.Cut(string(text), "\n#[[hook]]\n")
	hook, _, _ = strings.Cut(hook, "\n# ---")
	var lines []string
	for line := range strings.Lines(hook) {
		if key, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(key, " ") && !strings.HasPrefix(key, "on_error") {
			lines = append(lines, key)
		}
	}
	s.must("writing a password", os.WriteFile(s.path("mail-password"), []byte("x"), 0o400))
	s.configure("\n[[hook]]\n" + strings.NewReplacer("/usr/local/bin", bin, "/etc/sallyport", s.dir).Replace(strings.Join(lines, "")))
	if said, err := s.checkConfig(); err != nil || len(lines) < 14 {
		t.Errorf("%v:\n%s\n%s", err, said, strings.Join(lines, ""))
	}
}

// plainText is the part of a mail that is read without pictures.
func plainText(t *testing.T, m *mail.Message) string {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextPart() // decodes quoted-printable
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
