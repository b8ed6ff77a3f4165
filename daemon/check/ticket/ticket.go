// Package ticket makes the tokens that an attempt hands out or leaves behind:
// tickets that continue it, and the memory of a network.
//
// It stores none and decides nothing: package check, to which it belongs and
// which alone may call it, does.
package ticket

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// passwordFor is how long a right password waits for its code.
	passwordFor = 5 * time.Minute
	// enrollFor is how long the link to the set-up works.
	enrollFor = 10 * time.Minute
	// entryFor is how long an accept waits to become a session of the page.
	entryFor = time.Minute
	// familiarFor is how long a network stays familiar after a login.
	familiarFor = 30 * 24 * time.Hour
	// greetAgain is how often that is written anew.
	greetAgain = 24 * time.Hour
)

// Office makes and names tokens.
type Office struct {
	Rand io.Reader
	// MAC is a keyed hash of 32 bytes, separate for every purpose.
	MAC func(purpose string, data []byte) []byte
}

// Place is whom a ticket is made for, where and when.
type Place struct {
	Subject account.Subject
	Service string
	// Client is who passed the first door.
	Client account.Client
	Now    time.Time
}

// New makes a ticket of the kind, and the secret that opens it. It is not
// stored yet.
func (o Office) New(kind account.TokenKind, p Place) (account.Secret, account.Token, error) {
	var random [32]byte
	if _, err := io.ReadFull(o.Rand, random[:]); err != nil {
		return "", account.Token{}, fmt.Errorf("making a ticket: %w", err)
	}
	life := entryFor
	switch kind {
	case account.TicketPassword:
		life = passwordFor
	case account.TicketEnroll:
		life = enrollFor
	}
	secret := account.Secret(base64.RawURLEncoding.EncodeToString(random[:]))
	return secret, account.Token{
		Kind: kind, Hash: o.Ref(kind, secret).Hash, Subject: p.Subject.ID,
		Data:    []byte(p.Service + "\x00" + p.Subject.Name + "\x00" + address(p.Client)),
		Created: p.Now, Expires: p.Now.Add(life),
	}, nil
}

// Ref names the ticket that a secret opens.
func (o Office) Ref(kind account.TokenKind, secret account.Secret) account.TokenRef {
	return account.TokenRef{Kind: kind, Hash: account.HashToken(o.MAC, kind, secret)}
}

// Read tells what a ticket is for.
func Read(tok account.Token) (service, name string) {
	service, rest, _ := strings.Cut(string(tok.Data), "\x00")
	name, _, _ = strings.Cut(rest, "\x00")
	return service, name
}

func address(c account.Client) string {
	if !c.Addr.IsValid() {
		return ""
	}
	return c.Addr.String()
}

// Network names the subject's memory of the client's network; false where the
// address is unknown.
func (o Office) Network(id account.ID, c account.Client) (account.TokenRef, bool) {
	network := c.Network()
	if !network.IsValid() {
		return account.TokenRef{}, false
	}
	data := string(id) + "\x00" + network.String()
	return account.TokenRef{Kind: account.TokenSource, Hash: [32]byte(o.MAC("source", []byte(data)))}, true
}

// Greet is the memory of a network in which somebody has just logged in.
func Greet(ref account.TokenRef, id account.ID, now time.Time) account.Token {
	return account.Token{Kind: ref.Kind, Hash: ref.Hash, Subject: id, Created: now, Expires: now.Add(familiarFor)}
}

// Familiar tells whether the memory of a network holds, and whether it was
// written within the last day.
func Familiar(tok account.Token, now time.Time) (familiar, greeted bool) {
	familiar = tok.Alive(now)
	return familiar, familiar && now.Sub(tok.Created) < greetAgain
}
