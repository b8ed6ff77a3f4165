// Package support is the operator's side of enrollment: look, reset, revoke,
// unlock, end sessions, give out a one-time code, by the name of the person, and
// the rules about who may.
//
// It sees no secret and decides no login. It belongs to package enroll, whose
// callers know it as enroll.Support.
package support

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

// Support serves the operator, by the name of the person.
type Support struct{ cfg records.Config }

// New returns the operator's side. The caller has checked the Config.
func New(cfg records.Config) *Support { return &Support{cfg} }

// Order is what an operator wants done to one person.
type Order struct {
	// Operator is who asks, as the kernel says: "login(uid)".
	Operator string
	// Login is the operator's own login on this machine, and Full says that they
	// have the role of operator, not only that of the desk.
	Login string
	Full  bool
	// Name is the person's login.
	Name string
	// Reason is compulsory, 3 to 500 characters; Ticket is optional, at most
	// 64. Characters are counted, not bytes.
	Reason string
	Ticket string
	// Record limits a revocation to one record; empty means every app password.
	Record string
	// Life is how long a one-time code holds; 0 means an hour.
	Life time.Duration
}

// Invite is what a reset gives the operator to tell the person.
type Invite struct {
	// Code is the invite code, grouped for reading aloud.
	Code    account.Secret
	Expires time.Time
	// Removed is how many records ended.
	Removed int
}

// Overview is the support screen: one person, without any secret.
type Overview struct {
	Facts account.Facts
	// Snapshot holds the records, payloads empty, revoked ones included.
	Snapshot account.Snapshot
	// Tries are the last tries, newest first.
	Tries []account.Event
	// Blocks are the throttles that hold right now.
	Blocks []Block
}

// Block is one throttle that holds.
type Block struct {
	// What is "password", "code", "recovery" or "invite code"; the second and
	// third also with " without a password", where a service asks for none.
	What  string
	Tries int
	Until time.Time
}

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
	if n < 3 || n > 500 || utf8.RuneCountInString(o.Ticket) > 64 || o.Operator == "" || strings.ContainsFunc(o.Reason+o.Ticket, unicode.IsControl) {
		return &records.Refusal{Reason: account.Malformed}
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
	o.Blocks, err = s.blocks(ctx, facts.ID)
	return o, err
}

// blocks are the throttles that hold for somebody, whatever they try.
func (s *Support) blocks(ctx context.Context, id account.ID) ([]Block, error) {
	type budget struct {
		what, kind string
		wait       func(context.Context, account.ID, string) (time.Duration, int, error)
	}
	t := s.cfg.Throttle
	all := []budget{
		{"password", "", t.Wait}, {"invite code", records.InviteKind, t.Wait},
		{"code", s.cfg.Code, t.Wait}, {"code without a password", s.cfg.Code, t.WaitAlone},
	}
	if s.cfg.Recovery != "" {
		all = append(all, budget{"recovery", s.cfg.Recovery, t.Wait}, budget{"recovery without a password", s.cfg.Recovery, t.WaitAlone})
	}
	var held []Block
	for _, b := range all {
		wait, tries, err := b.wait(ctx, id, b.kind)
		if err != nil {
			return nil, err
		}
		if wait > 0 {
			held = append(held, Block{What: b.what, Tries: tries, Until: s.cfg.Now().Add(wait)})
		}
	}
	return held, nil
}

// Reset ends everything that the person has enrolled, and every session, and
// gives out the invite code that the next set-up asks for: the password alone
// must not be enough to enroll a stranger's phone. It lifts the throttles, too.
func (s *Support) Reset(ctx context.Context, o Order) (Invite, error) {
	d, err := s.admit(ctx, account.ActReset, o)
	if err != nil {
		return Invite{}, err
	}
	var inv Invite
	err = s.counted(ctx, d, func() error {
		return records.Retry(func() (err error) {
			inv, err = s.reset(ctx, o, d.who.Subject)
			return err
		})
	})
	return inv, err
}

func (s *Support) reset(ctx context.Context, o Order, who account.Subject) (Invite, error) {
	snap, err := s.cfg.Store.Load(ctx, who.ID, s.cfg.App)
	if err != nil {
		return Invite{}, fmt.Errorf("loading the records: %w", err)
	}
	if snap.Version == 0 && strings.HasPrefix(o.Name, byID) {
		// Nobody has looked whether there is such a person: a slip in the id must
		// not read as a lost phone that is locked out.
		return Invite{}, fmt.Errorf("nothing is kept under this id: %w", account.ErrNotFound)
	}
	entropy, err := s.cfg.Random(16)
	if err != nil {
		return Invite{}, err
	}
	code, err := crockford.Encode(entropy, inviteRandom)
	if err != nil {
		return Invite{}, fmt.Errorf("making an invite code: %w", err)
	}
	now, yes := s.cfg.Now(), true
	inv := Invite{Code: account.Secret(crockford.Group(code, 5)), Expires: now.Add(inviteFor)}
	ev := s.cfg.Event(account.ActReset, who, o.Operator)
	ev.Note, ev.Ticket = o.Reason, o.Ticket
	c := account.Change{
		Subject: who.ID, Version: snap.Version, InviteRequired: &yes,
		EndTokens: []account.TokenKind{
			account.TicketPassword, account.TicketEnroll, account.TicketEntry,
			account.TokenInvite, account.TokenSetup, account.TokenSession, account.TokenSource, account.TokenFlow,
		},
		PutTokens: []account.Token{{
			Kind: account.TokenInvite, Hash: account.HashToken(s.cfg.MAC, account.TokenInvite, account.Secret(code)),
			Subject: who.ID, Created: now, Expires: inv.Expires,
		}},
		// Tries at what ends here say nothing about what comes next.
		ClearTries: s.cfg.Throttle.Buckets(who.ID, s.guessable()),
		Events:     []account.Event{ev},
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
	return inv, s.cfg.Commit(ctx, c)
}

// Unlock lifts the person's throttles.
func (s *Support) Unlock(ctx context.Context, o Order) error {
	return s.simple(ctx, o, account.ActUnlock, func(id account.ID, c *account.Change) {
		c.ClearTries = s.cfg.Throttle.Buckets(id, s.guessable())
	})
}

// guessable are the factors whose tries are counted for a person, beside the
// password.
func (s *Support) guessable() []string {
	kinds := []string{s.cfg.Code, records.InviteKind}
	if s.cfg.Recovery != "" {
		kinds = append(kinds, s.cfg.Recovery)
	}
	return kinds
}

// EndSessions ends every session of the person on the page.
func (s *Support) EndSessions(ctx context.Context, o Order) error {
	return s.simple(ctx, o, account.ActSignOut, func(_ account.ID, c *account.Change) {
		c.EndTokens = []account.TokenKind{
			account.TicketPassword, account.TicketEnroll, account.TicketEntry, account.TokenSetup, account.TokenSession, account.TokenFlow,
		}
	})
}

// simple carries out an order that touches no records.
func (s *Support) simple(ctx context.Context, o Order, act account.Act, fill func(account.ID, *account.Change)) error {
	d, err := s.admit(ctx, act, o)
	if err != nil {
		return err
	}
	facts := d.who
	ev := s.cfg.Event(act, facts.Subject, o.Operator)
	ev.Note, ev.Ticket = o.Reason, o.Ticket
	c := account.Change{Subject: facts.ID, Version: -1, Events: []account.Event{ev}}
	fill(facts.ID, &c)
	return s.cfg.Commit(ctx, c)
}

// Revoke ends one app password of the person, or all of them, and returns how
// many. account.ErrNotFound means that there was none to end.
func (s *Support) Revoke(ctx context.Context, o Order) (int, error) {
	d, err := s.admit(ctx, account.ActRevoke, o)
	if err != nil {
		return 0, err
	}
	var n int
	err = records.Retry(func() (err error) {
		n, err = s.cfg.Revoke(ctx, d.who.Subject, records.Order{Actor: o.Operator, Record: o.Record, Note: o.Reason, Ticket: o.Ticket})
		return err
	})
	return n, err
}
