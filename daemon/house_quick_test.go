package daemon_test

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

// pattern is a regular expression that first looks, much faster, for the short
// texts of which every match has one.
type pattern struct {
	*regexp.Regexp
	texts []string // in lower case; empty: nothing is known
}

func compile(expr string) pattern {
	re := regexp.MustCompile(expr)
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		panic(err) // the line before has parsed it
	}
	texts, _ := textsOf(parsed)
	if shortest(texts) == 0 {
		texts = nil
	}
	return pattern{re, texts}
}

// may tells whether a text in lower case can have a match.
func (p pattern) may(lower string) bool {
	return len(p.texts) == 0 || slices.ContainsFunc(p.texts, func(t string) bool { return strings.Contains(lower, t) })
}

// textsOf is a list of texts of which every match has one, whole where each match
// is one of them. It is empty where there is no such list of reasonable length.
func textsOf(re *syntax.Regexp) (texts []string, whole bool) {
	const most = 4 // longer lists cost more than they save
	switch re.Op {
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}, true
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if len(texts) == most {
					return nil, false
				}
				texts = append(texts, strings.ToLower(string(r)))
			}
		}
		return texts, true
	case syntax.OpWordBoundary, syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpCapture:
		return textsOf(re.Sub[0])
	case syntax.OpAlternate:
		whole = true
		for _, sub := range re.Sub {
			of, w := textsOf(sub)
			if len(of) == 0 {
				return nil, false
			}
			texts, whole = append(texts, of...), whole && w
		}
		return texts, whole
	case syntax.OpConcat:
		return textsOfRow(re.Sub)
	}
	return nil, false
}

// textsOfRow is textsOf for parts that follow each other: what stands side by side
// is put together, and the best of what comes out is taken.
func textsOfRow(row []*syntax.Regexp) (best []string, whole bool) {
	const most = 64
	run := []string{""}
	whole = true
	better := func(texts []string) {
		if shortest(texts) > shortest(best) {
			best = texts
		}
	}
	for _, sub := range row {
		texts, w := textsOf(sub)
		if !w || len(run)*len(texts) > most {
			whole = false
			better(run)
			better(texts)
			run = []string{""}
			continue
		}
		var longer []string
		for _, head := range run {
			for _, tail := range texts {
				longer = append(longer, head+tail)
			}
		}
		run = longer
	}
	if whole {
		return run, true
	}
	better(run)
	return best, false
}

func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// What is looked for first is in every match: a rule misses nothing for it.
func TestPatternsMissNothing(t *testing.T) {
	for expr, c := range map[string]struct {
		texts   string
		matches []string
	}{
		`\b(ALM[O]ND|PEA[R])\b`:              {"almond|pear", []string{"an ALMOND", "PEAR"}},
		`(?i)\b(almon[d]|a[p]ple|dat[e]s?)x`: {"date|almond|apple", []string{"AlmondX", "APPLEX", "datesx", "DATEx"}},
		`(?i)\bfig[s]? #?[0-9]`:              {"fig", []string{"FIGS #3", "fig 4"}},
		`\bq[-_][A-Z]{2,}(-[0-9]+)?\b`:       {"q-|q_", []string{"q-AB", "q_ABC-12"}},
		`\b(NU[T]|OA[K])(\.md|:|,? [0-9])`:   {"nut|oak", []string{"NUT.md", "OAK, 4"}},
		`"(/a/|/b[c]/[a-z])`:                 {"a/|bc/", []string{`"/a/`, `"/bc/d`}},
		`x?y*`:                               {"", []string{"", "xyy"}},
		`a+|b`:                               {"", []string{"aa", "b"}},
		`.(one|tree)[a-z]`:                   {"one|tree", []string{"bonez", "atrees"}},
	} {
		p := compile(expr)
		got := strings.Split(strings.Join(p.texts, "|"), "|")
		want := strings.Split(c.texts, "|")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: looks for %q, want %q", expr, got, want)
		}
		for _, m := range c.matches {
			if !p.MatchString(m) || !p.may(strings.ToLower(m)) {
				t.Errorf("%s: %q: matches %t, may match %t", expr, m, p.MatchString(m), p.may(strings.ToLower(m)))
			}
		}
		if len(p.texts) > 0 && p.may("~") {
			t.Errorf("%s: is tried on any text", expr)
		}
	}
}
