// Package tries is what the owner of an account is told about the last tries to
// get in with a device: which programs go astray, and what became of each.
//
// It decides nothing and changes nothing. It belongs to package enroll, which
// shows it to nobody but the owner of a full session, and which alone may call
// it.
package tries

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

const (
	// astrayFor is for how long a try without an app password is spoken of.
	astrayFor = 7 * 24 * time.Hour
	// directory is the factor of a login with the normal password.
	directory = "directory"
	// last is how many last tries are looked through.
	last = 20
)

// Own are the person's last tries at services that app passwords are for, newest
// first. What somebody typed as the name is left out, as are the tries of
// operators: they are no device.
func Own(ctx context.Context, cfg *records.Config, id account.ID) ([]account.Event, error) {
	if cfg.App == "" {
		return nil, nil
	}
	all, err := cfg.Store.Tries(ctx, id, last)
	if err != nil {
		return nil, fmt.Errorf("loading the last tries: %w", err)
	}
	var own []account.Event
	for _, e := range all {
		if e.Act != account.ActCheck || e.Subject != id || e.Actor != "user" || !slices.Contains(cfg.AppServices, e.Service) {
			continue
		}
		e.Name, e.Peer, e.Note, e.Ticket = "", "", "", ""
		own = append(own, e)
	}
	return own, nil
}

// Astray finds, among their own tries, the programs that still send something
// else where only an app password helps. Nobody has looked at what they sent, so
// it may be anybody's; most often it is the owner's calendar with the normal
// password.
func Astray(own []account.Event, apps []account.Record, now time.Time) []account.Event {
	var out []account.Event
	for _, e := range own {
		same := func(o account.Event) bool { return o.Service == e.Service && o.Agent == e.Agent }
		// A program that has come with an app password since needs no word.
		mended := func(r account.Record) bool {
			return r.LastService == e.Service && r.LastAgent == e.Agent && !r.LastUsed.Before(e.At)
		}
		if e.Reason == account.AppPasswordRequired && now.Sub(e.At) < astrayFor &&
			!slices.ContainsFunc(out, same) && !slices.ContainsFunc(apps, mended) {
			out = append(out, e)
		}
	}
	return out
}

// Bridged finds the programs that were let in with the normal password, while it
// is still good for them.
func Bridged(own []account.Event, leave records.Leave, now time.Time) []account.Event {
	var out []account.Event
	for _, e := range own {
		same := func(o account.Event) bool { return o.Service == e.Service && o.Agent == e.Agent }
		if leave.Bridge && e.Reason == account.OK && e.Factor == directory && now.Sub(e.At) < astrayFor && !slices.ContainsFunc(out, same) {
			out = append(out, e)
		}
	}
	return out
}

// Programs are the User-Agents of these tries, each once.
func Programs(events ...[]account.Event) []string {
	var agents []string
	for _, e := range slices.Concat(events...) {
		if e.Agent != "" && !slices.Contains(agents, e.Agent) {
			agents = append(agents, e.Agent)
		}
	}
	return agents
}
