package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/config/deskform"
	"github.com/sallyport/sallyport/daemon/config/keepform"
	"github.com/sallyport/sallyport/daemon/config/ldapform"
	"github.com/sallyport/sallyport/daemon/config/pageform"
	"github.com/sallyport/sallyport/daemon/config/policyform"
	"github.com/sallyport/sallyport/daemon/config/socketform"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

// Source is a config that may come from anywhere.
type Source struct {
	// File is the name that problems and explanations show.
	File string
	// Dir is the absolute folder that relative paths start at.
	Dir string
	// Bin is the absolute folder of the plugins that come with the daemon: a
	// factor without a path is sallyport-KIND there.
	Bin string
	// Text is the TOML.
	Text string
}

// Load reads the config file at path. It is refused where anybody but its owner
// could have written it, and where something that it names is missing on this
// machine, unfit, or guarded too loosely. Relative paths in it start at its own
// folder. The error is a Problems with everything that is wrong.
func Load(path string, on Machine) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", path, err)
	}
	text, err := strict.Guarded(path)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the daemon's own folder: %w", err)
	}
	doc, t := strict.Read(path, filepath.Dir(abs), text)
	if t == nil {
		return nil, doc.Err()
	}
	c := read(table{t, filepath.Dir(self)})
	on.examine(doc, c)
	return finish(doc, c)
}

// Parse reads a config from a text, and looks at no other file. The error is a
// Problems with everything that is wrong.
func Parse(src Source) (*Config, error) {
	doc, t := strict.Read(src.File, src.Dir, src.Text)
	if t == nil {
		return nil, doc.Err()
	}
	return finish(doc, read(table{t, src.Bin}))
}

func finish(doc *strict.Document, c *Config) (*Config, error) {
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// table is a table of the file, with what else its readers need.
type table struct {
	*strict.Table
	bin string
}

func (t table) sub(k string) table { return table{t.Sub(k), t.bin} }

func (t table) subs(k string) []table {
	var out []table
	for _, s := range t.Subs(k) {
		out = append(out, table{s, t.bin})
	}
	return out
}

func read(t table) *Config {
	c := &Config{
		Issuer: t.Need("issuer", "Example University"),
		State:  t.File("state", "/var/lib/sallyport"),
	}
	store := t.sub("store")
	c.Store = store.File("path", filepath.Join(c.State, "state.db"))
	c.Journal = store.File("journal", filepath.Join(c.State, "journal"))
	store.Close()
	c.KEK = readKeys(t.sub("keys"), c.Store)
	c.Directory = ldapform.Read(t.Sub("directory"))
	c.Factors = readFactors(t.subs("factor"))
	c.Hooks = readHooks(t.subs("hook"))
	c.Policy = policyform.Read(t.Table)
	c.Retention = keepform.Read(t.Table)
	c.Services = readServices(t, c)
	c.Listeners = readListeners(t.subs("listen"), c.Services)
	t.Know("page")
	if t.Has("page") {
		c.Page = readPage(t.sub("page"), c.Services)
	}
	apart := pageform.Apart(t.Table, c.Page.URL)
	var taken []string
	for _, l := range c.Listeners {
		apart(l.Origins)
		taken = append(taken, l.Path)
	}
	metrics := t.sub("metrics")
	c.Metrics = socketform.Address(metrics.Table, "listen")
	metrics.Close()
	socketform.Once(t.Table, "metrics.listen", c.Metrics, socketform.Once(t.Table, "page.listen", c.Page.Listen, taken))
	log := t.sub("log")
	c.Log = Log{
		Level:  log.OneOf("level", "info", "debug", "info", "warn", "error"),
		Format: log.OneOf("format", "json", "json", "text"),
	}
	log.Close()
	c.Throttle = readThrottle(t.sub("throttle"))
	c.Admin = readAdmin(t.sub("admin"))
	if strings.ContainsAny(c.Issuer, ":") {
		t.Refuse("issuer", "holds a colon, which authenticator apps take for the end of the name", "write it without")
	}
	if len(c.Services) == 0 && !t.Has("service") {
		t.Refuse("service", "is missing: nobody could log in to anything", "write a [[service]] with name and accept")
	}
	t.Close()
	return c
}

func readKeys(t table, store string) string {
	defer t.Close()
	kek := t.Need("kek", "/etc/sallyport/kek")
	if name, ok := strings.CutPrefix(kek, "credential:"); ok {
		if name == "" || strings.ContainsAny(name, "/ ") {
			t.Refuse("kek", "names no systemd credential", `write for example: kek = "credential:kek"`)
		}
		return kek
	}
	if kek == "" {
		return ""
	}
	kek = t.File("kek", "")
	if kek == store {
		t.Refuse("kek", "is the database: the key must not lie in what it locks", `write for example: kek = "/etc/sallyport/kek"`)
	}
	return kek
}

func readThrottle(t table) Throttle {
	defer t.Close()
	th := Throttle{
		SourcePerMinute:      t.Number("source_per_minute", 60, 1, 10_000),
		FirstFactorQuick:     t.Number("first_factor_quick", 3, 1, 10),
		FirstFactorMaxWait:   t.Duration("first_factor_max_wait", time.Minute, time.Second, time.Hour),
		FirstFactorPerHour:   t.Number("first_factor_per_hour", 30, 1, 1000),
		SecondFactorQuick:    t.Number("second_factor_quick", 5, 1, 10),
		SecondFactorPerDay:   t.Number("second_factor_per_day", 20, 1, 100),
		SecondFactorPerMonth: t.Number("second_factor_per_month", 100, 1, 100),
		FailureGrid:          t.Duration("failure_grid", 250*time.Millisecond, 50*time.Millisecond, time.Second),
	}
	if th.SecondFactorPerMonth < th.SecondFactorPerDay {
		t.Refuse("second_factor_per_month", "is less than second_factor_per_day", "write a number not below it")
	}
	if th.SecondFactorPerDay < th.SecondFactorQuick {
		t.Refuse("second_factor_per_day", "is less than second_factor_quick", "write a number not below it")
	}
	if th.FirstFactorPerHour < th.FirstFactorQuick {
		t.Refuse("first_factor_per_hour", "is less than first_factor_quick", "write a number not below it")
	}
	return th
}

func readAdmin(t table) Admin {
	defer t.Close()
	a := Admin{Support: socketform.Peers(t.Table, "support"), Operators: socketform.Peers(t.Table, "operators", "root"),
		Rules: deskform.Read(t.Table)}
	if len(a.Operators) == 0 {
		t.Refuse("operators", "is empty: nobody could run this", `write for example: operators = ["root"]`)
	}
	return a
}
