package notify

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/notify/letter"
	"github.com/sallyport/sallyport/plugins/notify/post"
)

func setup(change map[string]string) hook.Setup {
	s := hook.Setup{
		Operator: "Universität Beispiel", Phone: "112", Addresses: true,
		Settings: map[string]string{"server": "mail.example.org:587", "from": "noreply@example.org"},
	}
	for k, v := range change {
		if v == "-" {
			delete(s.Settings, k)
		} else {
			s.Settings[k] = v
		}
	}
	return s
}

func file(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettings(t *testing.T) {
	password := file(t, "s3cret\n", 0o400)
	c, problems := read(setup(map[string]string{
		"server": "localhost:25", "tls": "starttls", "user": "sallyport", "password_file": password,
		"from": "Rechenzentrum <rz@example.org>", "language": "de", "timezone": "Europe/Berlin", "max_age": "1h",
	}))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, ok := c.sender.(post.Server)
	if !ok || s.Host != "localhost" || s.Port != 25 || s.Plain || s.Implicit || s.User != "sallyport" || s.Password != "s3cret" {
		t.Errorf("the server is %v", c.sender)
	}
	if c.from.Name != "Rechenzentrum" || c.from.Address != "rz@example.org" || c.maxAge != time.Hour || c.desk.Zone.String() != "Europe/Berlin" || len(c.desk.Languages) != 1 {
		t.Errorf("%+v", c)
	}
	c, problems = read(setup(nil))
	if len(problems) > 0 || c.from.Name != "Universität Beispiel" || c.maxAge != usualAge || len(c.desk.Languages) != 2 || c.desk.Zone != time.Local {
		t.Errorf("the defaults are %+v, %v", c, problems)
	}
	friends := setup(nil)
	friends.German = "du"
	said, _ := read(friends)
	for german, c := range map[string]*config{"Das waren Sie nicht?": c, "Das warst du nicht?": said} {
		c.desk.Languages, c.desk.Zone = []letter.Language{letter.German}, time.UTC
		l, err := letter.Write(c.desk, letter.News{Kind: letter.SetUp, Login: "alice"})
		if err != nil || !strings.Contains(l.Text, german) {
			t.Errorf("%v; mail does not say du where the page does, and only there:\n%s", err, l.Text)
		}
	}
	for _, port := range []string{"465", "10465"} {
		c, problems = read(setup(map[string]string{"server": "mail.example.org:" + port, "tls": "implicit"}))
		if s := c.sender.(post.Server); len(problems) > 0 || !s.Implicit || s.Plain {
			t.Errorf("TLS from the start at %s: %+v, %v", port, c, problems)
		}
	}
	c, problems = read(setup(map[string]string{"server": "mail.example.org:465", "tls": "starttls"}))
	if len(problems) > 0 || c.sender.(post.Server).Implicit {
		t.Errorf("STARTTLS where it is asked for: %+v, %v", c, problems)
	}
	c, problems = read(setup(map[string]string{"server": "[::1]:25", "tls": "none"}))
	if len(problems) > 0 || !c.sender.(post.Server).Plain {
		t.Errorf("plain on this machine: %+v, %v", c, problems)
	}
}

// Each mistake is told alone, at its key, with what mends it.
func TestWrongSettings(t *testing.T) {
	good, loose, empty := file(t, "x", 0o400), file(t, "x", 0o440), file(t, "\n", 0o400)
	owned := file(t, "x", 0o400)
	if os.Geteuid() == 0 {
		if err := os.Chown(owned, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		change      map[string]string
		key, reason string
	}{
		{map[string]string{"server": "-"}, "server", "is missing"},
		{map[string]string{"server": "mail.example.org"}, "server", "not a name with a port"},
		{map[string]string{"server": "mail.example.org:smtp"}, "server", "not a name with a port"},
		{map[string]string{"server": "mail.example.org:0"}, "server", "not a name with a port"},
		{map[string]string{"server": ":25"}, "server", "not a name with a port"},
		{map[string]string{"server": "mail.example.org:99999"}, "server", "not a name with a port"},
		{map[string]string{"server": "a\nb:25"}, "server", "control character"},
		{map[string]string{"tls": "none"}, "tls", "this machine only"},
		{map[string]string{"tls": "none", "server": "192.0.2.1:25"}, "tls", "this machine only"},
		{map[string]string{"tls": "optional"}, "tls", "not a choice"},
		{map[string]string{"tls": "Implicit"}, "tls", "not a choice"},
		{map[string]string{"server": "mail.example.org:465"}, "tls", "port 465 is for TLS from the start"},
		{map[string]string{"ca_file": "/nowhere"}, "ca_file", "cannot be read"},
		{map[string]string{"ca_file": good}, "ca_file", "holds no certificate"},
		{map[string]string{"user": "a"}, "user", "go together"},
		{map[string]string{"password_file": good}, "user", "go together"},
		{map[string]string{"user": "a", "password_file": good, "tls": "none", "server": "localhost:25"}, "user", "in clear"},
		{map[string]string{"user": "a", "password_file": "/nowhere"}, "password_file", "cannot be read"},
		{map[string]string{"user": "a", "password_file": "/"}, "password_file", "not a regular file"},
		{map[string]string{"user": "a", "password_file": loose}, "password_file", "mode 0440"},
		{map[string]string{"user": "a", "password_file": empty}, "password_file", "is empty"},
		{map[string]string{"from": "-"}, "from", "is missing"},
		{map[string]string{"from": "nobody"}, "from", "not an address"},
		{map[string]string{"from": "jörg@example.org"}, "from", "not an address that every"},
		{map[string]string{"language": "fr"}, "language", "not a choice"},
		{map[string]string{"timezone": "Mars/Olympus"}, "timezone", "no time zone"},
		{map[string]string{"max_age": "59m"}, "max_age", "no time from 1h to 720h"},
		{map[string]string{"max_age": "721h"}, "max_age", "no time from 1h to 720h"},
		{map[string]string{"max_age": "three days"}, "max_age", "no time from 1h to 720h"},
		{map[string]string{"password": "s3cret"}, "password", "no setting of this hook"},
		{map[string]string{"servers": "a"}, "servers", "no setting of this hook"},
	} {
		_, problems := read(setup(c.change))
		if len(problems) != 1 || problems[0].Key != c.key || !strings.Contains(problems[0].Reason, c.reason) || problems[0].Fix == "" {
			t.Errorf("%v: %q, want one at %s with %q", c.change, problems, c.key, c.reason)
		}
		for _, p := range problems {
			if strings.Contains(p.Reason+p.Fix, "s3cret") {
				t.Errorf("a problem quotes a password: %v", p)
			}
		}
	}
	if os.Geteuid() == 0 {
		_, problems := read(setup(map[string]string{"user": "a", "password_file": owned}))
		if len(problems) != 1 || !strings.Contains(problems[0].Reason, "belongs to uid 12345") {
			t.Errorf("a password of somebody else: %v", problems)
		}
	}
	texts := filepath.Dir(file(t, "", 0o600))
	if err := os.WriteFile(filepath.Join(texts, "mail.en.json"), []byte(`{"greeting": "Hi,"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	mistaken := setup(nil)
	mistaken.Texts = texts
	_, problems := read(mistaken)
	if want := filepath.Join(texts, "mail.en.json") + `: text "greeting" must have the places {who}`; len(problems) != 1 || problems[0].Key != "" || !strings.Contains(problems[0].Reason, want) || problems[0].Fix == "" {
		t.Errorf("texts with a mistake: %q", problems)
	}
	for name, change := range map[string]func(*hook.Setup){
		"nobody to call": func(s *hook.Setup) { s.Phone = "" },
		"no addresses":   func(s *hook.Setup) { s.Addresses = false },
	} {
		s := setup(nil)
		change(&s)
		if _, problems := read(s); len(problems) != 1 || problems[0].Key != "" {
			t.Errorf("%s: %v", name, problems)
		}
	}
	// All of them at once, and a hook that keeps what it had.
	d := newDesk()
	before := d.cfg
	if got := d.Configure(t.Context(), hook.Setup{Settings: maps.Clone(map[string]string{"a": "", "b": ""})}); len(got) != 6 || d.cfg != before {
		t.Errorf("%d problems: %v", len(got), got)
	}
}
