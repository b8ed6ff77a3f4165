// Package records is what the two sides of enrollment share: what they need
// of the house, and how a record is made, changed and ended.
//
// It decides nothing about who may: package enroll, to which it belongs, and
// its support side do, and only they may call it.
package records

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/plugins/factor"
)

// InviteKind names the budget for guessing invite codes.
const InviteKind = "invite"

// Store keeps what must survive.
type Store interface {
	Load(ctx context.Context, id account.ID, factors ...string) (account.Snapshot, error)
	Commit(ctx context.Context, c account.Change) error
	Token(ctx context.Context, ref account.TokenRef) (account.Token, error)
	Tries(ctx context.Context, id account.ID, limit int) ([]account.Event, error)
	// Fail counts what an operator may do only so often.
	Fail(ctx context.Context, t account.Try) (number int64, wait time.Duration, err error)
}

// Directory knows people.
type Directory interface {
	Find(ctx context.Context, name string) (account.Facts, error)
}

// Throttle counts what can be guessed.
type Throttle interface {
	Second(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error)
	Wait(ctx context.Context, id account.ID, kind string) (time.Duration, int, error)
	WaitAlone(ctx context.Context, id account.ID, kind string) (time.Duration, int, error)
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

// Config is everything that both sides are built from.
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
	// CodesOpen says that an emergency code opens the page beside the password,
	// without a phone.
	CodesOpen bool
	// AppServices are the services that an app password can be made for.
	AppServices []string
	// Leave says whether somebody may come in without a second factor, and how long
	// still; nil means that nobody may.
	Leave func(who account.Subject, snap account.Snapshot) Leave
	// Rules bind the support side.
	Rules bylaws.Rules
	// Issuer is the operator's name as an authenticator app shows it.
	Issuer string
	// MAC is a keyed hash of 32 bytes, separate for every purpose.
	MAC  func(purpose string, data []byte) []byte
	Rand io.Reader
	Now  func() time.Time
}

// Leave is what the policy allows somebody.
type Leave struct {
	// Why is "grace" or "exempt" where no second factor is owed now, as in
	// account.Answer.
	Why string
	// Bridge says that the normal password is still good for programs.
	Bridge bool
	// ByOperator says that an operator may make their app passwords: a machine, or
	// somebody exempt.
	ByOperator bool
	// Due is when a second factor is owed, DaysLeft how many days that are; zero
	// where there is no such day, or it is over.
	Due      time.Time
	DaysLeft int
}

// LeaveOf is the leave that somebody has.
func (c *Config) LeaveOf(who account.Subject, snap account.Snapshot) Leave {
	if c.Leave == nil {
		return Leave{}
	}
	return c.Leave(who, snap)
}

// Refusal is an answer with no, or with not now. Everything else that a method
// returns as an error is account.ErrNotFound (the session is over) or wraps
// account.ErrUnavailable.
type Refusal struct {
	Reason account.Reason
	// RetryAfter goes with account.Throttled.
	RetryAfter time.Duration
	// Drift is how far the person's clock is off, negative means slow; 0 means
	// that nothing is known.
	Drift time.Duration
}

// Error says why, in a word of the closed list.
func (r *Refusal) Error() string { return fmt.Sprintf("refused: %s", r.Reason) }

// rounds is how often a change that lost to another writer is decided anew.
const rounds = 3

// Retry decides and commits anew while somebody else keeps writing first.
func Retry(decide func() error) error {
	var err error
	for range rounds {
		if err = decide(); !errors.Is(err, account.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("lost to other writers %d times: %w", rounds, account.ErrUnavailable)
}

// Random returns n fresh bytes.
func (c *Config) Random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.Rand, b); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", errors.Join(err, account.ErrUnavailable))
	}
	return b, nil
}

// Made is a new record with what the plugin shows of it once.
type Made struct {
	Record account.Record
	Secret account.Secret
	URI    account.Secret
}

// String prints the record without what is shown once.
func (e Made) String() string { return e.Record.String() + " [redacted]" }

// GoString prints the same as String, for %#v.
func (e Made) GoString() string { return e.String() }

// Enroll has the plugin make a record for the subject. It is not stored yet.
func (c *Config) Enroll(ctx context.Context, kind string, who account.Subject) (Made, error) {
	return c.EnrollAs(ctx, kind, who, c.Factors[kind].Settings)
}

// EnrollAs is Enroll with other settings than those of the config.
func (c *Config) EnrollAs(ctx context.Context, kind string, who account.Subject, settings map[string]string) (Made, error) {
	f := c.Factors[kind]
	entropy, err := c.Random(factor.EntropySize)
	if err != nil {
		return Made{}, err
	}
	id, err := c.Random(16)
	if err != nil {
		return Made{}, err
	}
	issued, err := f.Plugin.Enroll(ctx, factor.Enrollment{
		Account: who.Name, Issuer: c.Issuer, Entropy: entropy, Now: c.Now(), Settings: settings,
	})
	if err != nil {
		return Made{}, fmt.Errorf("asking factor %s for a record: %w", kind, errors.Join(err, account.ErrUnavailable))
	}
	if len(issued.Payload) == 0 || len(issued.Payload) > factor.MaxPayload {
		return Made{}, fmt.Errorf("factor %s made a payload out of bounds: %w", kind, account.ErrUnavailable)
	}
	uses := -1
	if issued.Uses > 0 {
		uses = issued.Uses
	}
	now := c.Now()
	return Made{
		Record: account.Record{
			ID: hex.EncodeToString(id), Subject: who.ID, Factor: kind, Created: now,
			Pending: issued.Confirm, Uses: uses, Format: issued.Format, Payload: issued.Payload,
		},
		Secret: account.Secret(issued.Secret), URI: account.Secret(issued.URI),
	}, nil
}

// Event starts an audit entry about the subject.
func (c *Config) Event(act account.Act, who account.Subject, actor string) account.Event {
	return account.Event{At: c.Now(), Act: act, Subject: who.ID, Name: who.Name, Actor: actor, Verdict: factor.Accept, Reason: account.OK}
}

// Commit writes the change and then tells the journal of its events, which the
// store has audited already.
func (c *Config) Commit(ctx context.Context, ch account.Change) error {
	if err := c.Store.Commit(ctx, ch); err != nil {
		return fmt.Errorf("writing the change: %w", err)
	}
	for _, e := range ch.Events {
		c.Journal.Record(e)
	}
	return nil
}

// Sheets are the subject's active sheets of emergency codes, without codes from
// support.
func (c *Config) Sheets(snap account.Snapshot) []account.Record {
	return slices.DeleteFunc(ActiveOf(snap, c.Recovery, c.Now()), func(r account.Record) bool { return r.FromSupport(c.Recovery) })
}

// ActiveOf returns the subject's active records of a kind.
func ActiveOf(snap account.Snapshot, kind string, now time.Time) []account.Record {
	var out []account.Record
	for _, r := range snap.Records {
		if r.Factor == kind && r.Active(now) {
			out = append(out, r)
		}
	}
	return out
}
