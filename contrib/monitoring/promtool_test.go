package monitoring

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func promtool(t testing.TB, dir string, args ...string) error {
	_, err := run.Run(run.Command{Path: run.Need(t, "promtool", "prometheus"), Args: args, Dir: dir})
	return err
}

// The rules are good, and fire when they must.
func TestRules(t *testing.T) {
	t.Parallel()
	if err := promtool(t, ".", "check", "rules", "alerts.yaml"); err != nil {
		t.Error(err)
	}
	for _, file := range []string{"alerts_test.yaml", "alerts_days_test.yaml"} {
		if err := promtool(t, ".", "test", "rules", file); err != nil {
			t.Error(err)
		}
	}
}

// stories are the tests of each alert, with what stands at the head of their file.
func stories(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range []string{"alerts_test.yaml", "alerts_days_test.yaml"} {
		head, rest, _ := strings.Cut(read(t, file), "\ntests:\n")
		for _, story := range regexp.MustCompile(`(?m)^  # `).Split(rest, -1)[1:] {
			name := regexp.MustCompile(`^\w+`).FindString(story)
			if all[name] == "" {
				all[name] = head + "\ntests:\n"
			}
			all[name] += "  # " + story
		}
	}
	return all
}

// Each alert is held by tests of its own: one that never fires, one that always
// does, one that does not wait, and one that asks for twice as much or half as much
// are all noticed.
func TestRulesAreHeldByTheirTests(t *testing.T) {
	t.Parallel()
	run.Need(t, "promtool", "prometheus")
	names, text := rules(t)
	told := stories(t)
	expr := regexp.MustCompile(`(?ms)^        expr: .*?\n        (for|labels): `)
	limit := regexp.MustCompile(`([<>]) (\d+(?:\.\d+)?)( \* 86400)?$`)
	for _, name := range names {
		story := told[name]
		if !strings.Contains(story, "exp_samples: []") || !strings.Contains(story, "value: 1}") {
			t.Errorf("%s has no test in which it is silent and fires", name)
			continue
		}
		rule := text[name]
		broken := map[string]string{
			"never fires":  expr.ReplaceAllString(rule, "        expr: vector(0) == 1\n        $1: "),
			"always fires": expr.ReplaceAllString(rule, "        expr: vector(1)\n        $1: "),
		}
		if wait := regexp.MustCompile(`\n        for: \w+\n`); wait.MatchString(rule) {
			broken["does not wait"] = wait.ReplaceAllString(rule, "\n")
		}
		whole := expr.FindString(rule)
		for _, line := range strings.Split(whole, "\n") {
			m := limit.FindStringSubmatch(line)
			if m == nil || m[2] == "0" {
				continue
			}
			for word, factor := range map[string]string{"asks for twice as much": " * 2", "asks for half as much": " / 2"} {
				other := limit.ReplaceAllString(line, "$1 ($2$3"+factor+")")
				broken[word+" in "+strings.TrimSpace(line)] = strings.Replace(rule, line, other, 1)
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all strings.Builder
			all.WriteString("groups:\n")
			for n, other := range slices.Collect(maps.Values(broken)) {
				fmt.Fprintf(&all, "  - name: broken %d\n    rules:\n%s\n", n, other)
			}
			dir := t.TempDir()
			run.Write(t, dir+"/broken.yaml", all.String(), 0o600)
			if err := promtool(t, dir, "check", "rules", "broken.yaml"); err != nil {
				t.Fatalf("the test broke more than it meant to: %v", err)
			}
			if err := tried(t, rule, story); err != nil {
				t.Fatalf("as it is: %v", err)
			}
			for what, other := range broken {
				if tried(t, other, story) == nil {
					t.Errorf("a rule that %s passes its tests:\n%s", what, other)
				}
			}
		})
	}
}

// tried runs the tests of one rule with that rule alone.
func tried(t *testing.T, rule, story string) error {
	t.Helper()
	dir := t.TempDir()
	run.Write(t, dir+"/alerts.yaml", "groups:\n  - name: one\n    rules:\n"+rule, 0o600)
	run.Write(t, dir+"/one_test.yaml", story, 0o600)
	return promtool(t, dir, "test", "rules", "one_test.yaml")
}
