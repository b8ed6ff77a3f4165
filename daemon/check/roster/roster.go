// Package roster holds the services and factors of a config, once they are
// found to go together.
//
// It judges no attempt and asks no factor: that is package check, to which it
// belongs and which alone may call it.
package roster

import (
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/way"
	"github.com/sallyport/sallyport/daemon/check/witness"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Factor is one configured factor plugin.
type Factor struct {
	Info   factor.Info
	Plugin factor.Factor
	// Standalone lets the factor be a way of its own.
	Standalone bool
}

// Roster is what can be logged in to, and by what.
type Roster struct {
	// Services are by name, Factors by kind.
	Services map[string]way.Service
	Factors  map[string]*witness.Factor
	// Bridged says that some service takes the normal password until the first app
	// password is in use.
	Bridged bool
}

// New refuses every combination that would be weaker than it looks.
func New(services []way.Service, factors []Factor) (Roster, error) {
	r := Roster{Services: map[string]way.Service{}, Factors: map[string]*witness.Factor{}}
	kinds := map[string]way.Kind{}
	for _, f := range factors {
		kind := f.Info.Kind
		if _, twice := kinds[kind]; twice || kind == way.Directory {
			return r, fmt.Errorf("factor %q: the name is taken", kind)
		}
		w, err := witness.New(f.Info, f.Plugin)
		if err != nil {
			return r, fmt.Errorf("factor %q: %w", kind, err)
		}
		r.Factors[kind], kinds[kind] = w, way.Kind{Claims: f.Info.Claims, Standalone: f.Standalone && !f.Info.Guessable}
	}
	for _, s := range services {
		if _, twice := r.Services[s.Name]; twice {
			return r, fmt.Errorf("service %q: named twice", s.Name)
		}
		if err := s.Admit(kinds); err != nil {
			return r, fmt.Errorf("service %q cannot be as it is: %w", s.Name, err)
		}
		r.Services[s.Name] = s
		r.Bridged = r.Bridged || len(s.Bridge.Factors) > 0
	}
	return r, nil
}

// Claims tells whether a factor is one of app passwords. One that is not in the
// config is none.
func (r Roster) Claims(kind string) bool {
	f, known := r.Factors[kind]
	return known && f.Info.Claims
}

// Form remembers the last answer of Fits, which an attempt asks for more than once.
// It is not safe for concurrent use.
type Form struct {
	kind   string
	secret account.Secret
	fits   bool
}

// Fits tells whether the secret has the form of what a factor of the roster takes.
func (f *Form) Fits(r Roster, kind string, secret account.Secret) bool {
	if f.kind != kind || f.secret != secret {
		f.kind, f.secret, f.fits = kind, secret, r.Factors[kind].Fits(secret)
	}
	return f.fits
}

// Idle tells of a secret that is right nowhere at the service: only app passwords are
// good there, and it fits none of those kinds.
func (r Roster) Idle(s way.Service, form *Form, secret account.Secret) bool {
	for _, w := range s.Ways {
		for _, kind := range w.Factors {
			if !r.Claims(kind) {
				return false
			}
		}
	}
	for kind := range r.Factors {
		if r.Claims(kind) && form.Fits(r, kind, secret) {
			return false
		}
	}
	return true
}

// Split takes the code off the end of an only field, where each way in needs a
// code beside the password, and tells whether it did. There is no separator:
// the code is the last N characters if they have its form.
func (r Roster) Split(s way.Service, field account.Secret) (password, code account.Secret, ok bool) {
	if _, alone := s.Alone(way.Directory); alone {
		return field, "", false
	}
	for _, w := range s.Ways {
		if !w.HasDirectory() {
			continue
		}
		for _, kind := range w.Others() {
			f := r.Factors[kind]
			at := len(field) - f.Info.Digits
			if f.Info.Digits > 0 && at > 0 && f.Fits(field[at:]) {
				return field[:at], field[at:], true
			}
		}
	}
	return field, "", false
}
