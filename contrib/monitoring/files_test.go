package monitoring

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/metrics"
)

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dashboard is the part of Grafana's model that the tests look at.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Annotations struct {
		List []struct{ Expr string }
	}
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  source
	GridPos     struct{ H, W, X, Y int }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []struct{ Color string } }
		}
	}
	Targets []target
}

type source struct{ Type, UID string }

type target struct {
	RefID        string
	Datasource   source
	Expr         string
	LegendFormat string
}

func board(t testing.TB) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The dashboard is one that Grafana 10 takes as it is: no two panels have one id
// or one place, and each says what it shows, in which unit, from the data source
// that the reader chooses.
func TestDashboardIsWellFormed(t *testing.T) {
	d := board(t)
	if d.UID != "sallyport" || d.Title == "" || d.SchemaVersion < 38 || len(d.Templating.List) != 2 {
		t.Errorf("uid %q, title %q, schema %d, %d variables", d.UID, d.Title, d.SchemaVersion, len(d.Templating.List))
	}
	chosen := source{"prometheus", "${datasource}"}
	ids, titles, taken := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		title := p.Type[:3] + p.Title // a row may be called like one of its panels
		if p.ID == 0 || ids[p.ID] || p.Title == "" || titles[title] {
			t.Errorf("%d %q: id or title is missing, or there twice", p.ID, p.Title)
		}
		ids[p.ID], titles[title] = true, true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%q does not fit into 24 columns: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if !slices.Contains([]string{"timeseries", "stat", "bargauge"}, p.Type) || p.Description == "" || p.Datasource != chosen ||
			p.FieldConfig.Defaults.Unit == "" || len(p.FieldConfig.Defaults.Thresholds.Steps) == 0 || len(p.Targets) == 0 {
			t.Errorf("%q: type, description, data source, unit, thresholds or targets are missing", p.Title)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if q.RefID == "" || refs[q.RefID] || q.Datasource != chosen || q.LegendFormat == "" || !strings.Contains(q.Expr, `instance=~"$instance"`) {
				t.Errorf("%q: a target without id, data source, legend or choice of machines: %+v", p.Title, q)
			}
			refs[q.RefID] = true
		}
	}
}

// ours are the metrics that a text is about: names as the daemon has them.
func ours(text string) []string {
	var all []string
	for _, name := range regexp.MustCompile(`\b(sallyport_[a-z_]+|process_[a-z_]+)`).FindAllString(text, -1) {
		if strings.HasPrefix(name, "sallyport_duration_seconds") {
			name = "sallyport_duration_seconds"
		}
		all = append(all, name)
	}
	sort.Strings(all)
	return slices.Compact(all)
}

// asked is every expression of the dashboard: of its panels, of the choice of machines
// and of what it marks.
func asked(t testing.TB) string {
	var all strings.Builder
	d := board(t)
	for _, v := range d.Templating.List {
		all.Write(append(v.Query, '\n'))
	}
	for _, a := range d.Annotations.List {
		all.WriteString(a.Expr + "\n")
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all.WriteString(q.Expr + "\n")
		}
	}
	return all.String()
}

// meter is one metric as the daemon tells of it.
type meter struct {
	name, kind, help string
	labels           []string
}

// meters reads what the daemon serves.
func meters(text string) map[string]meter {
	all := map[string]meter{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		f := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP "):
			all[f[2]] = meter{name: f[2], help: f[3]}
		case strings.HasPrefix(line, "# TYPE "):
			m := all[f[2]]
			m.kind = f[3]
			all[f[2]] = m
		default:
			name := regexp.MustCompile(`^\w*`).FindString(line)
			rest := line[len(name):]
			m, known := all[name]
			if !known {
				name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
				m = all[name]
			}
			for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(rest, -1) {
				if l[1] != "le" && !slices.Contains(m.labels, l[1]) {
					m.labels = append(m.labels, l[1])
				}
			}
			all[name] = m
		}
	}
	delete(all, "")
	return all
}

// served is what the daemon serves once everything has happened.
func served(t testing.TB) string {
	t.Helper()
	m := metrics.New(metrics.Build{Version: "v1", Services: []string{"web"}, Plugins: []string{"totp"}, Servers: 1, Now: time.Now})
	m.Observe(account.Event{Act: account.ActCheck, Service: "web", FrontEnd: "http"})
	m.Certificates(map[string]time.Time{"page": time.Unix(1, 0)})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// No rule and no panel asks for what the daemon does not have, and whatever it has
// is looked at.
func TestEveryMetricIsThereAndLookedAt(t *testing.T) {
	there, seen := meters(served(t)), asked(t)
	for file, text := range map[string]string{"alerts.yaml": read(t, "alerts.yaml"), "dashboard.json": seen, "alerts_test.yaml": read(t, "alerts_test.yaml"), "alerts_days_test.yaml": read(t, "alerts_days_test.yaml")} {
		for _, name := range ours(text) {
			if _, ok := there[name]; !ok {
				t.Errorf("%s asks for %s, which the daemon does not have", file, name)
			}
		}
	}
	used := ours(seen)
	for name := range there {
		if strings.HasPrefix(name, "sallyport_") && !slices.Contains(used, name) {
			t.Errorf("no panel shows %s: give it one in dashboard.json", name)
		}
	}
}

const doc = "../docs/monitoring.md"

// The table of metrics says what the daemon says of itself.
func TestTableOfMetrics(t *testing.T) {
	const begin, end = "<!-- the metrics, as the daemon tells of them: begin -->\n", "<!-- the metrics: end -->"
	var names []string
	all := meters(served(t))
	for name := range all {
		if strings.HasPrefix(name, "sallyport_") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var want strings.Builder
	want.WriteString("| name | type | labels | meaning |\n|---|---|---|---|\n")
	for _, name := range names {
		m := all[name]
		sort.Strings(m.labels)
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", m.name, m.kind, strings.Join(m.labels, ", "), m.help)
	}
	_, rest, there := strings.Cut(read(t, doc), begin)
	got, _, ended := strings.Cut(rest, end)
	if !there || !ended || got != want.String() {
		t.Errorf("%s does not have this table between its marks:\n%s", filepath.Base(doc), want.String())
	}
}

// rules are the alerts in the file, by name, as text.
func rules(t testing.TB) (names []string, text map[string]string) {
	t.Helper()
	text = map[string]string{}
	parts := regexp.MustCompile(`(?m)^      - alert: `).Split(read(t, "alerts.yaml"), -1)
	for _, p := range parts[1:] {
		name, _, _ := strings.Cut(p, "\n")
		p, _, _ = strings.Cut(p, "\n  - name:")
		names, text[name] = append(names, name), "      - alert: "+p
	}
	if len(names) < 20 {
		t.Fatalf("only %d alerts were found", len(names))
	}
	return names, text
}

// Each alert says how bad it is, what is wrong and what to do, and leads to its
// paragraph in the document; no paragraph is about an alert that is gone.
func TestEveryAlertIsExplained(t *testing.T) {
	names, text := rules(t)
	explained := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (Sallyport\w+)$`).FindAllStringSubmatch(read(t, doc), -1) {
		explained[m[1]] = true
	}
	for _, name := range names {
		for _, want := range []string{
			"labels: {severity: ", `          summary: "`, `          description: "`,
			"runbook_url: https://github.com/sallyport/sallyport/blob/main/contrib/docs/monitoring.md#" + strings.ToLower(name) + "\n",
		} {
			if !strings.Contains(text[name]+"\n", want) {
				t.Errorf("%s has no %s", name, strings.TrimSpace(want))
			}
		}
		if !explained[name] {
			t.Errorf("%s has no paragraph of its own in %s", name, filepath.Base(doc))
		}
		delete(explained, name)
	}
	for name := range explained {
		t.Errorf("%s explains %s, which is no alert", filepath.Base(doc), name)
	}
}
