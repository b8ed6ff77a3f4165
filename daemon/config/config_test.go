package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/config/keepform"
)

func parse(t *testing.T, text string) (*Config, Problems) {
	t.Helper()
	c, err := Parse(Source{File: "s.toml", Dir: "/etc/sallyport", Bin: "/usr/libexec", Text: text})
	if (c == nil) == (err == nil) {
		t.Fatalf("config %v and error %v", c, err)
	}
	var ps Problems
	if err != nil && !errors.As(err, &ps) {
		t.Fatalf("error is %T, want Problems", err)
	}
	return c, ps
}

// TestShippedConfigs loads every file in configs.
func TestShippedConfigs(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.toml")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, ps := parse(t, string(text)); ps != nil {
			t.Errorf("%s:\n%v", f, ps)
		}
	}
}

// TestReferenceIsWhole uncomments every default of the reference and expects
// the same config: no key is missing from it, and each default is told right.
func TestReferenceIsWhole(t *testing.T) {
	text, err := os.ReadFile("../../configs/sallyport.toml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		key, _, isKey := strings.Cut(strings.TrimPrefix(line, "#"), " = ")
		if strings.HasPrefix(line, "#[[") {
			break // examples of whole tables follow their own rules
		}
		skip := map[string]bool{"bind_dn": true, "bind_password_file": true, "ca_file": true, "path": true}
		if isKey && line[0] == '#' && !strings.Contains(key, " ") && !skip[key] {
			line = line[1:]
		}
		b.WriteString(line)
	}
	whole := b.String() + string(text)[strings.Index(string(text), "# ----------------------------------------------------------------- services"):]
	for _, key := range []string{"source_per_minute", "first_factor_quick", "first_factor_max_wait", "first_factor_per_hour", "second_factor_quick", "second_factor_per_day", "second_factor_per_month", "failure_grid", "level", "format", "language", "german", "operators", "spelling", "proxies", "addresses", "logins", "events"} {
		whole = strings.Replace(whole, "#"+key+" = ", key+" = ", 1)
	}
	got, ps := parse(t, whole)
	if ps != nil {
		t.Fatal(ps)
	}
	want, _ := parse(t, string(text))
	want.Directory.Locked = got.Directory.Locked // nil means the directory's own choice
	if g, w := got.Directory, want.Directory; g.FactTTL != w.FactTTL || g.MaxStale != w.MaxStale || g.Timeout != w.Timeout || g.Total != w.Total ||
		g.CoolDown != w.CoolDown || g.PoolSize != w.PoolSize || g.Filter != w.Filter || g.IDAttribute != w.IDAttribute {
		t.Errorf("directory: reference says %+v, defaults are %+v", g, w)
	}
	if got.Page.Language != want.Page.Language || got.Page.German != want.Page.German || want.Page.German != "sie" {
		t.Errorf("page: reference says %+v, defaults are %+v", got.Page, want.Page)
	}
	if got.Throttle != want.Throttle || got.Retention != want.Retention || want.Retention != (keepform.Retention{Addresses: 168 * time.Hour, Logins: 744 * time.Hour, Events: 2160 * time.Hour}) || got.Log != want.Log || got.State != want.State {
		t.Errorf("reference says %+v, defaults are %+v", got, want)
	}
}

// Each protocol takes what has a meaning for it, and its own defaults.
func TestTranslation(t *testing.T) {
	c, ps := parse(t, strings.Replace(base, `default_service = "web"`, `proxies = 2
[[listen]]
protocol = "http"
path = "own.sock"
services = ["dav"]
spelling = "strict"
[[listen]]
protocol = "saslauthd"
path = "mux"
services = ["web", "dav"]
service_map = {HTTP = "dav", smtp = "web", "odd word" = "web"}
domains = ["example.org"]
ignore_realms = ["sallyport"]
[[listen]]
protocol = "dovecot"
path = "auth"
services = ["dav"]
spelling = "any"
[[listen]]
protocol = "dovecot"
path = "auth2"
services = ["web", "dav"]
default_service = "dav"`, 1))
	if ps != nil {
		t.Fatal(ps)
	}
	first, second, sasl, any, fallback := c.Listeners[0], c.Listeners[1], c.Listeners[2], c.Listeners[3], c.Listeners[4]
	if first.Proxies != 2 || second.Proxies != 0 || sasl.Proxies != 0 {
		t.Errorf("proxies: %d, %d, %d", first.Proxies, second.Proxies, sasl.Proxies)
	}
	if first.Strict || !second.Strict || !sasl.Strict || any.Strict || !fallback.Strict {
		t.Errorf("spelling: %+v", c.Listeners)
	}
	if len(sasl.ServiceMap) != 3 || sasl.ServiceMap["HTTP"] != "dav" || sasl.ServiceMap["odd word"] != "web" {
		t.Errorf("service_map: %v", sasl.ServiceMap)
	}
	if !slices.Equal(sasl.Domains, []string{"example.org"}) || !slices.Equal(sasl.IgnoreRealms, []string{"sallyport"}) {
		t.Errorf("realms: %v, %v", sasl.Domains, sasl.IgnoreRealms)
	}
	if fallback.DefaultService != "dav" || len(fallback.ServiceMap) != 0 {
		t.Errorf("default_service: %+v", fallback)
	}
}

func TestMeaning(t *testing.T) {
	c, ps := parse(t, base)
	if ps != nil {
		t.Fatal(ps)
	}
	if c.Store != "/etc/sallyport/var/state.db" || c.KEK != "/etc/sallyport/kek" || c.Listeners[0].Path != "/etc/sallyport/check.sock" {
		t.Errorf("relative paths: %q %q %q", c.Store, c.KEK, c.Listeners[0].Path)
	}
	if f := c.Factors[0]; f.Path != "/usr/libexec/sallyport-totp" || !f.MTLS || !f.Jail || f.Timeout != 300*time.Millisecond || f.Settings["digits"] != "6" {
		t.Errorf("factor: %+v", f)
	}
	if !c.Factors[1].Standalone || c.Factors[0].Standalone {
		t.Error("standalone must be written, and only there it is")
	}
	if out, ps := parse(t, strings.Replace(base, `kind = "totp"`, "kind = \"totp\"\nexportable = true", 1)); ps != nil || c.Factors[0].Exportable || !out.Factors[0].Exportable || out.Factors[1].Exportable {
		t.Error("exportable must be written, and only there it is")
	}
	if c.Listeners[0].Mode != 0o660 || c.Throttle.SecondFactorPerMonth != 100 || c.Directory.MaxStale != 15*time.Minute {
		t.Errorf("defaults: %+v", c)
	}
	web := c.Services[0]
	if web.Config != "s.toml:27 service[0]" || web.Accept[1].Config != "s.toml:31 service[0].accept[1]" {
		t.Errorf("places: %q %q", web.Config, web.Accept[1].Config)
	}
	strict, ps := parse(t, strings.Replace(base, "[directory]", "[directory]\nmax_stale = \"0s\"", 1))
	if ps != nil || strict.Directory.MaxStale >= 0 {
		t.Errorf("max_stale 0s: %v, %v", strict, ps)
	}
}

// Programs ask for an app password only where that is written, and are given the
// address without a slash at its end, because they put their own path behind it.
func TestLoginFlow(t *testing.T) {
	const server = "[[page.server]]\nservice = \"dav\"\nfiles = \"https://d/\"\n"
	for line, want := range map[string]string{
		"": "",
		`login_flow = "https://cloud.example.org"`: "https://cloud.example.org",
		`login_flow = "https://example.org/dav/"`:  "https://example.org/dav",
	} {
		c, ps := parse(t, strings.Replace(base, "[page.support]", server+line+"\n[page.support]", 1))
		if ps != nil || c.Page.Servers[0].LoginFlow != want {
			t.Errorf("%q: %+v, %v", line, c, ps)
		}
	}
}

// A mail server is told with its port and how the line to it is encrypted, either of
// which follows from the other.
func TestMailServers(t *testing.T) {
	for lines, want := range map[string][2]string{
		`imap = "m.example.org"`:                                                            {"imaps://m.example.org:993"},
		"imap = \"m.example.org:143\"\nsmtp = \"m.example.org:587\"":                        {"imap://m.example.org:143", "smtp://m.example.org:587"},
		"imap = \"m.example.org\"\nimap_tls = \"starttls\"\nsmtp = \"out.example.org\"":     {"imap://m.example.org:143", "smtps://out.example.org:465"},
		"imap = \"192.0.2.1:10993\"\nimap_tls = \"implicit\"\nsmtp = \"[2001:db8::1]:465\"": {"imaps://192.0.2.1:10993", "smtps://[2001:db8::1]:465"},
		"smtp = \"m.example.org:2525\"\nsmtp_tls = \"starttls\"":                            {"", "smtp://m.example.org:2525"},
	} {
		c, ps := parse(t, strings.Replace(base, "[page.support]", "[[page.server]]\nservice = \"dav\"\n"+lines+"\n[page.support]", 1))
		if ps != nil {
			t.Errorf("%q: %v", lines, ps)
			continue
		}
		if s := c.Page.Servers[0]; s.IMAP != want[0] || s.SMTP != want[1] {
			t.Errorf("%q: %q and %q, want %q", lines, s.IMAP, s.SMTP, want)
		}
	}
}

// TestAllAtOnce: every error of a file is told, in the order of its lines.
func TestAllAtOnce(t *testing.T) {
	text := strings.NewReplacer(`issuer = "X"`, `isuer = "X"`, `"lo"`, `"loud"`, "services = [\"web\"", "services = [\"webb\"", `digits = 6`, `digits = 6.5`).Replace(base)
	_, ps := parse(t, text)
	if len(ps) < 4 {
		t.Fatal(ps)
	}
	for i := 1; i < len(ps); i++ {
		if ps[i-1].Line > ps[i].Line {
			t.Errorf("not sorted:\n%v", ps)
		}
	}
}

func TestLoadGuards(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		_ = os.Remove(p) // nobody but root could write to what is 0400
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	secret := strings.Replace(base, "[directory]", "[directory]\nbind_dn = \"cn=x\"\nbind_password_file = \"password\"", 1)
	for _, c := range []struct {
		name, text     string
		mode, password os.FileMode
		want           string
	}{
		{"good", secret, 0o644, 0o400, ""},
		{"group may write", secret, 0o664, 0o400, "/c.toml:1: the file: mode 0664 lets others write it; run: chmod go-w "},
		{"all may write", secret, 0o646, 0o400, "/c.toml:1: the file: mode 0646 lets others write it; run: chmod go-w "},
		{"too large", secret + strings.Repeat("# more\n", 1<<18), 0o600, 0o400, "/c.toml:1: the file: is larger than 1 MiB; "},
		{"password for all", secret, 0o600, 0o404, "run: chmod o-rwx,g-w "},
		{"password empty", strings.Replace(secret, `"password"`, `"empty"`, 1), 0o600, 0o400, "is empty; write the secret into it"},
		{"password is a folder", strings.Replace(secret, `"password"`, `"."`, 1), 0o600, 0o400, "is not a regular file"},
		{"password missing", strings.Replace(secret, `"password"`, `"gone"`, 1), 0o600, 0o400, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write("password", "not-to-be-shown", c.password)
			write("empty", "\n", 0o400)
			_, err := Load(write("c.toml", c.text, c.mode), Machine{})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	// What is no file has no line, and does not hold anybody up.
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "cannot be opened: no such file or directory; give the right path with --config, or write the file",
		dir:                           "is not a regular file; give the path of a file with --config",
		pipe:                          "is not a regular file; give the path of a file with --config",
	} {
		if _, err := Load(path, Machine{}); err == nil || !strings.HasPrefix(err.Error(), path+": the file: "+want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../configs/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(base)
	f.Add("a.\"b\".c = '''\n[x]'''\n[[ a . b ]]\nservice = [{name = \"x\", accept = [[\n]]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(Source{File: "f", Dir: "/d", Bin: "/b", Text: text})
		var ps Problems
		if (c == nil) != errors.As(err, &ps) {
			t.Fatalf("config %v, error %v", c, err)
		}
		for _, p := range ps {
			if p.Line < 1 || p.Line > strings.Count(text, "\n")+1 || p.Key == "" || p.Reason == "" || p.Fix == "" {
				t.Errorf("incomplete problem: %+v", p)
			}
		}
	})
}
