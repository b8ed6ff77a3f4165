package check

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/verdict"
)

// Lives of what the engine gives out.
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

// newTicket makes a token of the kind, and the secret that opens it.
func (t *try) newTicket(kind account.TokenKind, life time.Duration) (account.Secret, account.Token, error) {
	var random [32]byte
	if _, err := io.ReadFull(t.cfg.Rand, random[:]); err != nil {
		return "", account.Token{}, fmt.Errorf("making a ticket: %w", err)
	}
	secret := base64.RawURLEncoding.EncodeToString(random[:])
	return account.Secret(secret), account.Token{
		Kind: kind, Hash: account.HashToken(t.cfg.MAC, kind, account.Secret(secret)),
		Subject: t.facts.ID,
		Data:    []byte(t.Service + "\x00" + t.facts.Name),
		Created: t.started, Expires: t.started.Add(life),
	}, nil
}

// redeemPassword continues an attempt whose password was right. The ticket is
// only taken when the code is right too, so that a wrong code can be corrected.
func (t *try) redeemPassword(ctx context.Context) (account.Answer, bool) {
	if t.Ticket == "" {
		return account.Answer{}, true
	}
	ref := account.TokenRef{Kind: account.TicketPassword, Hash: account.HashToken(t.cfg.MAC, account.TicketPassword, t.Ticket)}
	tok, err := t.cfg.Store.Token(ctx, ref)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		t.cfg.Log.Error("reading a ticket", "error", err)
		return verdict.Unavailable(account.StoreUnavailable), false
	}
	service, name, _ := strings.Cut(string(tok.Data), "\x00")
	if err != nil || !t.started.Before(tok.Expires) || service != t.Service {
		t.slow()
		return verdict.Deny(account.BadCredentials), false
	}
	t.Attempt.Name, t.redeemed = name, &tok
	return account.Answer{}, true
}

// askForCode tells somebody with a right password that the code is missing.
func (t *try) askForCode(ctx context.Context) account.Answer {
	ans := verdict.Deny(account.CodeRequired)
	if t.redeemed != nil || !t.WantTicket {
		t.takeBack(ctx)
		ans.Ticket = t.Ticket // a ticket never begets a ticket of its kind
		return ans
	}
	return t.hand(ctx, ans, account.TicketPassword, passwordFor)
}

// sendToSetup gives somebody with a right password, and no second factor, the
// way to the set-up and nothing else.
func (t *try) sendToSetup(ctx context.Context) account.Answer {
	return t.hand(ctx, verdict.Deny(account.EnrollRequired), account.TicketEnroll, enrollFor)
}

// hand stores a ticket and adds it to the answer.
func (t *try) hand(ctx context.Context, ans account.Answer, kind account.TokenKind, life time.Duration) account.Answer {
	secret, tok, err := t.newTicket(kind, life)
	if err == nil {
		err = t.commit(ctx, account.Change{Version: -1, PutTokens: []account.Token{tok}})
	}
	if err != nil {
		t.cfg.Log.Error("storing a ticket", "error", err)
		t.takeBack(ctx)
		return verdict.Unavailable(account.StoreUnavailable)
	}
	ans.Ticket = secret
	return ans
}

// ticketGone tells whether somebody else has used the attempt's ticket up.
func (t *try) ticketGone(ctx context.Context) bool {
	if t.redeemed == nil {
		return false
	}
	_, err := t.cfg.Store.Token(ctx, account.TokenRef{Kind: t.redeemed.Kind, Hash: t.redeemed.Hash})
	return errors.Is(err, account.ErrNotFound)
}

// letIn writes everything that the yes depends on, and only then says it. The
// error is account.ErrConflict when somebody else wrote first.
func (t *try) letIn(ctx context.Context, yes verdict.Yes) (account.Answer, error) {
	if t.misspelled() {
		t.refund = append(t.refund, yes.Refund...)
		t.takeBack(ctx)
		return verdict.Deny(account.WrongSpelling), nil
	}
	ans := verdict.Accept()
	t.used = yes.Used
	ans.Subject, ans.Factors, ans.Scope = t.facts.Subject, yes.Way.Factors, yes.Used.Services
	c, secret, err := t.entry(yes)
	if err == nil {
		ans.Ticket = secret
		c.Events = []account.Event{t.event(ans, t.cfg.Clock.Now().Sub(t.started))}
		err = t.commit(ctx, c)
	}
	if err == nil {
		return ans, nil
	}
	t.used = account.Record{}
	if !errors.Is(err, account.ErrConflict) {
		t.cfg.Log.Error("writing before the yes", "error", err)
		t.refund = append(t.refund, yes.Refund...)
		t.takeBack(ctx)
	}
	return verdict.Unavailable(account.StoreUnavailable), err
}

// entry is the change that lets somebody in, with the secret of the ticket
// that they asked for.
func (t *try) entry(yes verdict.Yes) (account.Change, account.Secret, error) {
	c := account.Change{Version: yes.Version, Refund: yes.Refund}
	if len(yes.Put) == 0 {
		c.Version = -1
	}
	for _, r := range yes.Put {
		c.Put = append(c.Put, t.usedNow(r))
	}
	if t.redeemed != nil {
		c.TakeTokens = append(c.TakeTokens, account.TokenRef{Kind: t.redeemed.Kind, Hash: t.redeemed.Hash})
	}
	if ref, ok := t.sourceRef(); ok && !t.greeted {
		c.PutTokens = append(c.PutTokens, account.Token{
			Kind: ref.Kind, Hash: ref.Hash, Subject: t.facts.ID,
			Created: t.started, Expires: t.started.Add(familiarFor),
		})
	}
	// One factor never opens the page, where second factors are made.
	if !t.WantTicket || len(yes.Way.Factors) < 2 {
		return c, "", nil
	}
	secret, tok, err := t.newTicket(account.TicketEntry, entryFor)
	c.PutTokens = append(c.PutTokens, tok)
	return c, secret, err
}
