// Package visits lets the host of a web application take over who is signed in
// on the page, so that its proxy can ask with every request who that is.
//
// A visit is a shadow of one session of the page: it is good for one origin,
// opens nothing on the page, and is over the moment the session is, however that
// ended. So signing out, a reset and another phone need not know of visits. It
// says that somebody passed both doors, and is neither a password nor a ticket
// anywhere else. Where no second factor is owed, the session that may only set up
// does as well, as long as that is so.
//
// The browser carries a code from the page to the application. It works once,
// within a minute, for that origin, and only in the browser that was sent to the
// page: the other half of its proof is in a cookie of the application's host.
// Whoever reads the code in a log, or slips it into another browser, has
// nothing.
//
// It decides no sign-in and makes no session: packages check and enroll do. The
// page gives codes out through Hand; the check socket takes them with Enter and
// asks with See. Nobody else may call it.
//
// Decided against: the page's own cookie for a whole domain. Every host of the
// domain could read it, set it, and act with it on the page.
package visits

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

const (
	// handFor is how long a code waits to be taken.
	handFor = time.Minute
	// idleFor and renewAfter are those of the page's sessions, which a visit
	// keeps awake.
	idleFor    = 30 * time.Minute
	renewAfter = time.Minute
	// factsFor is how old the directory's word may be: as for codes and passwords.
	factsFor = 5 * time.Minute
)

// Visits hands out and knows visits.
type Visits struct{ cfg records.Config }

// New returns Visits.
func New(cfg records.Config) *Visits { return &Visits{cfg} }

// held is what a code or a visit is about; the store seals it.
type held struct {
	Origin string `json:"origin"`
	// Session names the session of the page.
	Session [32]byte `json:"session"`
	// Proof is the hash of what the browser has to show with a code.
	Proof string `json:"proof,omitempty"`
}

// session is what a visit needs to know of the session behind it.
type session struct {
	Name string    `json:"name"`
	Ends time.Time `json:"ends"`
	tok  account.Token
}

var errOver = fmt.Errorf("the visit is over: %w", account.ErrNotFound)

// Proof is the hash of a browser's secret, as Hand wants it.
func Proof(secret account.Secret) string {
	sum := sha256.Sum256([]byte(secret.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Hand makes a code for the owner of a session to carry to the origin. The
// proof is what the origin's host has hashed of a secret in the same browser.
func (v *Visits) Hand(ctx context.Context, token account.Secret, origin, proof string) (account.Secret, error) {
	ref := v.ref(account.TokenSession, token)
	s, err := v.session(ctx, ref.Hash)
	if errors.Is(err, account.ErrNotFound) {
		ref = v.ref(account.TokenSetup, token)
		s, err = v.session(ctx, ref.Hash)
	}
	if err != nil {
		return "", err
	}
	code, err := v.random()
	if err != nil {
		return "", err
	}
	now := v.cfg.Now()
	ticket, err := v.token(account.TicketVisit, code, s.tok.Subject, held{origin, ref.Hash, proof})
	if err != nil {
		return "", err
	}
	ticket.Created, ticket.Expires = now, now.Add(handFor)
	return code, v.cfg.Commit(ctx, account.Change{Subject: ticket.Subject, Version: -1, PutTokens: []account.Token{ticket}})
}

// Enter takes a code that came to the origin, together with the browser's
// secret, and returns the visit. account.ErrNotFound means that they do not
// belong together, or not any more; a code that was shown wrongly is used up.
func (v *Visits) Enter(ctx context.Context, origin string, code, secret account.Secret) (account.Secret, error) {
	ticket, h, err := v.read(ctx, v.ref(account.TicketVisit, code))
	if err != nil {
		return "", err
	}
	c := account.Change{Subject: ticket.Subject, Version: -1, TakeTokens: []account.TokenRef{{Kind: ticket.Kind, Hash: ticket.Hash}}}
	if h.Origin != origin || subtle.ConstantTimeCompare([]byte(h.Proof), []byte(Proof(secret))) != 1 {
		if err := v.cfg.Commit(ctx, c); err != nil && !errors.Is(err, account.ErrConflict) {
			return "", err
		}
		return "", errOver
	}
	s, err := v.session(ctx, h.Session)
	if err != nil {
		return "", err
	}
	visit, err := v.random()
	if err != nil {
		return "", err
	}
	tok, err := v.token(account.TokenVisit, visit, ticket.Subject, held{Origin: origin, Session: h.Session})
	if err != nil {
		return "", err
	}
	tok.Created, tok.Expires = v.cfg.Now(), s.Ends
	c.PutTokens = []account.Token{tok}
	if err := v.cfg.Commit(ctx, c); errors.Is(err, account.ErrConflict) {
		return "", errOver // somebody else was quicker
	} else if err != nil {
		return "", err
	}
	return visit, nil
}

// See tells whose visit it is at the origin, and keeps the session behind it
// from idling out. account.ErrNotFound means that it is over.
func (v *Visits) See(ctx context.Context, origin string, visit account.Secret) (account.Subject, error) {
	tok, h, err := v.read(ctx, v.ref(account.TokenVisit, visit))
	if err != nil {
		return account.Subject{}, err
	}
	if h.Origin != origin {
		return account.Subject{}, errOver
	}
	s, err := v.session(ctx, h.Session)
	if err != nil {
		return account.Subject{}, err
	}
	who, err := v.cfg.Directory.Find(ctx, s.Name)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return account.Subject{}, errOver
	case err != nil:
		return account.Subject{}, fmt.Errorf("finding the owner of the visit: %w", err)
	case who.ID != tok.Subject || who.Fitness != account.Fit:
		return account.Subject{}, errOver
	case v.cfg.Now().Sub(who.AsOf) > factsFor:
		return account.Subject{}, fmt.Errorf("the directory has not spoken for too long: %w", account.ErrUnavailable)
	}
	return who.Subject, v.renew(ctx, s)
}

// renew moves the idle clock of the session on, at most once a minute. It writes
// back what it has read, so it gives way to whoever wrote since; their write has
// moved the clock on, too.
func (v *Visits) renew(ctx context.Context, s session) error {
	// Never past the session's absolute end.
	until := v.cfg.Now().Add(idleFor)
	if s.Ends.Before(until) {
		until = s.Ends
	}
	if until.Sub(s.tok.Expires) < renewAfter {
		return nil
	}
	// The version is older than what is written back, so a change in between is
	// noticed.
	snap, err := v.cfg.Store.Load(ctx, s.tok.Subject)
	if err != nil {
		return fmt.Errorf("loading the records: %w", err)
	}
	now, err := v.session(ctx, s.tok.Hash)
	if err != nil {
		return err
	}
	now.tok.Expires = until
	err = v.cfg.Commit(ctx, account.Change{
		Subject: s.tok.Subject, Version: snap.Version,
		TakeTokens: []account.TokenRef{{Kind: now.tok.Kind, Hash: now.tok.Hash}}, PutTokens: []account.Token{now.tok},
	})
	if !errors.Is(err, account.ErrConflict) {
		return err
	}
	_, err = v.session(ctx, s.tok.Hash)
	return err
}

// session reads a session of the page that is not over and opens doors: a full
// one, or that of somebody who has leave.
func (v *Visits) session(ctx context.Context, hash [32]byte) (session, error) {
	tok, err := v.alive(ctx, account.TokenRef{Kind: account.TokenSession, Hash: hash})
	if errors.Is(err, account.ErrNotFound) {
		tok, err = v.alive(ctx, account.TokenRef{Kind: account.TokenSetup, Hash: hash})
	}
	if err != nil {
		return session{}, err
	}
	s := session{tok: tok}
	if err := json.Unmarshal(tok.Data, &s); err != nil {
		return session{}, fmt.Errorf("reading the session: %w", errors.Join(err, account.ErrUnavailable))
	}
	if tok.Kind == account.TokenSetup {
		return s, v.onLeave(ctx, s)
	}
	return s, nil
}

// onLeave tells whether the owner of a session that may only set up needs no
// second factor, asked anew each time.
func (v *Visits) onLeave(ctx context.Context, s session) error {
	who, err := v.cfg.Directory.Find(ctx, s.Name)
	if errors.Is(err, account.ErrNotFound) || err == nil && who.ID != s.tok.Subject {
		return errOver
	}
	if err != nil {
		return fmt.Errorf("finding the owner of the session: %w", err)
	}
	snap, err := v.cfg.Store.Load(ctx, who.ID)
	if err != nil {
		return fmt.Errorf("loading the records: %w", err)
	}
	if v.cfg.LeaveOf(who.Subject, snap).Why == "" {
		return errOver
	}
	return nil
}

func (v *Visits) read(ctx context.Context, ref account.TokenRef) (tok account.Token, h held, err error) {
	if tok, err = v.alive(ctx, ref); err != nil {
		return tok, h, err
	}
	if err := json.Unmarshal(tok.Data, &h); err != nil {
		return tok, h, fmt.Errorf("reading the visit: %w", errors.Join(err, account.ErrUnavailable))
	}
	return tok, h, nil
}

func (v *Visits) alive(ctx context.Context, ref account.TokenRef) (account.Token, error) {
	tok, err := v.cfg.Store.Token(ctx, ref)
	switch {
	case errors.Is(err, account.ErrNotFound), err == nil && !tok.Alive(v.cfg.Now()):
		return tok, errOver
	case err != nil:
		return tok, fmt.Errorf("reading a visit: %w", err)
	}
	return tok, nil
}

func (v *Visits) ref(kind account.TokenKind, secret account.Secret) account.TokenRef {
	return account.TokenRef{Kind: kind, Hash: account.HashToken(v.cfg.MAC, kind, secret)}
}

func (v *Visits) random() (account.Secret, error) {
	b, err := v.cfg.Random(32)
	return account.Secret(base64.RawURLEncoding.EncodeToString(b)), err
}

// token is a code or a visit; when it holds is the caller's.
func (v *Visits) token(kind account.TokenKind, secret account.Secret, id account.ID, h held) (account.Token, error) {
	data, err := json.Marshal(h)
	if err != nil {
		return account.Token{}, fmt.Errorf("writing a visit: %w", err)
	}
	return account.Token{Kind: kind, Hash: v.ref(kind, secret).Hash, Subject: id, Data: data}, nil
}
