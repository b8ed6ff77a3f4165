package records

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// MaxLabel is the longest name of an app password or a phone, in characters.
	MaxLabel = 64
	// unusedAfter is how long an app password lies unused before its owner is
	// asked about it: the longest summer break, and some.
	unusedAfter = 90 * 24 * time.Hour
)

// Printable tells whether a label is a name that people can read, of 1 to 64
// characters.
func Printable(label string) bool {
	n := utf8.RuneCountInString(label)
	return n >= 1 && n <= MaxLabel && utf8.ValidString(label) &&
		!strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Unused tells whether the record has not been used for 90 days, counted from
// its making where it never was.
func Unused(r account.Record, now time.Time) bool {
	last := r.LastUsed
	if last.Before(r.Created) {
		last = r.Created
	}
	return now.Sub(last) >= unusedAfter
}

// Forgotten are the app passwords that ended first, once more ended ones are
// kept than there may be good ones: a list that only grows would make every
// check of its owner dear.
func (c *Config) Forgotten(snap account.Snapshot) []string {
	now := c.Now()
	ended := slices.DeleteFunc(slices.Clone(snap.Records), func(r account.Record) bool {
		return r.Factor != c.App || r.Active(now)
	})
	slices.SortFunc(ended, func(a, b account.Record) int { return a.Revoked.Compare(b.Revoked) })
	var ids []string
	for _, r := range ended[:max(0, len(ended)-c.Factors[c.App].Info.MaxRecords)] {
		ids = append(ids, r.ID)
	}
	return ids
}

// Wish is an app password somebody asks for.
type Wish struct {
	// Label is the person's name for it, 1 to 64 characters after trimming.
	Label string
	// Services are those it shall be good for; empty means all that there are.
	Services []string
	// Life is how long it shall be good for; 0 means until it is removed.
	Life time.Duration
	// Device is the record of the phone it is for, so that it ends with that one
	// if that is lost; empty means that nobody has said.
	Device string
}

// Complete trims the wish and fills in what it leaves open. A Refusal means that
// it cannot be.
func (c *Config) Complete(w Wish) (Wish, error) {
	w.Label = strings.TrimSpace(w.Label)
	unknown := slices.ContainsFunc(w.Services, func(s string) bool { return !slices.Contains(c.AppServices, s) })
	if c.App == "" || unknown || w.Life < 0 || !Printable(w.Label) {
		return Wish{}, &Refusal{Reason: account.Malformed}
	}
	if len(w.Services) == 0 {
		w.Services = c.AppServices
	}
	return w, nil
}

// Room refuses one app password more than there may be.
func (c *Config) Room(snap account.Snapshot) error {
	if len(ActiveOf(snap, c.App, c.Now())) >= c.Factors[c.App].Info.MaxRecords {
		return &Refusal{Reason: account.NotAllowed}
	}
	return nil
}

// Issue makes the app password of a wish that is complete. It is not stored
// yet: that is the change.
func (c *Config) Issue(ctx context.Context, who account.Subject, snap account.Snapshot, w Wish) (Made, account.Change, error) {
	if err := c.Room(snap); err != nil {
		return Made{}, account.Change{}, err
	}
	if w.Device != "" && !slices.ContainsFunc(ActiveOf(snap, c.Code, c.Now()), func(r account.Record) bool { return r.ID == w.Device }) {
		// The phone is gone since; what is made for it must not outlive it.
		return Made{}, account.Change{}, &Refusal{Reason: account.Malformed}
	}
	e, err := c.Enroll(ctx, c.App, who)
	if err != nil {
		return Made{}, account.Change{}, err
	}
	e.Record.Label, e.Record.Services, e.Record.Device = w.Label, slices.Clone(w.Services), w.Device
	if w.Life > 0 {
		e.Record.Expires = e.Record.Created.Add(w.Life)
	}
	ev := c.Event(account.ActIssue, who, "user")
	ev.Factor, ev.Record, ev.Label = e.Record.Factor, e.Record.ID, w.Label
	return e, account.Change{
		Subject: who.ID, Version: snap.Version, Put: []account.Record{e.Record},
		Delete: c.Forgotten(snap), Events: []account.Event{ev},
	}, nil
}

// Order is a revocation, whoever asks for it.
type Order struct {
	// Actor is who asks; Record is empty for all app passwords.
	Actor, Record, Note, Ticket string
	// Unused leaves alone those that are not Unused.
	Unused bool
}

// Revoke ends one app password of the subject, or all if none is named.
func (c *Config) Revoke(ctx context.Context, who account.Subject, o Order) (int, error) {
	snap, err := c.Store.Load(ctx, who.ID, c.App)
	if err != nil {
		return 0, fmt.Errorf("loading the records: %w", err)
	}
	ch := account.Change{Subject: who.ID, Version: snap.Version}
	if o.Record == "" && !o.Unused { // all, and so what a program is about to fetch
		ch.EndTokens = []account.TokenKind{account.TokenFlow}
	}
	now := c.Now()
	for _, r := range ActiveOf(snap, c.App, now) {
		if o.Record != "" && r.ID != o.Record || o.Unused && !Unused(r, now) {
			continue
		}
		// The payload stays, so that the device can be told what happened.
		r.Revoked = now
		ch.Put = append(ch.Put, r)
		ev := c.Event(account.ActRevoke, who, o.Actor)
		ev.Factor, ev.Record, ev.Label, ev.Note, ev.Ticket = r.Factor, r.ID, r.Label, o.Note, o.Ticket
		ch.Events = append(ch.Events, ev)
	}
	if len(ch.Put) == 0 {
		return 0, fmt.Errorf("no such app password: %w", account.ErrNotFound)
	}
	return len(ch.Put), c.Commit(ctx, ch)
}

// Rename gives one active app password or phone of the subject another label. It
// is audited under the new one.
func (c *Config) Rename(ctx context.Context, who account.Subject, record, label string) error {
	snap, err := c.Store.Load(ctx, who.ID, c.App)
	if err != nil {
		return fmt.Errorf("loading the records: %w", err)
	}
	for _, r := range snap.Records {
		if r.ID != record || !r.Active(c.Now()) || r.Factor != c.App && r.Factor != c.Code {
			continue
		}
		ev := c.Event(account.ActRename, who, "user")
		ev.Factor, ev.Record, ev.Label = r.Factor, r.ID, label
		ev.Note = fmt.Sprintf("was %q", r.Label)
		r.Label = label
		return c.Commit(ctx, account.Change{Subject: who.ID, Version: snap.Version, Put: []account.Record{r}, Events: []account.Event{ev}})
	}
	return fmt.Errorf("no such app password: %w", account.ErrNotFound)
}
