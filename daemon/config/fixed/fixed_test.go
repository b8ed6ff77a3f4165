package fixed

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/config"
)

const text = `issuer = "Example"
state = "state"
[store]
path = "state.db"
[keys]
kek = "kek"
[[listen]]
protocol = "http"
path = "a.sock"
[[listen]]
protocol = "admin"
path = "b.sock"
mode = "0600"
[page]
listen = "run/page.sock"
trusted_proxies = []
[metrics]
listen = "run/metrics.sock"
[log]
format = "text"
`

func usual() *config.Config {
	return &config.Config{
		Issuer: "Example", State: "/s", Store: "/s/state.db", KEK: "/kek", Metrics: "/m",
		Listeners: []config.Listen{{Protocol: "http", Path: "/a"}, {Protocol: "admin", Path: "/b", Mode: 0o600}},
		Page:      config.Page{Listen: "/p"}, Log: config.Log{Format: "text", Level: "info"},
	}
}

// Each key that only a restart can change is told with its line, and no other.
func TestWhatTakesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sallyport.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for key, c := range map[string]struct {
		change func(*config.Config)
		line   int
	}{
		"issuer":               {func(c *config.Config) { c.Issuer = "x" }, 1},
		"state":                {func(c *config.Config) { c.State = "x" }, 2},
		"store.path":           {func(c *config.Config) { c.Store = "x" }, 4},
		"store.journal":        {func(c *config.Config) { c.Journal = "x" }, 3},
		"keys.kek":             {func(c *config.Config) { c.KEK = "x" }, 6},
		"listen":               {func(c *config.Config) { c.Listeners = c.Listeners[:1] }, 1},
		"listen[0].protocol":   {func(c *config.Config) { c.Listeners[0].Protocol = "dovecot" }, 8},
		"listen[1].path":       {func(c *config.Config) { c.Listeners[1].Path = "x" }, 12},
		"listen[1].mode":       {func(c *config.Config) { c.Listeners[1].Mode = 0o660 }, 13},
		"listen[1].group":      {func(c *config.Config) { c.Listeners[1].Group = "x" }, 10},
		"page.listen":          {func(c *config.Config) { c.Page.Listen = "x" }, 15},
		"page.tls_cert":        {func(c *config.Config) { c.Page.TLSCert = "x" }, 14},
		"page.trusted_proxies": {func(c *config.Config) { c.Page.TrustedProxies = []netip.Prefix{{}} }, 16},
		"metrics.listen":       {func(c *config.Config) { c.Metrics = "" }, 18},
		"log.format":           {func(c *config.Config) { c.Log.Format = "json" }, 20},
	} {
		next := usual()
		c.change(next)
		var problems config.Problems
		if err := Check(path, usual(), next); !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if p := problems[0]; p.Key != key || key != "listen" && p.Line != c.line || p.File != path || p.Fix != mend || !strings.Contains(p.Reason, "running daemon") {
			t.Errorf("%s: %+v", key, p)
		}
	}
}

// Whatever else is another may change while the daemon runs.
func TestWhatTakesNone(t *testing.T) {
	next := usual()
	next.Directory.Base, next.Page.URL, next.Log.Level = "x", "x", "debug"
	next.Listeners = slices.Clone(next.Listeners)
	next.Listeners[0].Services, next.Listeners[0].Allow = []string{"x"}, []string{"root"}
	if err := Check("/nowhere", usual(), next); err != nil {
		t.Error(err)
	}
}
