// Package factor is the contract between the daemon and a second factor.
//
// It is the whole of what a factor has to know: what it says of itself, how a
// new record is made, and whether an input matches one of a person's records.
// A factor keeps no state and no key, and reads neither clock nor random
// source: everything it needs arrives in the call, everything it wants kept
// leaves in the answer. The daemon owns storage, encryption, counting and
// locking, so one replay defence serves every factor that will ever exist.
//
// It is not the wire: package plugins/wire carries these types over gRPC, and
// is the only place that knows protobuf. Anyone may import this package; it
// imports the standard library only.
package factor

import (
	"context"
	"time"
)

// Verdict is the answer to one question. The zero value is Unavailable, so
// that silence, a crash and a forgotten field never let anyone in.
type Verdict uint8

const (
	// Unavailable means that nobody could tell. It is never a wrong password.
	Unavailable Verdict = iota
	// Deny means that the question was answered, with no.
	Deny
	// Accept means yes.
	Accept
)

// String names the verdict as it stands in logs, metrics and replies.
func (v Verdict) String() string {
	switch v {
	case Accept:
		return "accept"
	case Deny:
		return "deny"
	default:
		return "unavailable"
	}
}

// Limits that the daemon holds every factor to.
const (
	// MaxPayload is the largest payload of one record, in bytes.
	MaxPayload = 4 << 10
	// LoneCode is the setting with which the daemon, and never the config, asks a
	// factor of emergency codes for a record of one single code, that support
	// reads out: its value is "true". A factor that makes none fails, as with every
	// setting that it does not know. Such a record stands beside the MaxRecords.
	LoneCode = "lone_code"
	// EntropySize is the number of random bytes an Enrollment carries.
	EntropySize = 64
)

// Factor is one way to prove who one is.
//
// Every method answers within the deadline of its context. An error means
// Unavailable, whatever the other return value says.
type Factor interface {
	// Info says what the factor is. The answer never changes while it runs.
	Info(ctx context.Context) (Info, error)
	// Enroll makes the payload of one new record. A factor with settings is also
	// asked for one that nobody gets, when it is started.
	Enroll(ctx context.Context, e Enrollment) (Issued, error)
	// Verify asks whether the input matches one of the records.
	Verify(ctx context.Context, r Request) (Result, error)
}

// Info is what a factor says of itself.
type Info struct {
	// Kind is the factor's name in config, records and logs: lower-case
	// letters, digits and hyphens, at most 32.
	Kind string
	// Format is the number of the payload format that Enroll writes. Verify
	// reads every format the factor has ever written.
	Format uint32
	// Shape is a regular expression (RE2) that must match the whole input
	// before the factor may see it.
	Shape string
	// Claims says that inputs of this shape belong to this factor alone: once
	// Verify finds one well formed, it is never sent to the directory.
	Claims bool
	// Digits is the number of trailing characters that are this factor's input
	// where one field carries password and code; 0 means it never shares one.
	Digits int
	// MaxRecords is how many active records one subject may have, 1 to 50.
	MaxRecords int
	// Guessable says that inputs are short enough to guess: each try is counted
	// durably before it is verified.
	Guessable bool
	// Network says that the factor calls out, and so needs a wider jail.
	Network bool
}

// Enrollment is all that a new record is made from.
type Enrollment struct {
	// Account labels the record for the person, for example their login.
	Account string
	// Issuer is the operator's name as an authenticator app shows it.
	Issuer string
	// Entropy is EntropySize random bytes, fresh for each call.
	Entropy []byte
	// Now is the time of the daemon.
	Now time.Time
	// Settings are the factor's own settings from the config.
	Settings map[string]string
}

// Issued is a new record, not yet stored.
type Issued struct {
	// Format is the payload's format number.
	Format uint32
	// Payload is what Verify will be given back; at most MaxPayload bytes.
	Payload []byte
	// Secret is shown to the person once and then forgotten by everybody; a
	// factor that issues several at once separates them by line feeds.
	Secret string
	// URI is the otpauth URI of the record, or empty.
	URI string
	// Confirm says that the record is worth nothing until one Verify against
	// it has accepted.
	Confirm bool
	// Uses is how often the record can be used; 0 means without limit.
	Uses int
}

// Record is one enrolled instance as the factor sees it.
type Record struct {
	ID      string
	Format  uint32
	Payload []byte
}

// Request asks whether an input matches one of a subject's records.
type Request struct {
	// Input is what was typed, unchanged.
	Input string
	// Records are the subject's records of this factor, possibly none.
	Records []Record
	// Now is the time of the daemon.
	Now time.Time
	// Floor, where it is not zero, is a moment at which the records may have lost
	// what they remembered, by a restore from a backup: every input that was good
	// then or before counts as used, for a factor whose inputs are good for a
	// while and once.
	Floor time.Time
}

// Reason explains a Deny. It is told only to those who may know.
type Reason string

const (
	// Wrong means well formed, and no record matches.
	Wrong Reason = "wrong"
	// Used means that the input was right, once.
	Used Reason = "used"
	// Typo means that the input is not well formed: its check character is
	// wrong, so it cannot have been issued by this factor.
	Typo Reason = "typo"
)

// Result is the answer to a Request.
type Result struct {
	Verdict Verdict
	// Reason explains a Deny.
	Reason Reason
	// Record is the ID of the one record that matched.
	Record string
	// Payload replaces that record's payload; nil leaves it as it is.
	Payload []byte
	// Format is the format number of Payload.
	Format uint32
	// Uses is how often the record can still be used, if it was issued with a
	// limit. The daemon retires a record whose last use this was.
	Uses int
	// Drift is how far the person's clock is off, where a wrong input tells:
	// negative means slow. It explains, and never decides.
	Drift time.Duration
}
