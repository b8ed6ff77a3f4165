package enroll

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// Lives of sessions. A set-up session has one short life; a full session ends
// when it is idle, and absolutely.
const (
	setupFor   = 30 * time.Minute
	idleFor    = 30 * time.Minute
	sessionFor = 8 * time.Hour
	// freshFor is how long after signing in factors may be changed.
	freshFor = 10 * time.Minute
	// renewAfter bounds how often an idle clock is written.
	renewAfter = time.Minute
)

// state is what a session knows; the store seals it.
type state struct {
	// Name is the canonical login, for the directory.
	Name string `json:"name"`
	// SignedIn is when the person proved who they are.
	SignedIn time.Time `json:"signed_in"`
	// Address is where they were then, or empty.
	Address string `json:"address,omitempty"`
	// Ends is the absolute end.
	Ends time.Time `json:"ends"`
	// Invite is the hash of the invite code that was given, if one was.
	Invite []byte `json:"invite,omitempty"`
	// Pending is the record that waits for its first code, with what is shown
	// of it until then.
	Pending string    `json:"pending,omitempty"`
	Key     string    `json:"key,omitempty"`
	URI     string    `json:"uri,omitempty"`
	Until   time.Time `json:"until,omitzero"`
	// Plan is which phone that is.
	Plan devices.Plan `json:"plan,omitzero"`
}

// String prints the state without key and URI.
func (s state) String() string { return fmt.Sprintf("session of %s [redacted]", s.Name) }

// GoString prints the same as String, for %#v.
func (s state) GoString() string { return s.String() }

// session is an open session with its owner.
type session struct {
	kind  account.TokenKind
	token account.Token
	state state
	who   account.Facts
}

var errNoSession = fmt.Errorf("the session is over: %w", account.ErrNotFound)

// The prefixes tell the kinds of sessions apart without asking the store.
const (
	setupPrefix = "setup."
	fullPrefix  = "full."
)

func kindOf(token account.Secret) account.TokenKind {
	switch {
	case strings.HasPrefix(token.Reveal(), setupPrefix):
		return account.TokenSetup
	case strings.HasPrefix(token.Reveal(), fullPrefix):
		return account.TokenSession
	default:
		return ""
	}
}

// newSession makes a session; it is not stored yet.
func (d *Desk) newSession(kind account.TokenKind, id account.ID, st state) (Session, account.Token, error) {
	random, err := d.cfg.Random(32)
	if err != nil {
		return Session{}, account.Token{}, err
	}
	prefix, life := setupPrefix, setupFor
	if kind == account.TokenSession {
		prefix, life = fullPrefix, sessionFor
	}
	now := d.cfg.Now()
	st.Ends = now.Add(life)
	secret := account.Secret(prefix + base64.RawURLEncoding.EncodeToString(random))
	tok := account.Token{
		Kind: kind, Hash: account.HashToken(d.cfg.MAC, kind, secret),
		Subject: id, Created: now, Expires: now.Add(min(life, idleFor)),
	}
	if tok.Data, err = json.Marshal(st); err != nil {
		return Session{}, account.Token{}, fmt.Errorf("writing the session: %w", err)
	}
	return Session{Token: secret, Kind: kind, Expires: st.Ends}, tok, nil
}

// open finds the session and its owner. It is over when it expired, was ended,
// or the account is no longer fit.
func (d *Desk) open(ctx context.Context, token account.Secret) (*session, error) {
	kind := kindOf(token)
	if kind == "" {
		return nil, errNoSession
	}
	tok, err := d.cfg.Store.Token(ctx, account.TokenRef{Kind: kind, Hash: account.HashToken(d.cfg.MAC, kind, token)})
	if errors.Is(err, account.ErrNotFound) {
		return nil, errNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("reading the session: %w", err)
	}
	s := &session{kind: kind, token: tok}
	if err := json.Unmarshal(tok.Data, &s.state); err != nil {
		return nil, fmt.Errorf("reading the session: %w", errors.Join(err, account.ErrUnavailable))
	}
	now := d.cfg.Now()
	if !tok.Alive(now) || !now.Before(s.state.Ends) {
		return nil, errNoSession
	}
	s.who, err = d.cfg.Directory.Find(ctx, s.state.Name)
	if errors.Is(err, account.ErrNotFound) || err == nil && (s.who.ID != tok.Subject || s.who.Fitness != account.Fit) {
		return nil, errNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("finding the owner of the session: %w", err)
	}
	return s, nil
}

// keep writes the session's state together with a change, and renews its idle
// clock.
func (d *Desk) keep(s *session, c *account.Change) error {
	data, err := json.Marshal(s.state)
	if err != nil {
		return fmt.Errorf("writing the session: %w", err)
	}
	s.token.Data = data
	s.token.Expires = earlier(d.cfg.Now().Add(idleFor), s.state.Ends)
	c.PutTokens = append(c.PutTokens, s.token)
	return nil
}

// renew moves the idle clock on, at most once a minute. It writes the state
// back whole, so it leaves everything as it is if another window of the same
// session wrote since the person was read.
func (d *Desk) renew(ctx context.Context, s *session, version int64) error {
	until := earlier(d.cfg.Now().Add(idleFor), s.state.Ends)
	if records.IsUnasked(ctx) || until.Sub(s.token.Expires) < renewAfter {
		return nil
	}
	now, err := d.cfg.Store.Token(ctx, s.ref())
	if err != nil || !bytes.Equal(now.Data, s.token.Data) {
		return err
	}
	c := account.Change{Subject: s.who.ID, Version: version}
	// Taking the old one makes sure that a session ended just now stays ended.
	c.TakeTokens = []account.TokenRef{s.ref()}
	if err := d.keep(s, &c); err != nil {
		return err
	}
	if err := d.cfg.Commit(ctx, c); !errors.Is(err, account.ErrConflict) {
		return err
	}
	_, err = d.cfg.Store.Token(ctx, s.ref())
	return err
}

// owner is whose session it is.
func (d *Desk) owner(s *session, snap account.Snapshot) records.Owner {
	return records.Owner{Subject: s.who.Subject, Snapshot: snap, Address: s.state.Address}
}

// succeed writes a change of the level: a session that is good from now on takes
// the place of this one, and everything else of the person ends.
func (d *Desk) succeed(ctx context.Context, s *session, c account.Change) (Session, error) {
	next, tok, err := d.newSession(account.TokenSession, s.who.ID,
		state{Name: s.state.Name, SignedIn: d.cfg.Now(), Address: s.state.Address})
	if err != nil {
		return Session{}, err
	}
	c.TakeTokens, c.EndTokens = append(c.TakeTokens, s.ref()), devices.Levels()
	c.PutTokens = append(c.PutTokens, tok)
	return next, d.cfg.Commit(ctx, c)
}

func (s *session) ref() account.TokenRef {
	return account.TokenRef{Kind: s.kind, Hash: s.token.Hash}
}

// fresh tells whether the person signed in a moment ago.
func (d *Desk) fresh(s *session) bool {
	return s.kind == account.TokenSession && d.cfg.Now().Sub(s.state.SignedIn) < freshFor
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Open redeems a ticket of check.Engine for a session: after EnrollRequired
// for a set-up session, after an Accept for a full one. A ticket works once;
// account.ErrNotFound means that it was used, expired, or never given out.
func (d *Desk) Open(ctx context.Context, ticket account.Secret) (Session, error) {
	for from, to := range map[account.TokenKind]account.TokenKind{
		account.TicketEnroll: account.TokenSetup,
		account.TicketEntry:  account.TokenSession,
	} {
		tok, err := d.cfg.Store.Token(ctx, account.TokenRef{Kind: from, Hash: account.HashToken(d.cfg.MAC, from, ticket)})
		if errors.Is(err, account.ErrNotFound) {
			continue
		}
		if err != nil {
			return Session{}, fmt.Errorf("reading the ticket: %w", err)
		}
		return d.redeem(ctx, tok, to)
	}
	return Session{}, errNoSession
}

// redeem takes the ticket and puts the session in one write.
func (d *Desk) redeem(ctx context.Context, ticket account.Token, kind account.TokenKind) (Session, error) {
	now := d.cfg.Now()
	if !ticket.Alive(now) {
		return Session{}, errNoSession
	}
	_, rest, _ := strings.Cut(string(ticket.Data), "\x00")
	name, address, _ := strings.Cut(rest, "\x00")
	if kind == account.TokenSetup {
		// Whoever set up a factor since the ticket was given has to use it.
		snap, err := d.cfg.Store.Load(ctx, ticket.Subject)
		if err != nil {
			return Session{}, fmt.Errorf("loading the records: %w", err)
		}
		if d.secured(snap) {
			return Session{}, errNoSession
		}
	}
	s, tok, err := d.newSession(kind, ticket.Subject, state{Name: name, SignedIn: now, Address: address})
	if err != nil {
		return Session{}, err
	}
	err = d.cfg.Commit(ctx, account.Change{
		Subject: ticket.Subject, Version: -1,
		TakeTokens: []account.TokenRef{{Kind: ticket.Kind, Hash: ticket.Hash}},
		PutTokens:  []account.Token{tok},
	})
	if errors.Is(err, account.ErrConflict) {
		return Session{}, errNoSession
	}
	if err != nil {
		return Session{}, err
	}
	return s, nil
}

// End ends the session; one that is over already is no error.
func (d *Desk) End(ctx context.Context, token account.Secret) error {
	kind := kindOf(token)
	ref := account.TokenRef{Kind: kind, Hash: account.HashToken(d.cfg.MAC, kind, token)}
	if kind == "" {
		return nil
	}
	tok, err := d.cfg.Store.Token(ctx, ref)
	if errors.Is(err, account.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the session: %w", err)
	}
	err = d.cfg.Commit(ctx, account.Change{Subject: tok.Subject, Version: -1, TakeTokens: []account.TokenRef{ref}})
	if errors.Is(err, account.ErrConflict) {
		return nil
	}
	return err
}
