// Package devices is the phones of a person that show codes: one is added, takes
// the place of another, is removed, or is lost.
//
// It promises that nobody is left without a second factor and without a way to
// make one. The last phone ends in two ways only: another takes its place, or it
// is lost and emergency codes are left, made anew if need be. It knows no session
// and does not decide who may: package enroll does, to which it belongs, and
// which alone may call it.
//
// Decided against: letting the last phone be lost where there are no emergency
// codes, or where they do not open the page. The password alone would then open
// the set-up to whoever has it, or nothing would; connecting the new phone first
// takes as long, and ends the old one as well.
package devices

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// Plan is what a set-up key is for.
type Plan struct {
	// Label is the person's name for the phone, at most 64 characters; empty
	// leaves it without one, or with that of the phone it replaces.
	Label string
	// Replaces is the record of the phone that ends once the new one is
	// confirmed; empty adds a phone.
	Replaces string
}

// Book changes the phones of people.
type Book struct{ cfg records.Config }

// New returns a Book.
func New(cfg records.Config) *Book { return &Book{cfg} }

// Phones are those that show good codes, oldest first.
func (b *Book) Phones(snap account.Snapshot) []account.Record {
	phones := records.ActiveOf(snap, b.cfg.Code, b.cfg.Now())
	slices.SortStableFunc(phones, func(a, b account.Record) int { return a.Created.Compare(b.Created) })
	return phones
}

// Most is how many phones one person may have.
func (b *Book) Most() int { return b.cfg.Factors[b.cfg.Code].Info.MaxRecords }

// Complete fills in what the plan leaves open, and refuses one that cannot be.
func (b *Book) Complete(snap account.Snapshot, p Plan) (Plan, error) {
	phones := b.Phones(snap)
	p.Label = strings.TrimSpace(p.Label)
	at := find(phones, p.Replaces)
	switch {
	case p.Label != "" && !records.Printable(p.Label):
		return Plan{}, &records.Refusal{Reason: account.Malformed}
	case p.Replaces == "" && len(phones) >= b.Most(), p.Replaces != "" && at < 0:
		return Plan{}, &records.Refusal{Reason: account.NotAllowed}
	case p.Label == "" && at >= 0:
		p.Label = phones[at].Label
	}
	return p, nil
}

// Take is the change that makes a proven phone one of the person's. What was on
// the phone that it replaces is on it from now on.
func (b *Book) Take(o records.Owner, rec account.Record, p Plan) account.Change {
	act := account.ActEnroll
	switch {
	case p.Replaces != "":
		act = account.ActReplace
	case len(b.Phones(o.Snapshot)) > 0:
		act = account.ActAdd
	}
	rec.Label = p.Label
	ev := b.cfg.Did(act, o)
	ev.Factor, ev.Record, ev.Label = rec.Factor, rec.ID, rec.Label
	c := account.Change{Subject: o.Subject.ID, Version: o.Snapshot.Version, Put: []account.Record{rec}, Events: []account.Event{ev}}
	now := b.cfg.Now()
	for _, r := range o.Snapshot.Records {
		if r.Factor == b.cfg.Code && r.ID != rec.ID && (r.ID == p.Replaces || !r.Active(now)) {
			c.Delete = append(c.Delete, r.ID)
		}
	}
	for _, r := range b.On(o.Snapshot, p.Replaces) {
		r.Device = rec.ID
		c.Put = append(c.Put, r)
	}
	return c
}

// On are the app passwords that are marked as on a phone.
func (b *Book) On(snap account.Snapshot, phone string) []account.Record {
	return slices.DeleteFunc(records.ActiveOf(snap, b.cfg.App, b.cfg.Now()), func(r account.Record) bool {
		return phone == "" || r.Device != phone
	})
}

// Place marks an app password as on a phone, or as on none for "".
func (b *Book) Place(ctx context.Context, who account.Subject, record, phone string) error {
	snap, err := b.cfg.Store.Load(ctx, who.ID)
	if err != nil {
		return fmt.Errorf("loading the records: %w", err)
	}
	apps, phones := records.ActiveOf(snap, b.cfg.App, b.cfg.Now()), b.Phones(snap)
	at, on := find(apps, record), find(phones, phone)
	if at < 0 || on < 0 && phone != "" {
		return &records.Refusal{Reason: account.NotAllowed}
	}
	r := apps[at]
	if r.Device == phone {
		return nil
	}
	r.Device = phone
	ev := b.cfg.Event(account.ActRename, who, "user")
	ev.Factor, ev.Record, ev.Label, ev.Note = r.Factor, r.ID, r.Label, "on no phone"
	if on >= 0 {
		ev.Note = "on the phone " + phones[on].ID
	}
	return b.cfg.Commit(ctx, account.Change{Subject: who.ID, Version: snap.Version, Put: []account.Record{r}, Events: []account.Event{ev}})
}

// Levels are the tokens that end when a phone comes or goes: somebody else may
// hold them, and they speak of how things were.
func Levels() []account.TokenKind {
	return []account.TokenKind{account.TokenSetup, account.TokenSession, account.TicketEnroll, account.TicketEntry, account.TicketPassword, account.TokenFlow}
}

// find is the place of a record in a list, or -1.
func find(list []account.Record, id string) int {
	return slices.IndexFunc(list, func(r account.Record) bool { return r.ID == id && id != "" })
}
