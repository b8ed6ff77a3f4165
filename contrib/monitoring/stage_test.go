package monitoring

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/configs"
	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/embedded"
	"github.com/sallyport/sallyport/plugins/factor/factortest"
)

// stage is the demo, as "sallyportd demo" runs it, on other ports, because other
// tests run it at the same time, and with a certificate for the page.
type stage struct {
	t         *testing.T
	dir, page string
	bin       string // of the programs
	metrics   string
	people    *embedded.Server
	daemon    *run.Process
}

func newStage(t *testing.T) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp") // short: a socket's path has at most 107 bytes
	s := &stage{t: t, dir: dir, bin: servertest.Binaries(t), page: fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), metrics: fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))}
	s.must("making a folder", err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.must("making a folder", os.Mkdir(s.path("run"), 0o700))
	s.openDirectory("127.0.0.1:0")
	s.certificate(365 * 24 * time.Hour)
	text := string(configs.DemoTOML)
	for old, other := range map[string]string{
		"ldap://127.0.0.1:3389":                 s.people.URL(),
		`listen = "127.0.0.1:8080"`:             fmt.Sprintf("listen = %q\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\nprofile_cert = \"cert.pem\"\nprofile_key = \"key.pem\"", s.page),
		`url = "http://127.0.0.1:8080"`:         fmt.Sprintf("url = \"https://%s\"", s.page),
		`listen = "127.0.0.1:9464"`:             fmt.Sprintf("listen = %q", s.metrics),
		"[[factor]]\nkind = \"totp\"\n":         "[[factor]]\nkind = \"totp\"\ntimeout = \"2s\"\n", // the machine is shared
		"[[factor]]\nkind = \"app-password\"\n": "[[factor]]\nkind = \"app-password\"\ntimeout = \"2s\"\n",
	} {
		if strings.Count(text, old) != 1 {
			t.Fatalf("the demo's config does not say %q once", old)
		}
		text = strings.Replace(text, old, other, 1)
	}
	run.Write(t, s.path("demo.toml"), text, 0o600)
	_, err = run.Run(run.Command{Path: s.bin + "/sallyportd", Args: []string{"init", "--kek", s.path("kek"), "--state", s.dir}})
	s.must("making the key", err)
	s.daemon = run.Background(t, run.Command{Path: s.bin + "/sallyportd", Args: []string{"serve", "--config", s.path("demo.toml")}, Dir: s.dir})
	s.must("starting the daemon", run.Listening(s.metrics))
	return s
}

func (s *stage) path(rel string) string { return filepath.Join(s.dir, rel) }

func (s *stage) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// openDirectory starts the demo's people, at "host:port".
func (s *stage) openDirectory(at string) {
	s.t.Helper()
	var err error
	s.people, err = embedded.Start(embedded.Config{Addr: at, LDIF: strings.NewReader(string(configs.DemoLDIF))})
	s.must("starting the directory", err)
	people := s.people
	s.t.Cleanup(func() { _ = people.Close() })
}

// certificate writes one for the page and for profiles that ends after a while.
func (s *stage) certificate(left time.Duration) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must("making a key", err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the demo"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(left), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	s.must("making a certificate", err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	s.must("writing a key", err)
	run.Write(s.t, s.path("cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	run.Write(s.t, s.path("key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})), 0o400)
}

// sallyport runs the support tool.
func (s *stage) sallyport(args ...string) string {
	s.t.Helper()
	out, err := run.Run(run.Command{Path: s.bin + "/sallyport", Args: append([]string{"--socket", s.path("run/admin.sock")}, args...)})
	s.must("running sallyport "+strings.Join(args, " "), err)
	return out
}

// plugin is the process of a plugin, and how often it was started again.
func (s *stage) plugin(kind string) (pid, restarts int, err error) {
	out, err := run.Run(run.Command{Path: s.bin + "/sallyport", Args: []string{"--socket", s.path("run/admin.sock"), "--json", "status"}})
	if err != nil {
		return 0, 0, err
	}
	var status struct {
		Plugins []struct {
			Kind          string
			Up            bool
			PID, Restarts int
		}
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		return 0, 0, err
	}
	for _, p := range status.Plugins {
		if p.Kind == kind && p.Up {
			return p.PID, p.Restarts, nil
		}
	}
	return 0, 0, fmt.Errorf("plugin %s is not up:\n%s", kind, out)
}

// flap kills a plugin again and again, each time after it is back.
func (s *stage) flap(kind string, times int) {
	s.t.Helper()
	for n := range times {
		s.must("killing a plugin", run.Within(run.Patience, func() error {
			pid, restarts, err := s.plugin(kind)
			if err == nil && restarts < n {
				err = fmt.Errorf("%s was started again %d times, not %d", kind, restarts, n)
			}
			if err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		}))
	}
}

// fill makes the daemon's disk as good as full, or empty again ("unlimited").
func (s *stage) fill(limit string) {
	s.t.Helper()
	_, err := run.Run(run.Command{Path: run.Need(s.t, "prlimit", "util-linux"), Args: []string{"--pid", fmt.Sprint(s.daemon.PID()), "--fsize=" + limit + ":"}})
	s.must("limiting the size of files", err)
}

// login is what a program at the check socket knows of somebody.
type login struct{ service, name, password, code, from string }

// check asks the daemon, and returns the status.
func (s *stage) check(l login) int {
	if l.from == "" {
		l.from = "192.0.2.7"
	}
	body, err := json.Marshal(map[string]any{"service": l.service, "username": l.name, "password": l.password, "code": l.code, "client": map[string]string{"ip": l.from}})
	if err != nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sallyport/v1/check", strings.NewReader(string(body)))
	if err != nil {
		return 0
	}
	r.Header.Set("Content-Type", "application/json")
	via := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.path("run/check.sock"))
	}}
	resp, err := via.RoundTrip(r)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// person is somebody of the demo.
type person struct {
	name, key, app string
	step           int64
}

// code is the next one of the person's app that was not used; empty while there is
// none.
func (p *person) code() string {
	const length, margin = 30, 5 // seconds
	now := time.Now().Unix()
	next := max(now/length-1, p.step+1)
	if next == now/length-1 && now%length > length-margin {
		next++
	}
	if next > now/length+1 {
		return ""
	}
	p.step = next
	c, err := factortest.Code("otpauth://totp/x?algorithm=SHA1&digits=6&period=30&secret="+p.key, time.Unix(next*length, 0))
	if err != nil {
		return ""
	}
	return c
}

// setUp goes through the page as somebody without JavaScript would: a code app, and
// an app password.
func (s *stage) setUp(name string) *person {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	s.must("opening a browser", err)
	b := &browser{t: s.t, base: "https://" + s.page, client: &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: s.trusting()}}
	p := &person{name: name}
	b.send(http.MethodGet, "/?again=1", nil)
	b.send(http.MethodPost, "/sign-in", url.Values{"name": {name}, "password": {name + "-password"}})
	b.send(http.MethodPost, "/setup/begin", url.Values{})
	p.key = strings.ReplaceAll(b.text("key"), " ", "")
	b.send(http.MethodPost, "/setup/confirm", url.Values{"code": {p.code()}})
	b.send(http.MethodPost, "/codes/kept", url.Values{"kept": {"yes"}})
	b.send(http.MethodGet, "/passwords/new", nil)
	b.send(http.MethodPost, "/passwords/new", url.Values{"program": {"other"}, "label": {"phone"}})
	p.app = b.text("app-password")
	if p.key == "" || p.app == "" {
		s.t.Fatalf("%s could not set up: key %d, app password %d characters; the page says\n%s", name, len(p.key), len(p.app), run.Tail(b.body))
	}
	return p
}

func (s *stage) trusting() http.RoundTripper {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(read(s.t, s.path("cert.pem"))))
	via := http.DefaultTransport.(*http.Transport).Clone()
	via.TLSClientConfig.RootCAs = pool
	return via
}

type browser struct {
	t      *testing.T
	base   string
	client *http.Client
	body   string
}

// send opens a page, or sends a form of the page that is open.
func (b *browser) send(method, where string, fields url.Values) {
	b.t.Helper()
	if fields != nil {
		if !strings.Contains(b.body, `action="`+where+`"`) {
			b.t.Fatalf("no form %s on this page:\n%s", where, run.Tail(b.body))
		}
		for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(b.body, -1) {
			fields.Set(m[1], html.UnescapeString(m[2]))
		}
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+where, strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", b.base)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: %d, %v\n%s", method, where, resp.StatusCode, err, run.Tail(string(text)))
	}
	b.body = string(text)
}

// text is what the element with this id says.
func (b *browser) text(id string) string {
	_, rest, _ := strings.Cut(b.body, `id="`+id+`"`)
	_, rest, _ = strings.Cut(rest, ">")
	for _, end := range []string{"</p>", "</dd>", "<button"} {
		rest, _, _ = strings.Cut(rest, end)
	}
	return strings.TrimSpace(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(rest, "")))
}
