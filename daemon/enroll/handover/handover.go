// Package handover lets a program fetch an app password of its own: it asks, its
// owner grants that on the page, and it fetches.
//
// A question is stored nowhere. Whoever asks gets two texts that the daemon
// knows again by their seals: a ticket to fetch with, which the program keeps to
// itself, and a link for the owner, which opens nothing and holds nothing
// secret. So strangers can ask as often as they like and fill nothing, and any
// node can answer. The grant is stored, for a few minutes; the app password is
// made when it is fetched, in the change that takes the grant, so that none ever
// rests anywhere.
//
// It knows no session and does not decide who may grant: package enroll does,
// which builds the Office and calls Grant. What is asked without a session comes
// from the page's package flow. Only these two may call it.
package handover

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

const (
	// askFor is how long a question waits for its answer: time enough to set up a
	// second factor first.
	askFor = 20 * time.Minute
	// grantFor is how long a grant waits to be fetched.
	grantFor = 5 * time.Minute
	// ahead is how far the clock of another node may be before ours.
	ahead = time.Minute
)

// The seals of the two texts; no token has such a kind.
const (
	ticketSeal account.TokenKind = "flow_ticket"
	linkSeal   account.TokenKind = "flow_link"
)

// ErrOver means that a question is none, or none any more: made up, too old, or
// answered.
var ErrOver = errors.New("the program's question is over")

// Office takes questions and hands out app passwords.
type Office struct{ cfg records.Config }

// New returns an Office.
func New(cfg records.Config) *Office { return &Office{cfg} }

// Question is what a program was given.
type Question struct {
	// Ticket fetches the app password, once.
	Ticket account.Secret
	// Link names the question to its owner. It proves nothing.
	Link string
}

// Asked is what the owner is told about a question.
type Asked struct {
	// Client is who asked, as far as it can be believed: the address is where the
	// question came from, the agent what the program calls itself.
	Client account.Client
	At     time.Time
}

// asked is an Asked on its way, with the name that the grant will have.
type asked struct {
	Hash  []byte    `json:"hash"`
	Addr  string    `json:"addr,omitempty"`
	Agent string    `json:"agent,omitempty"`
	At    time.Time `json:"at"`
}

// AskFlow begins a question. It stores nothing.
func (o *Office) AskFlow(c account.Client) (Question, error) {
	nonce, err := o.cfg.Random(nonceSize)
	if err != nil {
		return Question{}, err
	}
	now := o.cfg.Now().UTC().Truncate(time.Second)
	body := binary.BigEndian.AppendUint64(nonce, uint64(now.Unix()))
	ticket := account.Secret(encode(append(body, o.seal(ticketSeal, body)...)))
	ref := o.ref(account.TokenFlow, ticket)
	link := asked{Hash: ref.Hash[:], Agent: c.Agent, At: now}
	if c.Addr.IsValid() {
		link.Addr = c.Addr.String()
	}
	text, err := json.Marshal(link)
	if err != nil {
		return Question{}, fmt.Errorf("writing the question: %w", err)
	}
	return Question{Ticket: ticket, Link: encode(append(o.seal(linkSeal, text), text...))}, nil
}

const (
	nonceSize = 32
	bodySize  = nonceSize + 8
	sealSize  = 32
)

// seal is a fingerprint that only the daemon can make.
func (o *Office) seal(kind account.TokenKind, text []byte) []byte {
	sum := account.HashToken(o.cfg.MAC, kind, account.Secret(text))
	return sum[:]
}

func (o *Office) ref(kind account.TokenKind, ticket account.Secret) account.TokenRef {
	return account.TokenRef{Kind: kind, Hash: account.HashToken(o.cfg.MAC, account.TokenFlow, ticket)}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decode takes only what encode gives: one text for one thing.
func decode(text string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil
	}
	return b
}

// open tells whether a question of that time is still open.
func (o *Office) open(at time.Time) bool {
	now := o.cfg.Now()
	return at.Sub(now) <= ahead && now.Before(at.Add(askFor))
}

// genuine tells whether the ticket is one of ours and its question still open.
// What is not never reaches the store.
func (o *Office) genuine(ticket account.Secret) bool {
	b := decode(ticket.Reveal())
	if len(b) != bodySize+sealSize || !hmac.Equal(o.seal(ticketSeal, b[:bodySize]), b[bodySize:]) {
		return false
	}
	return o.open(time.Unix(int64(binary.BigEndian.Uint64(b[nonceSize:bodySize])), 0))
}

// read opens a link.
func (o *Office) read(link string) (asked, error) {
	b := decode(link)
	if len(b) < sealSize || !hmac.Equal(o.seal(linkSeal, b[sealSize:]), b[:sealSize]) {
		return asked{}, ErrOver
	}
	var a asked
	d := json.NewDecoder(bytes.NewReader(b[sealSize:]))
	if err := d.Decode(&a); err != nil || len(a.Hash) != len(account.TokenRef{}.Hash) || !o.open(a.At) {
		return asked{}, ErrOver
	}
	return a, nil
}

// Flow tells who asked by this link; ErrOver where nobody waits for an answer.
func (o *Office) Flow(ctx context.Context, link account.Secret) (Asked, error) {
	a, err := o.read(link.Reveal())
	if err != nil {
		return Asked{}, err
	}
	for _, kind := range []account.TokenKind{account.TokenFlow, account.TokenFlowDone} {
		if err := o.absent(ctx, account.TokenRef{Kind: kind, Hash: [32]byte(a.Hash)}); err != nil {
			return Asked{}, err
		}
	}
	addr, _ := netip.ParseAddr(a.Addr)
	return Asked{Client: account.Client{Addr: addr, Agent: a.Agent}, At: a.At}, nil
}

// absent is ErrOver where the store has the token.
func (o *Office) absent(ctx context.Context, ref account.TokenRef) error {
	_, err := o.cfg.Store.Token(ctx, ref)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("reading what became of a question: %w", err)
	default:
		return ErrOver
	}
}
