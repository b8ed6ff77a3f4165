// Package way holds the ways in of a service, and refuses those that would be
// weaker, or narrower, than they look.
//
// It judges no attempt: that is package check, to which it belongs and which
// alone may call it.
package way

import (
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/daemon/check/policy"
)

// Directory is the name under which ways list the directory's password.
const Directory = "directory"

// Service is what can be logged in to, and how.
type Service struct {
	Name string
	// Ways are the ways in; any one that accepts is enough, their order has no
	// meaning.
	Ways []Way
	// Groups have ways of their own; the first that fits a person decides.
	Groups []Group
	// Bridge is the way for who has an app password in none of their programs yet;
	// without factors there is none.
	Bridge Way
	// SingleFactor is the written reason for a way with one factor that is not
	// standalone; empty means that there is none.
	SingleFactor string
	// Config is where the service stands, as "file:line key".
	Config string
}

// Way is a list of factors that must all accept.
type Way struct {
	Factors []string
	// Config is where the way stands, as "file:line key".
	Config string
}

// Group is what a service asks of the members of groups.
type Group struct {
	Groups []string
	Ways   []Way
	// Config is where it stands, as "file:line key".
	Config string
}

// For is the service as it is for a member of the groups.
func (s Service) For(groups []string) Service {
	for _, g := range s.Groups {
		if policy.Fits(g.Groups, groups) {
			s.Ways, s.Config = g.Ways, g.Config
			break
		}
	}
	return s
}

// Kind is what a way must know of a factor.
type Kind struct {
	// Claims and Standalone are those of the factor; what can be guessed is
	// never standalone, whatever the config says.
	Claims, Standalone bool
}

// Fault is the error of ways that are not admitted.
type Fault struct {
	// Config is where they stand, as "file:line key".
	Config string
	// Reason says what is wrong, Fix what mends it.
	Reason, Fix string
}

// Error tells all of it in one line.
func (f *Fault) Error() string {
	if f.Config == "" {
		return f.Reason + "; " + f.Fix
	}
	return f.Config + ": " + f.Reason + "; " + f.Fix
}

// HasDirectory tells whether the directory's password is part of the way.
func (w Way) HasDirectory() bool { return slices.Contains(w.Factors, Directory) }

// Others are the factors of the way beside the directory.
func (w Way) Others() []string {
	return slices.DeleteFunc(slices.Clone(w.Factors), func(f string) bool { return f == Directory })
}

// HasDirectory tells whether any way of the service takes the directory's
// password. If none does, nothing is ever bound.
func (s Service) HasDirectory() bool { return slices.ContainsFunc(s.Ways, Way.HasDirectory) }

// Alone returns the way of this one factor; false if the service has none.
func (s Service) Alone(factor string) (Way, bool) {
	at := slices.IndexFunc(s.Ways, func(w Way) bool { return len(w.Factors) == 1 && w.Factors[0] == factor })
	if at < 0 {
		return Way{}, false
	}
	return s.Ways[at], true
}

// Kinds are the factors of all ways beside the directory, each once.
func (s Service) Kinds() []string {
	var kinds []string
	for _, w := range s.Ways {
		for _, f := range w.Others() {
			if !slices.Contains(kinds, f) {
				kinds = append(kinds, f)
			}
		}
	}
	return kinds
}

// Admit says what is wrong with the service's ways, with a *Fault; nil if nothing
// is.
func (s Service) Admit(kinds map[string]Kind) error {
	if len(s.Ways) == 0 {
		return &Fault{s.Config, "there is no way in", "list at least one in accept"}
	}
	for _, w := range s.Ways {
		if reason, fix := s.misfit(w, kinds); reason != "" {
			return &Fault{w.Config, reason, fix}
		}
	}
	if b := s.Bridge.Factors; len(b) > 0 && (!slices.Equal(b, []string{Directory}) || s.door(kinds) != claimed) {
		return &Fault{s.Bridge.Config, "is for services that take app passwords and nothing else",
			fmt.Sprintf("write before_enrollment = [[%q]] on such a one, or remove it", Directory)}
	}
	for _, g := range s.Groups {
		theirs := s
		theirs.Ways, theirs.Groups, theirs.Config = g.Ways, nil, g.Config
		if err := theirs.Admit(kinds); err != nil {
			return err
		}
		if theirs.door(kinds) != s.door(kinds) {
			return &Fault{g.Config, fmt.Sprintf("the first door of groups %v is another than that of the service, and strangers could tell by it who is in the group", g.Groups),
				"let both begin with the same"}
		}
	}
	return nil
}

// The first doors of services, as far as strangers can tell them apart.
const (
	password = "password" // the directory's password, then perhaps a code
	coded    = "code"     // a code that no password stands before
	claimed  = "claimed"  // app passwords and nothing else
)

func (s Service) door(kinds map[string]Kind) string {
	switch {
	case s.HasDirectory():
		return password
	case slices.ContainsFunc(s.Kinds(), func(k string) bool { return !kinds[k].Claims }):
		return coded
	default:
		return claimed
	}
}

// misfit says what is wrong with one way, and what mends it; nothing if it is good.
func (s Service) misfit(w Way, kinds map[string]Kind) (reason, fix string) {
	if len(w.Factors) == 0 {
		return "is empty: it would let everybody in", "name the factors that must all accept"
	}
	claims := false
	for i, f := range w.Factors {
		k, known := kinds[f]
		if !known && f != Directory {
			return fmt.Sprintf("unknown factor %q", f), "write a [[factor]] for it"
		}
		if slices.Contains(w.Factors[:i], f) {
			return fmt.Sprintf("names %q twice", f), "name each factor once"
		}
		claims = claims || k.Claims
	}
	switch {
	case claims && len(w.Factors) > 1:
		return fmt.Sprintf("an app password cannot be combined, as in %q", w.Factors), "write it as a way of its own"
	case !claims && !w.HasDirectory() && s.HasDirectory():
		return fmt.Sprintf("%q asks for no password, and another way does: codes are only looked at after it", w.Factors), fmt.Sprintf("add %q to it", Directory)
	case len(w.Factors) == 1 && !kinds[w.Factors[0]].Standalone && s.SingleFactor == "":
		return fmt.Sprintf("%q alone is one factor", w.Factors[0]),
			"add another, or write single_factor with the reason; standalone means nothing for what can be guessed"
	}
	return "", ""
}
