package check

import (
	"errors"
	"fmt"
	"slices"
)

// Service is what can be logged in to, and how.
type Service struct {
	Name string
	// Ways are the ways in; any one that accepts is enough, their order has no
	// meaning.
	Ways []Way
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

// hasDirectory tells whether the directory's password is part of the way.
func (w Way) hasDirectory() bool { return slices.Contains(w.Factors, DirectoryFactor) }

// others are the factors of the way beside the directory.
func (w Way) others() []string {
	return slices.DeleteFunc(slices.Clone(w.Factors), func(f string) bool { return f == DirectoryFactor })
}

// hasDirectory tells whether any way of the service takes the directory's
// password. If none does, nothing is ever bound.
func (s Service) hasDirectory() bool { return slices.ContainsFunc(s.Ways, Way.hasDirectory) }

// kinds are the plugin factors of all ways, each once.
func (s Service) kinds() []string {
	var kinds []string
	for _, w := range s.Ways {
		for _, f := range w.others() {
			if !slices.Contains(kinds, f) {
				kinds = append(kinds, f)
			}
		}
	}
	return kinds
}

// admit refuses what would be weaker than it looks.
func (e *Engine) admit(s Service) error {
	if _, twice := e.services[s.Name]; twice {
		return errors.New("named twice")
	}
	if len(s.Ways) == 0 {
		return errors.New("no way in: accept must list at least one")
	}
	for _, w := range s.Ways {
		if err := e.admitWay(s, w); err != nil {
			return fmt.Errorf("way %v: %w", w.Factors, err)
		}
	}
	return nil
}

func (e *Engine) admitWay(s Service, w Way) error {
	if len(w.Factors) == 0 {
		return errors.New("empty: it would let everybody in")
	}
	claims := false
	for i, f := range w.Factors {
		p, known := e.factors[f]
		if !known && f != DirectoryFactor {
			return fmt.Errorf("unknown factor %q", f)
		}
		if slices.Contains(w.Factors[:i], f) {
			return fmt.Errorf("factor %q stands twice", f)
		}
		claims = claims || p.Info.Claims
	}
	if claims && w.hasDirectory() {
		return errors.New("an input cannot be both the directory's password and an app password")
	}
	if len(w.Factors) == 1 && !e.factors[w.Factors[0]].Standalone && s.SingleFactor == "" {
		return fmt.Errorf("%q alone is one factor: add another, or write single_factor with the reason", w.Factors[0])
	}
	return nil
}
