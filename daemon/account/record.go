package account

import (
	"fmt"
	"time"
)

// Record is one enrolled instance of a factor: one phone, one app password,
// one sheet of emergency codes. The daemon owns everything but the payload.
type Record struct {
	// ID is unique in the installation and never used again.
	ID      string
	Subject ID
	// Factor is the kind of the factor that owns the payload.
	Factor string
	// Label is the name that the person gave it.
	Label string
	// Services are those that it is good for; empty means every service whose
	// ways name the factor.
	Services []string
	// Device is the ID of the record of the phone that this one is on, as far as
	// the person has said so.
	Device  string
	Created time.Time
	// Pending records wait for their confirmation and let nobody in.
	Pending bool
	// Revoked is when the record was revoked; zero while it is good. A revoked
	// record only explains a refusal.
	Revoked time.Time
	// Expires ends the record by itself; zero means never.
	Expires time.Time
	// Uses is how often it can still be used; -1 means without limit.
	Uses int
	// LastUsed is coarse (a minute) and may lag behind.
	LastUsed    time.Time
	LastFrom    string
	LastAgent   string
	LastService string
	// Format and Payload belong to the factor. Payload is empty where Load was
	// not asked for this factor.
	Format  uint32
	Payload []byte `json:"-"`
}

// String prints the record without its payload.
func (r Record) String() string {
	return fmt.Sprintf("record %s (%s of %s)", r.ID, r.Factor, r.Subject)
}

// GoString prints the same as String, for %#v.
func (r Record) GoString() string { return r.String() }

// Active tells whether the record can let somebody in at the given time.
func (r Record) Active(now time.Time) bool {
	return !r.Pending && r.Revoked.IsZero() && r.Uses != 0 &&
		(r.Expires.IsZero() || now.Before(r.Expires))
}

// fromSupport is the label of a one-time code from support: a record of the factor
// of emergency codes, with one use and a near end. People cannot give a record of
// that factor a name.
const fromSupport = "code from support"

// FromSupport tells whether the record is a one-time code from support, where
// recovery is the factor of emergency codes.
func (r Record) FromSupport(recovery string) bool {
	return r.Factor == recovery && r.Label == fromSupport
}

// ForSupport returns the record as a one-time code from support.
func (r Record) ForSupport(expires time.Time) Record {
	r.Label, r.Expires = fromSupport, expires
	return r
}

// Snapshot is everything kept about one subject, read at one moment.
type Snapshot struct {
	Subject ID
	// Version changes with every Commit that puts or deletes records or sets the
	// invite flag or the mark below; 0 before the first.
	Version int64
	// InviteRequired says that the next set-up asks for an invite code.
	InviteRequired bool
	// Synced says that an app password of the subject has let somebody in, ever.
	// Nothing takes it back.
	Synced  bool
	Records []Record
}

// TokenKind names what a token is for. Each kind is kept apart, so that one
// can never pass for another.
type TokenKind string

const (
	// TicketPassword proves that the directory just took the password.
	TicketPassword TokenKind = "password"
	// TicketEnroll opens the set-up for somebody with no second factor.
	TicketEnroll TokenKind = "enroll"
	// TicketEntry opens the page for somebody who passed both doors.
	TicketEntry TokenKind = "entry"
	// TokenInvite is the invite code that a reset prints.
	TokenInvite TokenKind = "invite"
	// TokenSetup is a session of the page that may only set up.
	TokenSetup TokenKind = "setup"
	// TokenSession is a full session of the page.
	TokenSession TokenKind = "session"
	// TokenSource marks a network from which a subject has logged in.
	TokenSource TokenKind = "source"
	// TokenFlow lets one program fetch an app password that its owner granted.
	TokenFlow TokenKind = "flow"
	// TokenFlowDone remembers that it has, so that nothing is granted to the same
	// question again.
	TokenFlowDone TokenKind = "flow_done"
	// TicketVisit lets the host of one web application take over who is signed in
	// on the page.
	TicketVisit TokenKind = "visit_ticket"
	// TokenVisit says that it has, for as long as that session lasts.
	TokenVisit TokenKind = "visit"
)

// Token is something that opens a door for a while: a ticket, a session, an
// invite code, or the memory of a familiar network.
type Token struct {
	Kind TokenKind
	// Hash identifies the token; the store never sees the token itself.
	Hash    [32]byte `json:"-"`
	Subject ID
	// Data belongs to whoever made the token; the store seals it.
	Data    []byte `json:"-"`
	Created time.Time
	Expires time.Time
}

// ahead is how far the clock of whoever made a token may be before ours.
const ahead = time.Minute

// Alive tells whether the token holds at the given time. One from the future
// does not: it was made by a clock that has been put right since, and would
// hold for longer than it was meant to.
func (t Token) Alive(now time.Time) bool {
	return now.Before(t.Expires) && t.Created.Sub(now) <= ahead
}

// HashToken is how the store knows a token: a keyed hash, separate for each
// kind. mac is the MAC of package seal, 32 bytes long.
func HashToken(mac func(purpose string, data []byte) []byte, kind TokenKind, secret Secret) [32]byte {
	return [32]byte(mac("token", []byte(string(kind)+"\x00"+secret.Reveal())))
}

// String prints the token without hash and data.
func (t Token) String() string {
	return fmt.Sprintf("%s token of %s [redacted]", t.Kind, t.Subject)
}

// GoString prints the same as String, for %#v.
func (t Token) GoString() string { return t.String() }

// TokenRef names one token.
type TokenRef struct {
	Kind TokenKind
	Hash [32]byte
}

// Change is a set of writes on one subject that happen all or not at all.
type Change struct {
	Subject ID
	// Version is the Snapshot's that the change was decided on; the store
	// answers ErrConflict if it is no longer the newest. -1 means that the
	// change holds whatever else was written: it must then put no records.
	Version int64
	// Compare says that the change is none of the records: Version is compared,
	// and stays.
	Compare bool
	// Put inserts records, or replaces those of the same ID whole, except that
	// a nil payload leaves the stored one as it is.
	Put []Record
	// Delete removes records by ID, payload and all.
	Delete []string
	// InviteRequired, if set, is the snapshot's new value.
	InviteRequired *bool
	// Synced sets the mark of the snapshot, for good.
	Synced bool
	// Erased says that all that is kept of the subject is about to be removed. It
	// removes nothing: it is for the journal, so that a restore removes it again.
	Erased bool
	// Tokens are taken first, then ended, then put.

	// PutTokens inserts or replaces tokens.
	PutTokens []Token
	// TakeTokens removes tokens that must exist; if one does not, the whole
	// change is ErrConflict. This is what makes a token work only once.
	TakeTokens []TokenRef
	// EndTokens removes every token of the subject of these kinds.
	EndTokens []TokenKind
	// Refund takes back tries counted by Fail, by their numbers.
	Refund []int64
	// ClearTries takes back every try in these buckets.
	ClearTries []string
	// Events are written to the audit in the same breath. The store sets Seq.
	Events []Event
}

// Try asks to count one try in a bucket, before it is verified.
type Try struct {
	// Bucket names what is being guessed; it holds no clear name.
	Bucket string
	At     time.Time
	// Since bounds the history that Allow is shown.
	Since time.Time
	// Allow is shown the times of the bucket's earlier tries, oldest first,
	// and returns how long to wait; 0 means go ahead. It runs inside the
	// store's transaction and must be pure.
	Allow func(earlier []time.Time) time.Duration
}
