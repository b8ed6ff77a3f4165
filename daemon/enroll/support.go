package enroll

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

const (
	// inviteFor is how long an invite code waits for its set-up.
	inviteFor = 24 * time.Hour
	// inviteRandom is the number of random characters of an invite code: 70
	// bits, stored as a keyed hash.
	inviteRandom = 14
	// lastTries is how many tries the support screen shows.
	lastTries = 20
	// byID begins a name that is a directory id, for people that the directory
	// does not find any more, or while it is away.
	byID = "id:"
)

// find resolves the name of an order. Unlike a login, support may also name a
// person by id, so that revoking works while the directory is away.
func (s *Support) find(ctx context.Context, name string) (account.Facts, error) {
	if id, ok := strings.CutPrefix(name, byID); ok {
		return account.Facts{Subject: account.Subject{ID: account.ID(strings.ToLower(id)), Name: name}}, nil
	}
	f, err := s.cfg.Directory.Find(ctx, name)
	if err != nil {
		return account.Facts{}, fmt.Errorf("finding %q: %w", name, err)
	}
	return f, nil
}

// checked refuses an order that says nothing about why.
func (o Order) checked() error {
	n := utf8.RuneCountInString(strings.TrimSpace(o.Reason))
	if n < 3 || n > 500 || len(o.Ticket) > 100 || o.Operator == "" || strings.ContainsFunc(o.Reason+o.Ticket, unicode.IsControl) {
		return &Refusal{Reason: account.Malformed}
	}
	return nil
}

// User is the support screen of one person. It changes nothing.
func (s *Support) User(ctx context.Context, name string) (Overview, error) {
	facts, err := s.find(ctx, name)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Facts: facts}
	if o.Snapshot, err = s.cfg.Store.Load(ctx, facts.ID); err != nil {
		return Overview{}, fmt.Errorf("loading the records: %w", err)
	}
	if o.Tries, err = s.cfg.Store.Tries(ctx, facts.ID, lastTries); err != nil {
		return Overview{}, fmt.Errorf("loading the last tries: %w", err)
	}
	for what, kind := range map[string]string{"password": "", "code": s.cfg.Code, "recovery": s.cfg.Recovery} {
		if what == "recovery" && kind == "" {
			continue
		}
		wait, tries, err := s.cfg.Throttle.Wait(ctx, facts.ID, kind)
		if err != nil {
			return Overview{}, err
		}
		if wait > 0 {
			o.Blocks = append(o.Blocks, Block{What: what, Tries: tries, Until: s.cfg.Now().Add(wait)})
		}
	}
	return o, nil
}

// Reset ends everything that the person has enrolled, and every session, and
// gives out the invite code that the next set-up asks for: the password alone
// must not be enough to enroll a stranger's phone.
func (s *Support) Reset(ctx context.Context, o Order) (Invite, error) {
	if err := o.checked(); err != nil {
		return Invite{}, err
	}
	facts, err := s.find(ctx, o.Name)
	if err != nil {
		return Invite{}, err
	}
	var inv Invite
	err = retry(func() (err error) {
		inv, err = s.reset(ctx, o, facts.Subject)
		return err
	})
	return inv, err
}

func (s *Support) reset(ctx context.Context, o Order, who account.Subject) (Invite, error) {
	snap, err := s.cfg.Store.Load(ctx, who.ID, s.cfg.App)
	if err != nil {
		return Invite{}, fmt.Errorf("loading the records: %w", err)
	}
	entropy, err := s.cfg.random(16)
	if err != nil {
		return Invite{}, err
	}
	code, err := crockford.Encode(entropy, inviteRandom)
	if err != nil {
		return Invite{}, fmt.Errorf("making an invite code: %w", err)
	}
	now, yes := s.cfg.Now(), true
	inv := Invite{Code: account.Secret(crockford.Group(code, 5)), Expires: now.Add(inviteFor)}
	ev := s.cfg.event(account.ActReset, who, o.Operator)
	ev.Note, ev.Ticket = o.Reason, o.Ticket
	c := account.Change{
		Subject: who.ID, Version: snap.Version, InviteRequired: &yes,
		EndTokens: []account.TokenKind{
			account.TicketPassword, account.TicketEnroll, account.TicketEntry,
			account.TokenInvite, account.TokenSetup, account.TokenSession, account.TokenSource,
		},
		PutTokens: []account.Token{{
			Kind: account.TokenInvite, Hash: account.HashToken(s.cfg.MAC, account.TokenInvite, account.Secret(code)),
			Subject: who.ID, Created: now, Expires: inv.Expires,
		}},
		Events: []account.Event{ev},
	}
	for _, r := range snap.Records {
		switch {
		case r.Factor != s.cfg.App:
			c.Delete = append(c.Delete, r.ID)
		case r.Revoked.IsZero():
			r.Revoked = now
			c.Put = append(c.Put, r)
		default:
			continue // revoked before
		}
		inv.Removed++
	}
	return inv, s.cfg.commit(ctx, c)
}

// Unlock lifts the person's throttles.
func (s *Support) Unlock(ctx context.Context, o Order) error {
	kinds := []string{s.cfg.Code, inviteKind}
	if s.cfg.Recovery != "" {
		kinds = append(kinds, s.cfg.Recovery)
	}
	return s.simple(ctx, o, account.ActUnlock, func(id account.ID, c *account.Change) {
		c.ClearTries = s.cfg.Throttle.Buckets(id, kinds)
	})
}

// EndSessions ends every session of the person on the page.
func (s *Support) EndSessions(ctx context.Context, o Order) error {
	return s.simple(ctx, o, account.ActSignOut, func(_ account.ID, c *account.Change) {
		c.EndTokens = []account.TokenKind{
			account.TicketPassword, account.TicketEnroll, account.TicketEntry, account.TokenSetup, account.TokenSession,
		}
	})
}

// simple carries out an order that touches no records.
func (s *Support) simple(ctx context.Context, o Order, act account.Act, fill func(account.ID, *account.Change)) error {
	if err := o.checked(); err != nil {
		return err
	}
	facts, err := s.find(ctx, o.Name)
	if err != nil {
		return err
	}
	ev := s.cfg.event(act, facts.Subject, o.Operator)
	ev.Note, ev.Ticket = o.Reason, o.Ticket
	c := account.Change{Subject: facts.ID, Version: -1, Events: []account.Event{ev}}
	fill(facts.ID, &c)
	return s.cfg.commit(ctx, c)
}

// Revoke ends one app password of the person, or all of them, and returns how
// many. account.ErrNotFound means that there was none to end.
func (s *Support) Revoke(ctx context.Context, o Order) (int, error) {
	if err := o.checked(); err != nil {
		return 0, err
	}
	facts, err := s.find(ctx, o.Name)
	if err != nil {
		return 0, err
	}
	var n int
	err = retry(func() (err error) {
		n, err = s.cfg.revoke(ctx, facts.Subject, order{actor: o.Operator, record: o.Record, note: o.Reason, ticket: o.Ticket})
		return err
	})
	return n, err
}
