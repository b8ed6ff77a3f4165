package machine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/config"
)

// good is a config that this machine can run, once place has made its files.
const good = `issuer = "X"
state = "state"
[keys]
kek = "kek"
[directory]
servers = ["ldaps://a.example.org"]
ca_file = "cert.pem"
bind_dn = "cn=a,dc=example,dc=org"
bind_password_file = "password"
base = "ou=people,dc=example,dc=org"
[[factor]]
kind = "totp"
path = "DIR/plugin"
sha256 = "SUM"
[[hook]]
name = "notify"
path = "DIR/plugin"
on_error = "deny"
[[service]]
name = "web"
accept = [["totp", "directory"]]
[[listen]]
protocol = "http"
path = "run/check.sock"
group = "0"
allow = ["root", "@0"]
services = ["web"]
[page]
listen = "127.0.0.1:8443"
url = "https://login.example.org"
service = "web"
tls_cert = "cert.pem"
tls_key = "key.pem"
operator = "X"
texts = "texts"
[metrics]
listen = "run/metrics.sock"
[admin]
support = ["@0"]
operators = ["root"]
`

// installation is a folder with everything that good names.
type installation struct {
	t   *testing.T
	dir string
}

func place(t *testing.T) installation {
	t.Helper()
	in := installation{t, t.TempDir()}
	for _, dir := range []string{"state", "run", "texts"} {
		in.must(os.Mkdir(in.path(dir), 0o700))
	}
	kek := make([]byte, 32)
	_, err := rand.Read(kek)
	in.must(err)
	in.write("kek", kek, 0o400)
	in.write("password", []byte("not-to-be-shown\n"), 0o400)
	in.write("plugin", []byte("#!/bin/sh\n"), 0o755)
	in.write("texts/de.json", []byte(`{"signin.title": "Herein"}`), 0o644)
	cert, key := pair(t)
	in.write("cert.pem", cert, 0o644)
	in.write("key.pem", key, 0o400)
	return in
}

// pair makes a certificate and its key.
func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func (in installation) path(rel string) string { return filepath.Join(in.dir, rel) }

func (in installation) must(err error) {
	in.t.Helper()
	if err != nil {
		in.t.Fatal(err)
	}
}

func (in installation) write(rel string, b []byte, mode os.FileMode) {
	in.t.Helper()
	_ = os.Remove(in.path(rel)) // what is 0400 can only be replaced
	in.must(os.WriteFile(in.path(rel), b, 0o600))
	in.must(os.Chmod(in.path(rel), mode))
}

// load reads good with one place changed, and returns the text as well.
func (in installation) load(old, by string, starting bool) (string, error) {
	in.t.Helper()
	if old != "" && !strings.Contains(good, old) {
		in.t.Fatalf("%q is not in the config", old)
	}
	program, err := os.ReadFile(in.path("plugin"))
	if err != nil {
		program = nil
	}
	sum := sha256.Sum256(program)
	text := strings.NewReplacer("DIR", in.dir, "SUM", hex.EncodeToString(sum[:])).Replace(strings.Replace(good, old, by, 1))
	in.write("c.toml", []byte(text), 0o600)
	_, err = config.Load(in.path("c.toml"), Here(starting))
	return text, err
}

// spoiled is an installation that check-config and serve must refuse alike.
type spoiled struct {
	spoil   func(in installation)
	old, by string
	at      string // the line that holds this is named
	key     string
	reason  string
	fix     string
}

func leave(installation) {}

func (s spoiled) holds(t *testing.T) {
	t.Helper()
	for _, starting := range []bool{false, true} {
		in := place(t)
		s.spoil(in)
		text, err := in.load(s.old, s.by, starting)
		var ps config.Problems
		if !errors.As(err, &ps) || len(ps) != 1 {
			t.Fatalf("want one problem, got: %v", err)
		}
		at, _, _ := strings.Cut(text, s.at)
		fix := strings.ReplaceAll(s.fix, "DIR", in.dir)
		p := ps[0]
		if p.Line != 1+strings.Count(at, "\n") || p.Key != s.key || !strings.Contains(p.Reason, s.reason) || !strings.Contains(p.Fix, fix) {
			t.Errorf("want line %d, key %s, reason %q, fix %q; got: %v", 1+strings.Count(at, "\n"), s.key, s.reason, fix, p)
		}
		if strings.Contains(err.Error(), "not-to-be-shown") {
			t.Errorf("a secret is told: %v", err)
		}
	}
}

func TestGoodInstallation(t *testing.T) {
	if _, err := place(t).load("", "", true); err != nil {
		t.Fatal(err)
	}
	// What the daemon makes itself may be missing.
	in := place(t)
	in.must(errors.Join(os.Remove(in.path("state")), os.Remove(in.path("run"))))
	if _, err := in.load("", "", true); err != nil {
		t.Error(err)
	}
	for _, made := range []string{"state", "run"} {
		if _, err := os.Stat(in.path(made)); err == nil {
			t.Errorf("reading a config made %s", made)
		}
	}
	// A certificate is often a link to what was renewed last.
	in = place(t)
	in.must(os.Rename(in.path("key.pem"), in.path("key-2.pem")))
	in.must(os.Symlink("key-2.pem", in.path("key.pem")))
	if _, err := in.load("", "", true); err != nil {
		t.Error(err)
	}
}

func TestSpoiledPrograms(t *testing.T) {
	for name, s := range map[string]spoiled{
		"absent":            {leave, "path = \"DIR/plugin\"\nsha", "path = \"DIR/gone\"\nsha", "/gone", "factor[0].path", "no such file", "install the program"},
		"absent hook":       {leave, "path = \"DIR/plugin\"\non_error", "path = \"DIR/gone\"\non_error", "/gone", "hook[0].path", "no such file", "install the program"},
		"beside the daemon": {leave, "path = \"DIR/plugin\"\nsha256 = \"SUM\"", "", "[[factor]]", "factor[0].path", "no such file", "install the program"},
		"another one":       {leave, "SUM", strings.Repeat("00", 32), "sha256", "factor[0].sha256", "is not the file that is pinned", "put the right program there"},
		"others can write": {func(in installation) { in.must(os.Mkdir(in.path("x"), 0o755)); in.write("x/p", nil, 0o777) },
			"path = \"DIR/plugin\"\non_error", "path = \"DIR/x/p\"\non_error", "/x/p", "hook[0].path", "can be written to by others", "chmod go-w DIR/x/p"},
		"not executable": {func(in installation) { in.write("p", nil, 0o644) },
			"path = \"DIR/plugin\"\non_error", "path = \"DIR/p\"\non_error", "/p\"", "hook[0].path", "not an executable file", "chmod u=rwx,go=rx DIR/p"},
	} {
		t.Run(name, s.holds)
	}
}

func TestSpoiledKeysAndCertificates(t *testing.T) {
	other := func(t *testing.T) []byte { _, key := pair(t); return key }
	for name, s := range map[string]spoiled{
		"key missing":       {leave, `"kek"`, `"gone"`, "gone", "keys.kek", "no such file", "sallyportd init --kek DIR/gone"},
		"key for a group":   {func(in installation) { in.must(os.Chmod(in.path("kek"), 0o440)) }, "", "", "kek =", "keys.kek", "mode is 0440", "chmod 400 DIR/kek"},
		"key behind a link": {func(in installation) { in.must(os.Symlink("kek", in.path("link"))) }, `"kek"`, `"link"`, "link", "keys.kek", "symbolic link", "name the file itself"},
		"key too short":     {func(in installation) { in.write("kek", []byte("short"), 0o400) }, "", "", "kek =", "keys.kek", "must be 32 bytes", "put back the key"},
		"password for all":  {func(in installation) { in.must(os.Chmod(in.path("password"), 0o404)) }, "", "", "bind_password_file", "directory.bind_password_file", "others could read", "chmod o-rwx,g-w DIR/password"},
		"password missing":  {leave, `"password"`, `"gone"`, "bind_password_file", "directory.bind_password_file", "no such file", "file that is there"},
		"password empty":    {func(in installation) { in.write("password", []byte("\n"), 0o400) }, "", "", "bind_password_file", "directory.bind_password_file", "is empty", "write the secret"},
		"authorities none":  {leave, `ca_file = "cert.pem"`, `ca_file = "password"`, "ca_file", "directory.ca_file", "holds no certificate", "BEGIN CERTIFICATE"},
		"certificate none":  {leave, `tls_cert = "cert.pem"`, `tls_cert = "key.pem"`, "tls_cert", "page.tls_cert", "holds no certificate", "BEGIN CERTIFICATE"},
		"certificate gone":  {leave, `tls_cert = "cert.pem"`, `tls_cert = "gone"`, "tls_cert", "page.tls_cert", "no such file", "file that is there"},
		"certificate broken": {func(in installation) {
			in.write("broken", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o644)
		}, `tls_cert = "cert.pem"`, `tls_cert = "broken"`, "tls_cert", "page.tls_cert", "is broken", "anew"},
		"key of another":   {func(in installation) { in.write("key.pem", other(in.t), 0o400) }, "", "", "tls_key", "page.tls_key", "does not go with", "made for"},
		"key that is none": {func(in installation) { in.write("key.pem", []byte("not-to-be-shown"), 0o400) }, "", "", "tls_key", "page.tls_key", "does not go with", "made for"},
		"key for others":   {func(in installation) { in.must(os.Chmod(in.path("key.pem"), 0o444)) }, "", "", "tls_key", "page.tls_key", "others could read", "chmod o-rwx,g-w DIR/key.pem"},
	} {
		t.Run(name, s.holds)
	}
}

// Somebody else's file is theirs to change, whatever its mode.
func TestFilesOfSomebodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("only root can give files away, and CI=true: run the tests as root")
		}
		t.Skip("only root can give files away")
	}
	for file, s := range map[string]spoiled{
		"kek":      {nil, "", "", "kek =", "keys.kek", "belongs to uid 12345", "run: chown 0 DIR/kek"},
		"password": {nil, "", "", "bind_password_file", "directory.bind_password_file", "belongs to uid 12345", "run: chown 0 DIR/password"},
		"key.pem":  {nil, "", "", "tls_key", "page.tls_key", "belongs to uid 12345", "run: chown 0 DIR/key.pem"},
		"state":    {nil, "", "", "state =", "state", "belongs to uid 12345", "run: chown 0 DIR/state"},
	} {
		s.spoil = func(in installation) { in.must(os.Chown(in.path(file), 12345, -1)) }
		t.Run(file, s.holds)
	}
}

func TestSpoiledNamesAndFolders(t *testing.T) {
	for name, s := range map[string]spoiled{
		"peer":            {leave, `"root", "@0"`, `"root", "nobody-here"`, "allow", "listen[0].allow", `"nobody-here": no such user`, "useradd"},
		"group of peers":  {leave, `"root", "@0"`, `"@none-here"`, "allow", "listen[0].allow", `"@none-here": no such group`, "groupadd"},
		"group":           {leave, `group = "0"`, `group = "none-here"`, "group =", "listen[0].group", "no such group", "groupadd --system none-here"},
		"support":         {leave, `support = ["@0"]`, `support = ["@none-here"]`, "support =", "admin.support", "no such group", "groupadd"},
		"operators":       {leave, `operators = ["root"]`, `operators = ["nobody-here"]`, "operators =", "admin.operators", "no such user", "useradd"},
		"loose state":     {func(in installation) { in.must(os.Chmod(in.path("state"), 0o755)) }, "", "", "state =", "state", "others can use it", "chmod 0700 DIR/state"},
		"loose database":  {func(in installation) { in.write("state/state.db", nil, 0o644) }, "", "", "issuer", "store.path", "open to others (mode 0644)", "chmod 600 DIR/state/state.db"},
		"database":        {leave, "[metrics]", "[store]\npath = \"run\"\n[metrics]", "path = \"run\"", "store.path", "is not a regular file", "the path of a file"},
		"state is a file": {leave, `state = "state"`, `state = "password"`, "state =", "state", "is not a folder", "a folder"},
		"texts of nobody": {func(in installation) { in.write("texts/de.json", []byte(`{"signin.titel": "x"}`), 0o644) }, "", "", "texts =", "page.texts", `no message "signin.titel"`, "mend or remove"},
		"texts not JSON":  {func(in installation) { in.write("texts/de.json", []byte(`{`), 0o644) }, "", "", "texts =", "page.texts", "de.json", "mend or remove"},
		"stray text":      {func(in installation) { in.write("texts/fr.json", []byte(`{}`), 0o644) }, "", "", "texts =", "page.texts", "may only hold de.json, de-du.json and en.json", "mend or remove"},
		"texts missing":   {leave, `texts = "texts"`, `texts = "gone"`, "texts =", "page.texts", "no such file", "mend or remove"},
	} {
		t.Run(name, s.holds)
	}
	in := place(t)
	in.must(os.Chmod(in.path("run"), 0o777))
	_, err := in.load("", "", false)
	want := []string{
		fmt.Sprintf(":24: listen[0].path: folder %s/run has mode 0777, so others could replace the socket; to mend it: chmod go-w %s/run", in.dir, in.dir),
		": metrics.listen: folder ",
	}
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("want %q in: %v", w, err)
		}
	}
}

// A credential is there only while systemd starts the daemon.
func TestCredential(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	in := place(t)
	if _, err := in.load(`"kek"`, `"credential:kek"`, false); err != nil {
		t.Errorf("asked outside of systemd: %v", err)
	}
	if _, err := in.load(`"kek"`, `"credential:kek"`, true); err == nil || !strings.Contains(err.Error(), ":4: keys.kek: systemd has passed no credentials; write into the unit: LoadCredential=kek:") {
		t.Errorf("at the start: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", in.dir)
	if _, err := in.load(`"kek"`, `"credential:kek"`, true); err != nil {
		t.Errorf("the credential is there: %v", err)
	}
	in.write("kek", bytes.Repeat([]byte{7}, 32), 0o400)
	if _, err := in.load(`"kek"`, `"credential:kek"`, true); err == nil || !strings.Contains(err.Error(), "keys.kek") {
		t.Errorf("the credential is no key: %v", err)
	}
}
