package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/plugins/hook"
)

// elsewhere is a machine that has nothing of what it is asked for, and keeps
// the questions.
func elsewhere(asked *[]string) Machine {
	no := func(what string) func(string) error {
		return func(value string) error {
			*asked = append(*asked, what+" "+value)
			return errors.New(what + " is not here; fetch it")
		}
	}
	return Machine{
		Program: func(path, pin string) error { return no("program")(path + pin) },
		Key:     no("key"), Peer: no("peer"), Group: no("group"), Socket: no("socket"), State: no("state"), Texts: no("texts"),
	}
}

// Everything that a config names on the machine is asked for, and what is not
// there is told with its line.
func TestMachineIsAskedForEverything(t *testing.T) {
	dir := t.TempDir()
	text := strings.NewReplacer(
		`default_service = "web"`, "group = \"sasl\"\nallow = [\"alice\", \"@staff\"]",
		"[page]\n", "[page]\ntexts = \"words\"\n", `listen = "127.0.0.1:9464"`, `listen = "run/metrics.sock"`,
		`operators = ["root"]`, "operators = [\"root\"]\nsupport = [\"@helpdesk\"]",
		"kind = \"recovery\"", "kind = \"recovery\"\nsha256 = \""+strings.Repeat("ab", 32)+"\"",
	).Replace(base)
	path := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked []string
	_, err := Load(path, elsewhere(&asked))
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatal(err)
	}
	line := func(what string) int { return 1 + strings.Count(text[:strings.Index(text, what)], "\n") }
	for key, want := range map[string]struct {
		line, times int
		reason      string
	}{
		"state": {line("state ="), 1, "state"}, "keys.kek": {line("kek ="), 1, "key"},
		"factor[0].path": {line("[[factor]]"), 1, "program"}, "hook[0].path": {line("path = \"/usr/bin/notify\""), 1, "program"},
		"listen[0].path": {line(`path = "check.sock"`), 1, "socket"}, "listen[1].group": {line(`group = "helpdesk"`), 1, "group"},
		"listen[0].group": {line(`group = "sasl"`), 1, "group"}, "listen[0].allow": {line("allow ="), 2, "peer"},
		"page.texts": {line("texts ="), 1, "texts"}, "metrics.listen": {line(`listen = "run/metrics.sock"`), 1, "socket"},
		"admin.support": {line("support = ["), 1, "peer"}, "admin.operators": {line("operators ="), 1, "peer"},
	} {
		var got []Problem
		for _, p := range ps {
			if p.Key == key {
				got = append(got, p)
			}
		}
		if len(got) != want.times || got[0].Line != want.line || got[0].Reason != want.reason+" is not here" || got[0].Fix != "fetch it" {
			t.Errorf("%s: want %d times at line %d that the %s is not here, got %v", key, want.times, want.line, want.reason, got)
		}
	}
	for _, q := range []string{"peer alice", "peer @staff", "key " + dir + "/kek", "texts " + dir + "/words", "socket " + dir + "/admin.sock"} {
		if !slices.Contains(asked, q) {
			t.Errorf("nobody was asked for %q: %q", q, asked)
		}
	}
}

// A pin that does not fit is told at the pin, and only where the program is fit
// otherwise.
func TestPinHasItsOwnLine(t *testing.T) {
	pin := strings.Repeat("ab", 32)
	text := strings.Replace(base, `kind = "totp"`, "kind = \"totp\"\nsha256 = \""+pin+"\"", 1)
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, Machine{Program: func(_, p string) error {
		if p == "" {
			return nil
		}
		return fmt.Errorf("another sum than %s", p)
	}})
	if want := path + ":13: factor[0].sha256: another sum than " + pin + "; write one that is there"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What is refused for its form is not told a second time.
func TestFormGoesFirst(t *testing.T) {
	text := strings.Replace(base, `operators = ["root"]`, `operators = ["a b"]`, 1)
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked []string
	_, err := Load(path, Machine{Peer: elsewhere(&asked).Peer})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "neither a user nor a group") || len(asked) > 0 {
		t.Errorf("%v, asked %q", err, asked)
	}
}

// A hook is asked about its own settings, is told whom people turn to, and each
// thing that it does not take has its line.
func TestAHookIsAskedForItsSettings(t *testing.T) {
	text := strings.NewReplacer(`on_error = "deny"`, "before = false\nmail = true\n[hook.settings]\ncolour = \"red\"\nsize = 3\n",
		"[page.support]\n", "texts = \"texts\"\n[page.support]\nphone = \"112\"\n").Replace(base)
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	line := func(what string) int { return 1 + strings.Count(text[:strings.Index(text, what)], "\n") }
	_, err := Load(path, Machine{Hook: func(h Hook, s hook.Setup) error {
		if h.Name != "notify" || h.Before || !h.Mail || s.Settings["colour"] != "red" || s.Settings["size"] != "3" || s.Phone != "112" || s.German != "sie" || s.Operator == "" || s.Texts != filepath.Join(filepath.Dir(path), "texts") {
			t.Errorf("asked %+v about %+v", h, s)
		}
		return fmt.Errorf("starting: %w", hook.Unfit{{Key: "colour", Reason: "is red", Fix: "write green"}, {Reason: "are few", Fix: "write more"}})
	}})
	want := fmt.Sprintf("%[1]s:%[2]d: hook[0].settings: are few; write more\n%[1]s:%[3]d: hook[0].settings.colour: is red; write green",
		path, line("[hook.settings]"), line("colour"))
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = Load(path, Machine{
		Program: func(string, string) error { return errors.New("not here") },
		Hook:    func(Hook, hook.Setup) error { t.Error("a program that is not there was asked"); return nil },
	})
	if err == nil {
		t.Error("the program is not there")
	}
}

// What the directory will be asked with is asked for, each with its own places; and
// the factors, once nothing else is wrong.
func TestTheSearchAndTheFactorsAreAskedFor(t *testing.T) {
	text := strings.Replace(base, `total = "3s"`, "total = \"3s\"\naccount_filter = \"(a=b)\"\ngroup_base = \"ou=g\"\ngroup_filter = \"(member={dn})\"\ndecoy_dn = \"uid=decoy\"", 1)
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	line := func(what string) int { return 1 + strings.Count(text[:strings.Index(text, what)], "\n") }
	var asked []string
	on := Machine{
		DN: func(dn string) error { asked = append(asked, dn); return nil },
		Filter: func(f string, places ...string) error {
			asked = append(asked, fmt.Sprint(f, places))
			return nil
		},
		Factors: func(c *Config) hook.Unfit {
			return hook.Unfit{{Key: "service[1].accept[0]", Reason: "is odd", Fix: "even it"}, {Key: fmt.Sprintf("factor[%d].settings.digits", len(c.Factors)-3), Reason: "are few", Fix: "count"}}
		},
	}
	_, err := Load(path, on)
	want := fmt.Sprintf("%[1]s:%[2]d: factor[0].settings.digits: are few; count\n%[1]s:%[3]d: service[1].accept[0]: is odd; even it", path, line("digits"), line(`accept = [["app-password"]]`))
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	slices.Sort(asked)
	if got := strings.Join(asked, " "); got != "(a=b)[] (member={dn})[dn name] (uid={name})[name] ou=g ou=people,dc=example,dc=org uid=decoy" {
		t.Errorf("asked for %s", got)
	}
	on.DN = func(string) error { return errors.New("no\nDN; write\none") } // one line all the same
	on.Factors = func(*Config) hook.Unfit { t.Error("the factors were asked, too"); return nil }
	if _, err := Load(path, on); err == nil || !strings.Contains(err.Error(), "directory.decoy_dn: no DN; write one") {
		t.Error(err)
	}
}
