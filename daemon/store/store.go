// Package store says what it means to keep the state of the house: people,
// their records, tokens, counted tries and the audit.
//
// It is the contract and the pieces that every implementation shares: how rows
// are bound to their place (Vault) and how an event is written down
// (AppendEvent). It knows records, not features: what a payload or a token
// means is the business of whoever made it. It is no database; that is
// package sqlite below it, and each implementation passes package storetest.
//
// Only the mains build stores. The packages check, enroll and the front ends
// declare the few methods they need and are handed one.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Store keeps the state of the house. Implementations may be called from many
// goroutines at once.
//
// An error is account.ErrConflict, account.ErrNotFound, or wraps
// account.ErrUnavailable; nothing else. After ErrUnavailable from a write it
// is unknown whether the write happened; after any other answer it is known,
// and what was answered without error survives a crash of machine or process.
type Store interface {
	Reader

	// Commit writes a change whole or not at all; ErrConflict if somebody else
	// wrote first or a taken token is gone. The caller leaves the change alone
	// until Commit returns.
	//
	// A record that is put with a nil Payload keeps the payload that the store
	// has under its ID (and has an empty one if it is new), so that nobody who
	// loaded it closed can wipe it. Versions move with every Commit but those
	// of Version -1 that touch neither records nor flags, and those that only
	// Compare: tickets and refunds of one login never make another login conflict. Tokens are
	// the subject's own, the put ones and the taken ones; of tickets, invites
	// and set-up sessions the newest MaxTickets of each kind stay.
	Commit(ctx context.Context, c account.Change) error

	// Fail counts a try durably, before it is verified, if Allow says 0; the
	// number takes it back through Change.Refund. Otherwise it returns how long
	// to wait, and nothing is counted.
	Fail(ctx context.Context, t account.Try) (number int64, wait time.Duration, err error)

	// Token returns a token; ErrNotFound if there is none. Whether it has
	// expired is for the caller to judge.
	Token(ctx context.Context, ref account.TokenRef) (account.Token, error)

	// Log notes what needs no audit: tries, of which it keeps the newest 20 a
	// subject and counts alike neighbours as one, and when and from where
	// app passwords were last used (ID, Subject and the Last fields are read), which
	// also sets the mark that one was. It changes no version.
	Log(ctx context.Context, tries []account.Event, used []account.Record) error

	// Events returns the audit after the given Seq, oldest first, at most limit.
	Events(ctx context.Context, after int64, limit int) ([]account.Event, error)

	// Tries returns what Log kept about a subject, newest first, at most limit.
	Tries(ctx context.Context, id account.ID, limit int) ([]account.Event, error)

	// Census counts; it may take a second on a large store.
	Census(ctx context.Context) (Census, error)
}

// Reader reads what is kept about a subject.
type Reader interface {
	// Load reads all that is kept about a subject, at one moment. Payloads are
	// opened for the named factors, and are empty for all others. Somebody of whom
	// nothing is kept has an empty snapshot of Version 0. The caller owns what it gets.
	//
	// A subject whose rows are not as the store wrote them (added, removed,
	// changed, copied from somebody else) is ErrUnavailable, and an alarm.
	Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error)

	// LoadOne is Load with no record but the one of that ID, opened; without any
	// where the subject has none of that ID. It costs the same whatever else there is:
	// opening fifty payloads to use one is most of the cost of a check.
	LoadOne(ctx context.Context, id account.ID, record string) (account.Snapshot, error)
}

// MaxTickets is how many tickets, invites and set-up sessions of each kind are
// kept of one subject. A password alone begets them, as fast as the directory
// answers, so that there must be an end.
const MaxTickets = 64

// Sealer is the key ring as the store sees it. Implementations may be called
// from many goroutines at once.
type Sealer interface {
	// Seal encrypts and authenticates plaintext; associated data is only
	// authenticated, and must be the same when it is opened.
	Seal(plaintext, associated []byte) ([]byte, error)
	// Open is the reverse of Seal. It fails on any change of either argument.
	Open(sealed, associated []byte) ([]byte, error)
	// Fresh tells whether something was sealed with the newest key.
	Fresh(sealed []byte) bool
	// MAC is a keyed fingerprint of 32 bytes. The purposes are state, audit,
	// token, source, pseudonym, stale and journal; each has its own key.
	MAC(purpose string, data []byte) []byte
	// Genuine tells whether mac is a fingerprint of data, with whichever key of
	// the purpose it was made.
	Genuine(purpose string, data, mac []byte) bool
}

// Census are the numbers that monitoring and the status screen show.
type Census struct {
	// Subjects is of how many people anything is kept.
	Subjects int64
	// Factors counts by kind of factor.
	Factors map[string]FactorCount
	// Sessions are full sessions of the page that have not expired.
	Sessions int64
	// AuditHead is the Seq of the newest audited event, 0 before the first.
	AuditHead int64
}

// FactorCount counts the active records of one factor.
type FactorCount struct {
	// Subjects have at least one active record.
	Subjects int64
	// Records are active.
	Records int64
}

// Unavailable says what was being done when err came up, and makes it wrap
// account.ErrUnavailable.
func Unavailable(doing string, err error) error {
	if errors.Is(err, account.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%s: %w: %w", doing, account.ErrUnavailable, err)
}
