package monitoring

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
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

// brokenRules are ways to break a rule, by what is wrong with each: it never fires, it
// always does, it does not wait, it asks for twice as much or half as much, it looks at
// whatever a label says, or it leaves out one of several conditions.
func brokenRules(rule string) map[string]string {
	expr := regexp.MustCompile(`(?ms)^        expr: .*?\n        (for|labels): `)
	limit := regexp.MustCompile(`([<>]) (\d+(?:\.\d+)?)( \* 86400)?$`)
	broken := map[string]string{
		"never fires":  expr.ReplaceAllString(rule, "        expr: vector(0) == 1\n        $1: "),
		"always fires": expr.ReplaceAllString(rule, "        expr: vector(1)\n        $1: "),
	}
	if wait := regexp.MustCompile(`\n        for: \w+\n`); wait.MatchString(rule) {
		broken["does not wait"] = wait.ReplaceAllString(rule, "\n")
	}
	whole := expr.FindString(rule)
	for _, line := range strings.Split(whole, "\n") {
		if regexp.MustCompile(`^ +(and|or) `).MatchString(line) {
			broken["leaves out "+strings.TrimSpace(line)] = strings.Replace(rule, line+"\n", "", 1)
		}
		m := limit.FindStringSubmatch(line)
		if m == nil || m[2] == "0" {
			continue
		}
		for word, factor := range map[string]string{"asks for twice as much": " * 2", "asks for half as much": " / 2"} {
			other := limit.ReplaceAllString(line, "$1 ($2$3"+factor+")")
			broken[word+" in "+strings.TrimSpace(line)] = strings.Replace(rule, line, other, 1)
		}
	}
	for _, at := range regexp.MustCompile(`\{[^{}]+="[^{}]+"\}`).FindAllStringIndex(whole, -1) {
		if label := whole[at[0]:at[1]]; !strings.Contains(label, `{job=`) && !strings.Contains(label, `reason=~"ok|`) {
			broken[fmt.Sprintf("takes no heed of %s (at %d)", label, at[0])] = strings.Replace(rule, whole, whole[:at[0]]+whole[at[1]:], 1)
		}
	}
	return broken
}

// Each alert is held by tests of its own, which notice every way to break it.
func TestRulesAreHeldByTheirTests(t *testing.T) {
	t.Parallel()
	run.Need(t, "promtool", "prometheus")
	names, text := rules(t)
	told := stories(t)
	for _, name := range names {
		story := told[name]
		if !strings.Contains(story, "exp_samples: []") || !strings.Contains(story, "value: 1}") {
			t.Errorf("%s has no test in which it is silent and fires", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule, broken := text[name], brokenRules(text[name])
			var all strings.Builder
			all.WriteString("groups:\n")
			whats := slices.Sorted(maps.Keys(broken))
			tries := []string{rule}
			for n, what := range whats {
				fmt.Fprintf(&all, "  - name: broken %d\n    rules:\n%s\n", n, broken[what])
				tries = append(tries, broken[what])
			}
			dir := t.TempDir()
			run.Write(t, dir+"/broken.yaml", all.String(), 0o600)
			if err := promtool(t, dir, "check", "rules", "broken.yaml"); err != nil {
				t.Fatalf("the test broke more than it meant to: %v", err)
			}
			passes, said := tried(t, name, tries, story)
			if !passes[0] {
				t.Fatalf("as it is: %s", run.Tail(said))
			}
			for n, what := range whats {
				if passes[n+1] {
					t.Errorf("a rule that %s passes its tests:\n%s", what, broken[what])
				}
			}
		})
	}
}

// tried runs the same tests with each rule, under names of their own, and tells
// which pass, and what was said of the others. All are looked at in one run, because
// it is the samples that take long. What cannot be evaluated does not pass, and ends
// the run: the others are tried again without it.
func tried(t *testing.T, name string, rules []string, story string) (passes []bool, said string) {
	t.Helper()
	failed := regexp.MustCompile(name + `V(\d+)\b`)
	broke := regexp.MustCompile(`(?m)^ *rule: ` + name + `V(\d+), .* err: `)
	passes = make([]bool, len(rules))
	var left []int
	for n := range rules {
		left = append(left, n)
	}
	for len(left) > 0 {
		out := together(t, name, rules, left, story)
		said += out
		if bad := broke.FindAllStringSubmatch(out, -1); bad != nil {
			left = slices.DeleteFunc(left, func(n int) bool {
				return slices.ContainsFunc(bad, func(m []string) bool { return m[1] == fmt.Sprint(n) })
			})
			continue
		}
		for _, n := range left {
			passes[n] = true
		}
		for _, m := range failed.FindAllStringSubmatch(out, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			passes[n] = false
		}
		break
	}
	return passes, said
}

// together has promtool look at those of the rules.
func together(t *testing.T, name string, rules []string, which []int, story string) string {
	t.Helper()
	var file, tests strings.Builder
	file.WriteString("groups:\n")
	for _, n := range which {
		head, as := "- alert: "+name+"\n", fmt.Sprintf("%sV%d", name, n)
		if strings.Count(rules[n], head) != 1 {
			t.Fatalf("this rule has another name than %s:\n%s", name, rules[n])
		}
		fmt.Fprintf(&file, "  - name: %s\n    rules:\n%s\n", as, strings.Replace(rules[n], head, "- alert: "+as+"\n", 1))
	}
	for line := range strings.Lines(story) {
		asks := `alertname="` + name + `"`
		if !strings.Contains(line, asks) {
			tests.WriteString(line)
			continue
		}
		for _, n := range which {
			tests.WriteString(strings.Replace(line, asks, fmt.Sprintf(`alertname="%sV%d"`, name, n), 1))
		}
	}
	dir := t.TempDir()
	run.Write(t, dir+"/alerts.yaml", file.String(), 0o600)
	run.Write(t, dir+"/one_test.yaml", tests.String(), 0o600)
	said, err := run.Run(run.Command{Path: run.Need(t, "promtool", "prometheus"), Args: []string{"test", "rules", "one_test.yaml"}, Dir: dir})
	if success := strings.Contains(said, "SUCCESS"); run.ExitCode(err) > 1 || success != (err == nil) || !success && !strings.Contains(said, name+"V") {
		t.Fatalf("promtool does not say how it went: %v\n%s", err, run.Tail(said))
	}
	return said
}
