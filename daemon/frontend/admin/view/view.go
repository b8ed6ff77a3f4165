// Package view turns what the daemon keeps of a person into what support sees, and
// says what to do next.
//
// It looks nothing up and decides nothing. It belongs to package admin, which alone
// may call it.
package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// The factors that the desk knows by name.
const (
	appPassword = "app-password"
	recovery    = "recovery"
)

// Person turns an overview into what the desk sees.
func Person(o enroll.Overview, now time.Time) api.Person {
	f := o.Facts
	p := api.Person{
		ID: f.ID, Name: f.Name, DisplayName: f.DisplayName, Mail: f.Mail, Groups: append([]string{}, f.Groups...),
		Fitness: fitness(f.Fitness), FactsAsOf: utc(f.AsOf), PasswordChanged: utc(f.PasswordChanged),
		InviteRequired: o.Snapshot.InviteRequired,
		Records:        []api.Record{}, Tries: []api.Event{}, Blocks: []api.Block{},
	}
	for _, r := range o.Snapshot.Records {
		if r.FromSupport(recovery) {
			p.SupportCode = code(r, now)
			continue
		}
		p.Records = append(p.Records, record(r, now))
	}
	for _, e := range o.Tries {
		p.Tries = append(p.Tries, Event(e))
	}
	for _, b := range o.Blocks {
		p.Blocks = append(p.Blocks, api.Block{What: b.What, Tries: b.Tries, Until: utc(b.Until)})
	}
	// The longest wait first: it is the one to speak of, and the order in which
	// they came means nothing.
	slices.SortFunc(p.Blocks, func(a, b api.Block) int { return b.Until.Compare(a.Until) })
	p.Advice = advice(o, p, now)
	return p
}

func record(r account.Record, now time.Time) api.Record {
	out := api.Record{ID: r.ID, Factor: r.Factor, Label: r.Label, Services: r.Services, Device: r.Device, State: state(r, now),
		Created: utc(r.Created), Revoked: utc(r.Revoked), Expires: utc(r.Expires), LastUsed: utc(r.LastUsed),
		LastService: r.LastService, LastFrom: r.LastFrom, LastAgent: r.LastAgent}
	if r.Uses >= 0 {
		out.UsesLeft = &r.Uses
	}
	return out
}

func state(r account.Record, now time.Time) string {
	switch {
	case !r.Revoked.IsZero():
		return "revoked"
	case r.Pending:
		return "pending"
	case r.Uses == 0:
		return "used up"
	case !r.Active(now):
		return "expired"
	default:
		return "active"
	}
}

// code tells what became of a code from support.
func code(r account.Record, now time.Time) *api.SupportCode {
	c := &api.SupportCode{State: "waiting", Made: utc(r.Created), Expires: utc(r.Expires)}
	switch {
	case r.Uses == 0:
		c.State, c.Used, c.Service, c.From = "used", utc(r.LastUsed), r.LastService, r.LastFrom
	case !r.Active(now):
		c.State = "expired"
	}
	return c
}

// Event is one act as the desk and the audit show it.
func Event(e account.Event) api.Event {
	out := api.Event{Seq: e.Seq, At: utc(e.At), Act: e.Act, Subject: e.Subject, Name: e.Name, Actor: e.Actor,
		Service: e.Service, FrontEnd: e.FrontEnd, Factor: e.Factor, Record: e.Record, Label: e.Label,
		Reason: e.Reason, Address: e.Address, Agent: e.Agent, Note: e.Note, Ticket: e.Ticket,
		TookMS: e.Took.Milliseconds()}
	if e.Act == account.ActCheck {
		out.Verdict = e.Verdict.String()
	}
	if e.Count > 1 {
		out.Count = e.Count
	}
	return out
}

func fitness(f account.Fitness) string {
	switch f {
	case account.Fit:
		return "fit"
	case account.Disabled:
		return "disabled"
	case account.Locked:
		return "locked"
	default:
		return "unknown"
	}
}

// advice says what to do next: the first thing on this list that is in the
// way.
func advice(o enroll.Overview, p api.Person, now time.Time) string {
	// Neither of these two is a second factor to sign in to the page with day
	// by day; whatever else is active is.
	devices, codes := 0, 0
	for _, r := range o.Snapshot.Records {
		switch {
		case !r.Active(now) || r.Factor == appPassword || r.FromSupport(recovery):
		case r.Factor == recovery:
			codes++
		default:
			devices++
		}
	}
	switch {
	case o.Facts.Fitness == account.Disabled:
		return "The directory has switched this account off. Nothing here can change that: enable it in the directory."
	case o.Facts.Fitness == account.Locked:
		return "The directory has locked this account or its password has expired. Unlock it in the directory."
	case o.Facts.Fitness != account.Fit:
		return "The directory could not say how this account stands. See sallyport status, then look again."
	case len(p.Blocks) > 0:
		b := p.Blocks[0]
		return fmt.Sprintf("Too many wrong tries (%s). Identify the person, then: sallyport unlock %s --reason TEXT",
			b.What, o.Facts.Name)
	case o.Snapshot.InviteRequired:
		return "Waiting for the set-up with the invite code. Lost code? Make another: sallyport reset NAME --reason TEXT"
	case p.SupportCode != nil && p.SupportCode.State == "waiting":
		return "A code from support waits. The person signs in at the page with the normal password, chooses the emergency code, and types it there."
	case devices == 0 && codes > 0:
		return "No phone is connected. The person signs in at the page with the normal password and an emergency code, and connects one. No code at hand? Identify the person, then: sallyport reset NAME --reason TEXT"
	case devices == 0:
		return "Not set up yet. The person signs in at the page with the normal password and follows the three steps."
	}
	if len(o.Tries) > 0 {
		if hint := afterTry(o.Tries[0].Reason); hint != "" {
			return hint
		}
	}
	home := " Left it at home? Identify the person, then: sallyport code NAME --reason TEXT"
	if devices > 1 || codes > 0 {
		return "Nothing is in the way. Lost phone? With another phone or an emergency code the person says so at the page. Without either, identify the person, then: sallyport reset NAME --reason TEXT." + home
	}
	return "Nothing is in the way. Lost phone? Identify the person, then: sallyport reset NAME --reason TEXT." + home
}

// afterTry is what to say to somebody whose last try ended like this.
func afterTry(r account.Reason) string {
	switch r {
	case account.BadCredentials:
		return "The last try had a wrong normal password. Let the person type it slowly; a forgotten one is changed in the directory."
	case account.CodeRequired:
		return "The last try had the right password and no code. The 6-digit code from the app is needed, too."
	case account.CodeWrong:
		return "The last try had the right password and a wrong code. Let the person switch on automatic time on the phone, and use the entry for this place."
	case account.CodeUsed:
		return "The last code had been used before. Let the person wait for the next one."
	case account.AppPasswordRequired:
		return "A calendar or contacts program still sends the normal password or a code. It needs an app password, made at the page."
	case account.AppPasswordTypo:
		return "The last app password had a typing mistake. Let the person make a new one and copy it."
	case account.AppPasswordRevoked, account.AppPasswordExpired:
		return "A program still sends an app password that has ended. Let the person make a new one for it."
	case account.WrongService:
		return "A program sends an app password that was made for something else. Let the person make one for it."
	case account.WrongSpelling:
		return "A program writes the login otherwise than the directory does. Let the person enter it there exactly as it stands at the top."
	case account.DirectoryUnavailable, account.StoreUnavailable, account.PluginUnavailable, account.ClockUnsafe:
		return "The last try met an outage; the person did nothing wrong. See: sallyport status"
	default:
		return ""
	}
}

// utc keeps the zero time zero, so that it is left out.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
