// Package filled gives a part of the daemon what the config says of it, for
// whoever opens such a part: the daemon that serves, and the commands that work
// while it is stopped. What the config does not say, its caller adds.
//
// It opens nothing and reads no file. It is a piece of the daemon's main, which
// alone may import it.
package filled

import (
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/check/way"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/pluginhost"
)

// Directory is the way to the directory, without the password.
func Directory(d config.Directory) directory.Config {
	return directory.Config{
		Servers: d.Servers, StartTLS: d.StartTLS, CAFile: d.CAFile, BindDN: d.BindDN,
		Base: d.Base, Filter: d.Filter, AccountFilter: d.AccountFilter,
		IDAttribute: d.IDAttribute, NameAttribute: d.NameAttribute,
		DisplayNameAttribute: d.DisplayNameAttribute, MailAttribute: d.MailAttribute,
		GroupBase: d.GroupBase, GroupFilter: d.GroupFilter, GroupNameAttribute: d.GroupNameAttribute,
		Locked: d.Locked, LockoutDuration: d.LockoutDuration, DecoyDN: d.DecoyDN, AllowNames: d.AllowNames,
		FactTTL: d.FactTTL, MaxStale: d.MaxStale, Timeout: d.Timeout, Total: d.Total,
		CoolDown: d.CoolDown, PoolSize: d.PoolSize,
	}
}

// Factor is the plugin of a factor.
func Factor(f config.Factor) pluginhost.Spec {
	return pluginhost.Spec{
		Kind: f.Kind, Path: f.Path, SHA256: f.SHA256, MTLS: f.MTLS, NoJail: !f.Jail, Timeout: f.Timeout, Settings: f.Settings,
	}
}

// Hook is the plugin of a hook.
func Hook(h config.Hook) pluginhost.Spec {
	return pluginhost.Spec{
		Kind: h.Name, Path: h.Path, SHA256: h.SHA256, MTLS: true, Timeout: h.Timeout, Addresses: h.Mail, Settings: h.Settings,
	}
}

// Services are what people log in to, as the engine takes it.
func Services(from []config.Service) (all []check.Service) {
	for _, f := range from {
		s := check.Service{Name: f.Name, SingleFactor: f.SingleFactor, Config: f.Config, Ways: ways(f.Accept), Bridge: check.Way(f.Bridge)}
		for _, g := range f.Groups {
			s.Groups = append(s.Groups, way.Group{Groups: g.Groups, Ways: ways(g.Accept), Config: g.Config})
		}
		all = append(all, s)
	}
	return all
}

func ways(from []config.Way) (all []check.Way) {
	for _, w := range from {
		all = append(all, check.Way(w))
	}
	return all
}
