package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// places is a config in which every table stands, with a line in each that a test
// takes for a key; "" is the top of the file.
const places = `issuer = "X"
# place of ""
[store]
# place of "store"
[keys]
kek = "kek"
# place of "keys"
[directory]
servers = ["ldaps://a.example.org"]
base = "ou=people,dc=example,dc=org"
# place of "directory"
[[factor]]
kind = "totp"
# place of "factor"
[[factor]]
kind = "app-password"
standalone = true
[[hook]]
name = "notify"
path = "/usr/bin/notify"
on_error = "deny"
# place of "hook"
[[service]]
name = "web"
accept = [["totp", "directory"]]
# place of "service"
[[service.group]]
groups = ["a"]
accept = [["totp", "directory"]]
# place of "service.group"
[[service]]
name = "dav"
accept = [["app-password"]]
[policy]
# place of "policy"
[[policy.group]]
groups = ["a"]
# place of "policy.group"
[[listen]]
protocol = "http"
path = "check.sock"
services = ["web"]
# place of "listen"
[admin]
# place of "admin"
[page]
listen = "/run/page.sock"
url = "https://login.example.org"
service = "web"
operator = "X"
# place of "page"
[[page.server]]
service = "dav"
calendar = "https://dav.example.org/"
# place of "page.server"
[page.support]
# place of "page.support"
[metrics]
# place of "metrics"
[log]
# place of "log"
[retention]
# place of "retention"
[throttle]
# place of "throttle"
`

// with is that config with one line more in a table.
func with(t *testing.T, table, line string) string {
	t.Helper()
	place := `# place of "` + table + `"`
	if strings.Count(places, place) != 1 {
		t.Fatalf("there is no place in [%s]", table)
	}
	return strings.Replace(places, place, line, 1)
}

// keysOf asks the daemon's own reading which keys a table has: it names them to
// whoever writes one that is none.
func keysOf(t *testing.T, table string) []string {
	t.Helper()
	const none = "qqqqqqqqqqqqqqqq"
	_, ps := parse(t, with(t, table, none+" = 1"))
	for _, p := range ps {
		if known, ok := strings.CutPrefix(p.Fix, "remove it; known here are: "); ok && strings.HasSuffix(p.Key, none) {
			return strings.Split(known, ", ")
		}
	}
	t.Fatalf("[%s] takes any key: %v", table, ps)
	return nil
}

// documented are the keys in configure.md by table, each with its default as it
// stands there.
func documented(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../contrib/docs/configure.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	heading, row := regexp.MustCompile("^`\\[+([a-z.]+)\\]+`\n"), regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (.*?) \\| .+ \\|$")
	for _, part := range strings.Split(string(text), "\n## ")[1:] {
		table := ""
		if m := heading.FindStringSubmatch(part); m != nil {
			table = m[1]
		}
		if all[table] != nil {
			t.Fatalf("[%s] stands there twice", table)
		}
		all[table] = map[string]string{}
		for _, m := range row.FindAllStringSubmatch(part, -1) {
			if _, twice := all[table][m[1]]; twice {
				t.Errorf("%s of [%s] stands there twice", m[1], table)
			}
			all[table][m[1]] = m[2]
		}
	}
	return all
}

// commented are the keys of the reference by table, also those in comments.
func commented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../configs/sallyport.toml")
	if err != nil {
		t.Fatal(err)
	}
	table, all := "", map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^#?(?:\[+([a-z.]+)\]+|([a-z0-9_]+) = .*)$`).FindAllStringSubmatch(string(text), -1) {
		if m[1] != "" {
			table = m[1]
		} else {
			all[table] = append(all[table], m[2])
		}
	}
	return all
}

// TestEveryKeyIsDocumented holds configure.md and the reference to the keys that the
// daemon reads: none is missing, none is made up.
func TestEveryKeyIsDocumented(t *testing.T) {
	docs, reference := documented(t), commented(t)
	total := 0
	for _, m := range regexp.MustCompile(`# place of "(.*)"`).FindAllStringSubmatch(places, -1) {
		table := m[1]
		for _, key := range keysOf(t, table) {
			if strings.Contains(places, "["+strings.TrimPrefix(table+"."+key, ".")+"]") {
				continue // a table of its own
			}
			total++
			if _, ok := docs[table][key]; !ok {
				t.Errorf("configure.md does not explain %s of [%s]", key, table)
			}
			if !slices.Contains(reference[table], key) && key != "settings" {
				t.Errorf("configs/sallyport.toml does not have %s of [%s]", key, table)
			}
			delete(docs[table], key)
		}
		if len(docs[table]) != 0 {
			t.Errorf("configure.md has in [%s] what the daemon does not know: %v", table, docs[table])
		}
		delete(docs, table)
	}
	if len(docs) != 0 || total < 100 {
		t.Errorf("%d keys; configure.md has tables that the daemon does not know: %v", total, docs)
	}
}

// TestDocumentedDefaults writes each default of configure.md into a config: nothing
// changes. Where it says that a key is needed, the config without it is none.
func TestDocumentedDefaults(t *testing.T) {
	want, ps := parse(t, places)
	if ps != nil {
		t.Fatal(ps)
	}
	tried, needed := 0, 0
	for table, keys := range documented(t) {
		for key, said := range keys {
			switch {
			case strings.HasPrefix(said, "`") && strings.HasSuffix(said, "`"):
				tried++
				got, ps := parse(t, with(t, table, key+" = "+strings.Trim(said, "`")))
				if ps != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s of [%s] is not %s where it is left out: %v", key, table, said, ps)
				}
			case said == "needed":
				needed++
				_, rest, _ := strings.Cut(places, "["+table+"]")
				begin := len(places) - len(rest)
				if table == "" {
					begin = 0
				}
				line := regexp.MustCompile(`(?m)^` + key + ` = .*$`).FindString(places[begin:])
				if _, ps := parse(t, places[:begin]+strings.Replace(places[begin:], line, "", 1)); line == "" || ps == nil {
					t.Errorf("%s of [%s] is not needed: without %q it is a config", key, table, line)
				}
			}
		}
	}
	if tried < 70 || needed < 18 {
		t.Errorf("only %d defaults and %d needed keys were tried", tried, needed)
	}
}
