// Package account holds the nouns of the house: who somebody is, what they
// have enrolled, what was tried and what came of it.
//
// It holds no rules and does no work: packages check, enroll and throttle
// decide, store keeps. Types that can carry a secret print themselves
// redacted. Every package of the daemon may import it.
package account

import (
	"errors"
	"net/netip"
	"strconv"
	"time"
)

// The three ways in which a question can have no answer. Callers test with
// errors.Is; everything else that goes wrong means Unavailable to a caller.
var (
	// ErrNotFound means that the asked place answered: there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable means that the asked place could not answer.
	ErrUnavailable = errors.New("temporarily unavailable")
	// ErrConflict means that somebody else wrote first; load again and retry.
	ErrConflict = errors.New("changed in the meantime")
)

// ID is the directory's immutable id of a person (entryUUID, objectGUID), in
// its lower-case text form. All state hangs on it, never on a typed name.
type ID string

// Subject is a person as the directory knows them.
type Subject struct {
	ID ID
	// Name is the canonical login, as the directory spells it.
	Name        string
	DisplayName string
	Mail        string
	// Language is which languages they want to read, as the directory says it:
	// empty, or a list as browsers send it.
	Language string
	Groups   []string
}

// Fitness says whether an account may be used at all. The zero value means
// that nobody has looked, and so no.
type Fitness uint8

const (
	// Unknown is the zero value.
	Unknown Fitness = iota
	// Fit accounts exist, are enabled and match the account filter.
	Fit
	// Disabled accounts are switched off or do not match the account filter.
	Disabled
	// Locked accounts are locked by the directory.
	Locked
)

// Facts are what the directory said about a person, and when.
type Facts struct {
	Subject
	// DN is the name that the directory gave the entry; binds use it.
	DN      string
	Fitness Fitness
	// AsOf is when the directory said so.
	AsOf time.Time
	// PasswordChanged is when the directory's password was last changed; zero
	// where the directory does not tell.
	PasswordChanged time.Time
}

// Client is the remote end of an attempt, as far as the front end knows it.
type Client struct {
	// Addr is the remote address; the zero Addr means that it is unknown.
	Addr netip.Addr
	// Agent is what the client calls itself, at most 256 bytes.
	Agent string
}

// Network is the prefix that stands for one household or office: IPv4 /32 or
// IPv6 /64. An unknown address gives the zero Prefix.
func (c Client) Network() netip.Prefix {
	addr := c.Addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return netip.Prefix{}
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // bits fit the family: no error
	return p
}

// Peer is the local process that asked, by kernel credentials. UID -1 means
// that the socket carries none (TCP).
type Peer struct {
	UID int
	GID int
	PID int
	// Login is the operating system's name for UID, or empty.
	Login string
}

// Name is how log and audit name the process's user: "login(uid)", or empty
// where the kernel named none.
func (p Peer) Name() string {
	if p.UID < 0 || p == (Peer{}) {
		return ""
	}
	login := p.Login
	if login == "" {
		login = "unknown"
	}
	return login + "(" + strconv.Itoa(p.UID) + ")"
}

// Attempt is one try to get in.
type Attempt struct {
	// Service is what is being logged in to.
	Service string
	// FrontEnd is the protocol that brought the attempt, for example "http".
	FrontEnd string
	// Name is the login as typed.
	Name     string
	Password Secret
	// Code is the second field, where the front end has two.
	Code Secret
	// Spelled is the login as the asking program will go on using it, where it
	// cannot take the canonical one from the answer: only the canonical spelling
	// is let in then, or Alice and alice would become two. Empty where the
	// program takes the name of the answer.
	Spelled string
	// OneField says that the front end has only one field, so that Password
	// may end in a code.
	OneField bool
	// Ticket continues an attempt whose password was right (see Answer).
	Ticket Secret
	// WantTicket asks for a ticket where the answer has one to give; only the
	// page does.
	WantTicket bool
	Client     Client
	Peer       Peer
}
