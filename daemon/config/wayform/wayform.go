// Package wayform reads the ways into a service: accept, those of groups, and the
// bridge for people who have no app password yet. It refuses what would be weaker
// than it looks.
//
// It judges no login: package check refuses the same, and more. Only package
// config may call it.
package wayform

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/config/policyform"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

// directory is the factor that no plugin brings.
const directory = "directory"

const example = `accept = [["totp", "directory"]]`

// Way is a list of factors that must all accept.
type Way struct {
	Factors []string
	// Config is where it stands, as "file:line key".
	Config string
}

// Group has ways of its own.
type Group struct {
	Groups []string
	Accept []Way
	// Config is where it stands, as "file:line key".
	Config string
}

// Factor is what a way must know of one that is configured.
type Factor struct {
	Kind       string
	Standalone bool
}

// Form is the table of one service, or of a group in it.
type Form struct {
	*strict.Table
	Factors []Factor
	// Single says that there is a reason for ways of one factor.
	Single bool
}

// Groups reads the ways of groups. Each group's first door is that of the
// service: strangers could tell by another who is in the group.
func (f Form) Groups(accept []Way) []Group {
	var out []Group
	taken := map[string]bool{}
	for _, t := range f.Subs("group") {
		g := Group{Groups: policyform.Groups(t, taken), Config: t.Where("")}
		g.Accept = Form{t, f.Factors, f.Single}.Accept()
		if len(accept) > 0 && len(g.Accept) > 0 && f.door(accept) != f.door(g.Accept) {
			t.Refuse("accept", "begins with "+f.door(g.Accept)+", and the service with "+f.door(accept)+": strangers could tell by it who is in the group",
				"let both begin with the same")
		}
		t.Close()
		out = append(out, g)
	}
	return out
}

// Bridge reads before_enrollment. last is the last day of the policy, which ends
// it for everybody.
func (f Form) Bridge(accept []Way, last time.Time) Way {
	const key = "before_enrollment"
	v, ok := f.Value(key)
	if !ok {
		return Way{}
	}
	list, _ := v.([]any)
	var only []string
	if len(list) == 1 {
		only, _ = strict.Texts(list[0])
	}
	switch {
	case !slices.Equal(only, []string{directory}):
		f.Refuse(key, "can be one thing only", `write before_enrollment = [["directory"]], or remove it`)
	case len(accept) > 0 && f.door(accept) == password:
		f.Refuse(key, "has no meaning where accept asks for the normal password: who owes no second factor yet gets in with it", "remove it")
	case len(accept) > 0 && f.door(accept) != appPassword:
		f.Refuse(key, "is for services that take app passwords and nothing else", "remove it")
	case last.IsZero():
		f.Refuse(key, "would never end: no day is written from which a second factor is owed", `write required_from in [policy] or in a [[policy.group]]`)
	}
	return Way{Factors: only, Config: f.Where(key)}
}

// What strangers meet first.
const (
	password    = "the normal password"
	appPassword = "an app password"
	code        = "a code"
)

func (f Form) door(ways []Way) string {
	standalone := func(kind string) bool {
		return slices.ContainsFunc(f.Factors, func(k Factor) bool { return k.Kind == kind && k.Standalone })
	}
	switch {
	case slices.ContainsFunc(ways, func(w Way) bool { return slices.Contains(w.Factors, directory) }):
		return password
	case slices.ContainsFunc(ways, func(w Way) bool { return len(w.Factors) != 1 || !standalone(w.Factors[0]) }):
		return code
	default:
		return appPassword
	}
}

// Accept reads the ways in.
func (f Form) Accept() []Way {
	v, ok := f.Value("accept")
	if !ok {
		f.Refuse("accept", "is missing: there is no way in", "write for example: "+example)
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		f.WrongType("accept", v, "a list of lists", example)
		return nil
	}
	if len(list) == 0 {
		f.Refuse("accept", "is empty: there is no way in", "write for example: "+example)
	}
	var out []Way
	seen := map[string]bool{}
	for i, e := range list {
		k := fmt.Sprintf("accept[%d]", i)
		way, ok := strict.Texts(e)
		if !ok {
			f.Refuse(k, "is "+strict.KindOf(e)+", must be a list of factors", "write for example: "+example)
			continue
		}
		sorted := slices.Sorted(slices.Values(way))
		if id := strings.Join(sorted, " "); seen[id] && len(way) > 0 {
			f.Refuse(k, "stands twice: the order of factors has no meaning", "keep one of the two")
		} else {
			seen[id] = true
		}
		f.admit(k, way)
		if len(way) == 1 {
			f.admitSingle(k, way[0])
		}
		out = append(out, Way{Factors: way, Config: f.Where(k)})
	}
	return out
}

func (f Form) admit(k string, way []string) {
	if len(way) == 0 {
		f.Refuse(k, "is empty: it would let everybody in", "name the factors that must all accept")
	}
	known := []string{directory}
	for _, k := range f.Factors {
		known = append(known, k.Kind)
	}
	for i, kind := range way {
		if slices.Contains(way[:i], kind) {
			f.Refuse(k, fmt.Sprintf("names %q twice", kind), "name each factor once")
		}
		if slices.Contains(known, kind) {
			continue
		}
		fix := "known are: " + strings.Join(known, ", ") + "; every other needs a [[factor]]"
		if near := strict.Nearest(kind, known); near != "" {
			fix = fmt.Sprintf("did you mean %q?", near)
		}
		f.Refuse(k, fmt.Sprintf("unknown factor %q", kind), fix)
	}
}

func (f Form) admitSingle(k, kind string) {
	i := slices.IndexFunc(f.Factors, func(k Factor) bool { return k.Kind == kind })
	known := i >= 0 || kind == directory
	if !known || f.Single || i >= 0 && f.Factors[i].Standalone {
		return
	}
	fix := `name a second one, for example ["totp", "directory"], or write single_factor = "the reason"`
	if i >= 0 {
		fix += "; a factor that is strong enough alone has standalone = true in its [[factor]]"
	}
	f.Refuse(k, fmt.Sprintf("%q alone is one factor", kind), fix)
}
