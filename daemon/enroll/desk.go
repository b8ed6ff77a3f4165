package enroll

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Store keeps what must survive.
type Store interface {
	Load(ctx context.Context, id account.ID, factors ...string) (account.Snapshot, error)
	Commit(ctx context.Context, c account.Change) error
	Token(ctx context.Context, ref account.TokenRef) (account.Token, error)
	Tries(ctx context.Context, id account.ID, limit int) ([]account.Event, error)
}

// Directory knows people.
type Directory interface {
	Find(ctx context.Context, name string) (account.Facts, error)
}

// Throttle counts what can be guessed.
type Throttle interface {
	Second(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error)
	Wait(ctx context.Context, id account.ID, kind string) (time.Duration, int, error)
	Buckets(id account.ID, kinds []string) []string
}

// Journal hears of every finished act.
type Journal interface {
	Record(e account.Event)
}

// Factor is one configured factor plugin.
type Factor struct {
	Info   factor.Info
	Plugin factor.Factor
	// Settings are passed to the plugin at enrollment.
	Settings map[string]string
}

// Config is everything that a Desk and a Support are built from.
type Config struct {
	Store     Store
	Directory Directory
	Throttle  Throttle
	Journal   Journal
	// Factors are all configured factors, by kind.
	Factors map[string]Factor
	// Code, App and Recovery name the factors that play these parts: the one
	// that set-up enrolls, app passwords, and emergency codes. App and
	// Recovery may be empty.
	Code, App, Recovery string
	// AppServices are the services that an app password can be made for.
	AppServices []string
	// Issuer is the operator's name as an authenticator app shows it.
	Issuer string
	// MAC is a keyed hash of 32 bytes, separate for every purpose.
	MAC  func(purpose string, data []byte) []byte
	Rand io.Reader
	Now  func() time.Time
}

// Desk serves the owner of an account, by the token of their session.
type Desk struct{ cfg Config }

// Support serves the operator, by the name of the person.
type Support struct{ cfg Config }

// New returns the two sides of the house that write records.
func New(cfg Config) (*Desk, *Support, error) {
	if _, ok := cfg.Factors[cfg.Code]; !ok {
		return nil, nil, fmt.Errorf("the set-up needs a configured factor, and %q is none", cfg.Code)
	}
	for _, kind := range []string{cfg.App, cfg.Recovery} {
		if _, ok := cfg.Factors[kind]; kind != "" && !ok {
			return nil, nil, fmt.Errorf("factor %q is not configured", kind)
		}
	}
	return &Desk{cfg}, &Support{cfg}, nil
}

// pendingFor is how long a set-up key waits for its first code.
const pendingFor = 10 * time.Minute

// rounds is how often a change that lost to another writer is decided anew.
const rounds = 3

// retry decides and commits anew while somebody else keeps writing first.
func retry(decide func() error) error {
	var err error
	for range rounds {
		if err = decide(); !errors.Is(err, account.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("lost to other writers %d times: %w", rounds, account.ErrUnavailable)
}

// random returns n fresh bytes.
func (c *Config) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.Rand, b); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", errors.Join(err, account.ErrUnavailable))
	}
	return b, nil
}

// enrollment is a new record with what the plugin shows of it once.
type enrollment struct {
	record account.Record
	secret account.Secret
	uri    account.Secret
}

// String prints the record without what is shown once.
func (e enrollment) String() string { return e.record.String() + " [redacted]" }

// GoString prints the same as String, for %#v.
func (e enrollment) GoString() string { return e.String() }

// enroll has the plugin make a record for the subject. It is not stored yet.
func (c *Config) enroll(ctx context.Context, kind string, who account.Subject) (enrollment, error) {
	f := c.Factors[kind]
	entropy, err := c.random(factor.EntropySize)
	if err != nil {
		return enrollment{}, err
	}
	id, err := c.random(16)
	if err != nil {
		return enrollment{}, err
	}
	issued, err := f.Plugin.Enroll(ctx, factor.Enrollment{
		Account: who.Name, Issuer: c.Issuer, Entropy: entropy, Now: c.Now(), Settings: f.Settings,
	})
	if err != nil {
		return enrollment{}, fmt.Errorf("asking factor %s for a record: %w", kind, errors.Join(err, account.ErrUnavailable))
	}
	if len(issued.Payload) == 0 || len(issued.Payload) > factor.MaxPayload {
		return enrollment{}, fmt.Errorf("factor %s made a payload out of bounds: %w", kind, account.ErrUnavailable)
	}
	uses := -1
	if issued.Uses > 0 {
		uses = issued.Uses
	}
	now := c.Now()
	return enrollment{
		record: account.Record{
			ID: hex.EncodeToString(id), Subject: who.ID, Factor: kind, Created: now,
			Pending: issued.Confirm, Uses: uses, Format: issued.Format, Payload: issued.Payload,
		},
		secret: account.Secret(issued.Secret), uri: account.Secret(issued.URI),
	}, nil
}

// event starts an audit entry about the subject.
func (c *Config) event(act account.Act, who account.Subject, actor string) account.Event {
	return account.Event{At: c.Now(), Act: act, Subject: who.ID, Name: who.Name, Actor: actor, Verdict: factor.Accept, Reason: account.OK}
}

// commit writes the change and then tells the journal of its events, which the
// store has audited already.
func (c *Config) commit(ctx context.Context, ch account.Change) error {
	if err := c.Store.Commit(ctx, ch); err != nil {
		return fmt.Errorf("writing the change: %w", err)
	}
	for _, e := range ch.Events {
		c.Journal.Record(e)
	}
	return nil
}

// activeOf returns the subject's active records of a kind.
func activeOf(snap account.Snapshot, kind string, now time.Time) []account.Record {
	var out []account.Record
	for _, r := range snap.Records {
		if r.Factor == kind && r.Active(now) {
			out = append(out, r)
		}
	}
	return out
}
