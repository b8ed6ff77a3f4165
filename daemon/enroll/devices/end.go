package devices

import (
	"context"
	"errors"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// Removal is a phone that shall go while others stay.
type Removal struct {
	// Record is the phone's.
	Record string
	// Code is a fresh one from another phone, or an emergency code: it shows that
	// the person still gets in without the phone that goes.
	Code account.Secret
	// counted is the try, by factor: it counts once, however often a lost race is
	// decided anew.
	counted map[string]int64
}

// Remove is the change that ends one of several phones. App passwords stay, and
// are marked as on none.
func (b *Book) Remove(ctx context.Context, o records.Owner, r *Removal) (account.Change, error) {
	phones := b.Phones(o.Snapshot)
	at := find(phones, r.Record)
	if at < 0 || len(phones) < 2 {
		return account.Change{}, &records.Refusal{Reason: account.NotAllowed}
	}
	proof, err := b.prove(ctx, o, r)
	if err != nil {
		return account.Change{}, err
	}
	c := b.end(o, phones[at], "removed, shown a code of factor "+proof.Factor)
	c.Put = append(c.Put, proof)
	c.Refund = append(c.Refund, r.counted[proof.Factor])
	for _, p := range b.On(o.Snapshot, r.Record) {
		p.Device = ""
		c.Put = append(c.Put, p)
	}
	return c, nil
}

// MayLoseLast tells whether somebody without a phone gets in with an emergency
// code.
func (b *Book) MayLoseLast() bool { return b.cfg.Recovery != "" && b.cfg.CodesOpen }

// Lost is the change that ends a phone that somebody else may hold, with every
// app password on it. Where it was the last one, emergency codes are what is
// left: a sheet is made, and shown once, if there is none.
func (b *Book) Lost(ctx context.Context, o records.Owner, record string) (account.Change, []account.Secret, error) {
	phones := b.Phones(o.Snapshot)
	at := find(phones, record)
	last := len(phones) == 1
	if at < 0 || last && !b.MayLoseLast() {
		return account.Change{}, nil, &records.Refusal{Reason: account.NotAllowed}
	}
	c := b.end(o, phones[at], "lost")
	for _, p := range b.On(o.Snapshot, record) {
		p.Revoked = b.cfg.Now()
		c.Put = append(c.Put, p)
		ev := b.cfg.Did(account.ActRevoke, o)
		ev.Factor, ev.Record, ev.Label, ev.Note = p.Factor, p.ID, p.Label, "on the lost phone "+record
		c.Events = append(c.Events, ev)
	}
	if !last || len(b.cfg.Sheets(o.Snapshot)) > 0 {
		return c, nil, nil
	}
	codes, err := b.cfg.Sheet(ctx, o, &c)
	return c, codes, err
}

// end is the change that ends a phone, with whatever key was waiting.
func (b *Book) end(o records.Owner, phone account.Record, note string) account.Change {
	ev := b.cfg.Did(account.ActRevoke, o)
	ev.Factor, ev.Record, ev.Label, ev.Note = phone.Factor, phone.ID, phone.Label, note
	c := account.Change{Subject: o.Subject.ID, Version: o.Snapshot.Version, Events: []account.Event{ev}}
	now := b.cfg.Now()
	for _, r := range o.Snapshot.Records {
		if r.Factor == phone.Factor && (r.ID == phone.ID || !r.Active(now)) {
			c.Delete = append(c.Delete, r.ID)
		}
	}
	return c
}

// prove counts the try, then asks for which of the records that stay the code is
// good. An outage is no failed try.
func (b *Book) prove(ctx context.Context, o records.Owner, r *Removal) (account.Record, error) {
	kind, stay := b.shown(o.Snapshot, r)
	if len(stay) == 0 {
		return account.Record{}, &records.Refusal{Reason: account.CodeWrong}
	}
	if _, already := r.counted[kind]; !already {
		number, wait, err := b.cfg.Throttle.Second(ctx, o.Subject.ID, kind)
		if err != nil {
			return account.Record{}, err
		}
		if wait > 0 {
			return account.Record{}, b.turnAway(ctx, o, kind, &records.Refusal{Reason: account.Throttled, RetryAfter: wait})
		}
		r.counted = map[string]int64{kind: number}
	}
	rec, no, err := b.cfg.Ask(ctx, stay, r.Code)
	switch {
	case err != nil:
		back := account.Change{Subject: o.Subject.ID, Version: -1, Refund: []int64{r.counted[kind]}}
		return rec, errors.Join(err, b.cfg.Commit(context.WithoutCancel(ctx), back))
	case no != nil:
		return rec, b.turnAway(ctx, o, kind, no)
	}
	return rec, nil
}

// shown are the records that may see the code: those whose factor takes its form,
// without the phone that goes.
func (b *Book) shown(snap account.Snapshot, r *Removal) (kind string, stay []account.Record) {
	for _, kind = range []string{b.cfg.Code, b.cfg.Recovery} {
		if kind == "" || !b.cfg.Factors[kind].Fits(r.Code) {
			continue
		}
		stay = slices.DeleteFunc(records.ActiveOf(snap, kind, b.cfg.Now()), func(k account.Record) bool {
			// A code from support is for signing in, and for nothing else.
			return k.ID == r.Record || k.FromSupport(b.cfg.Recovery)
		})
		if len(stay) > 0 {
			return kind, stay
		}
	}
	return "", nil
}

// turnAway refuses the code, and tells of it as of a refused login.
func (b *Book) turnAway(ctx context.Context, o records.Owner, kind string, no *records.Refusal) error {
	ev := b.cfg.Did(account.ActCheck, o)
	ev.Factor, ev.Note = kind, "removing a phone"
	return b.cfg.TurnAway(ctx, ev, no)
}
