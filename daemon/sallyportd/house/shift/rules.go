package shift

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/config/wayform"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/visits"
	"github.com/sallyport/sallyport/daemon/sallyportd/filled"
)

func (s *Shift) buildEngine(ctx context.Context, former *Shift) (err error) {
	cfg := check.Config{
		Services: filled.Services(s.Config.Services), Policy: s.Config.Policy,
		Directory: s.Directory, Store: s.Store, Throttle: s.Throttle, Waits: s.Throttle, Journal: s.Bus,
		Clock: s.Clock, Rand: rand.Reader, MAC: s.Ring.MAC,
		MaxStale: max(0, s.Config.Directory.MaxStale), Grid: s.Config.Throttle.FailureGrid, Log: s.Log,
	}
	if cfg.NotBefore, err = s.over(ctx); err != nil {
		return err
	}
	for _, f := range s.Config.Factors {
		cfg.Factors = append(cfg.Factors, check.Factor{
			Info: s.Plugins.Info(f.Kind), Plugin: s.Plugins.Factor(f.Kind), Standalone: f.Standalone,
		})
	}
	for _, k := range s.Config.Hooks {
		if !k.Before {
			continue
		}
		cfg.Hooks = append(cfg.Hooks, check.Hook{Name: k.Name, Hook: s.Plugins.Hook(k.Name), AllowOnError: k.AllowOnError, Config: k.Config})
	}
	if former != nil && former.Directory == s.Directory {
		// What another directory has refused, this one may take.
		cfg.Memory = former.Engine.Memory
	}
	s.Engine, err = check.New(cfg)
	return err
}

// buildEnrollment gives the page its three parts: the code app is the factor
// whose code can share a field with the password, app passwords are those of
// the factor that claims its inputs, and emergency codes are the remaining one
// that is used up.
func (s *Shift) buildEnrollment(context.Context, *Shift) (err error) {
	cfg := enroll.Config{
		Store: s.Store, Directory: s.Directory, Throttle: s.Throttle, Journal: s.Bus,
		Factors: map[string]enroll.Factor{}, Issuer: s.Config.Issuer, Leave: s.allowed, Rules: s.Config.Admin.Rules,
		MAC: s.Ring.MAC, Rand: rand.Reader, Now: s.Clock.Now,
	}
	for _, f := range s.Config.Factors {
		info := s.Plugins.Info(f.Kind)
		cfg.Factors[f.Kind] = enroll.Factor{Info: info, Plugin: s.Plugins.Factor(f.Kind), Settings: f.Settings}
		switch {
		case info.Claims && cfg.App == "":
			cfg.App = f.Kind
		case info.Digits > 0 && cfg.Code == "":
			cfg.Code = f.Kind
		case info.Guessable && info.MaxRecords == 1 && cfg.Recovery == "":
			cfg.Recovery = f.Kind
		}
	}
	for _, service := range s.Config.Services {
		for _, w := range service.Every() {
			if len(w.Factors) == 1 && w.Factors[0] == cfg.App && !slices.Contains(cfg.AppServices, service.Name) {
				cfg.AppServices = append(cfg.AppServices, service.Name)
			}
		}
	}
	cfg.CodesOpen = s.codesOpen(cfg.Recovery, cfg.Code)
	s.Roles.Code, s.Roles.App, s.Roles.Recovery = cfg.Code, cfg.App, cfg.Recovery
	if cfg.Code == "" {
		return errors.New("no [[factor]] can be set up on the page: add kind = \"totp\"")
	}
	s.visits = visits.New(cfg)
	s.Desk, s.Support, err = enroll.New(cfg)
	return err
}

// codesOpen tells whether the page lets somebody in with an emergency code and
// without a phone.
func (s *Shift) codesOpen(recovery, code string) bool {
	open := func(accept []config.Way) bool {
		return slices.ContainsFunc(accept, func(w config.Way) bool {
			return slices.Contains(w.Factors, recovery) && !slices.Contains(w.Factors, code)
		})
	}
	return slices.ContainsFunc(s.Config.Services, func(service config.Service) bool {
		return service.Name == s.Config.Page.Service && open(service.Accept) &&
			!slices.ContainsFunc(service.Groups, func(g wayform.Group) bool { return !open(g.Accept) })
	})
}
