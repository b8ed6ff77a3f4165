package check

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/leave"
	"github.com/sallyport/sallyport/daemon/check/ticket"
	"github.com/sallyport/sallyport/daemon/check/verdict"
	"github.com/sallyport/sallyport/daemon/check/witness"
)

// newTicket makes a ticket of the kind for the attempt's subject.
func (t *try) newTicket(kind account.TokenKind) (account.Secret, account.Token, error) {
	return t.office.New(kind, ticket.Place{Subject: t.facts.Subject, Service: t.Service, Client: t.Client, Now: t.started})
}

// redeemPassword continues an attempt whose password was right. The ticket is
// only taken when the code is right too, so that a wrong code can be corrected.
func (t *try) redeemPassword(ctx context.Context) (account.Answer, bool) {
	if t.Ticket == "" {
		return account.Answer{}, true
	}
	tok, err := t.cfg.Store.Token(ctx, t.office.Ref(account.TicketPassword, t.Ticket))
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		t.cfg.Log.Error("reading a ticket", "error", err)
		return verdict.Unavailable(account.StoreUnavailable), false
	}
	service, name := ticket.Read(tok)
	if err != nil || !tok.Alive(t.started) || service != t.Service {
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
	return t.hand(ctx, ans, account.TicketPassword)
}

// hand stores a ticket and adds it to the answer.
func (t *try) hand(ctx context.Context, ans account.Answer, kind account.TokenKind) account.Answer {
	secret, tok, err := t.newTicket(kind)
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
		t.takeBack(ctx, yes.Refund...)
		return verdict.Deny(account.WrongSpelling), nil
	}
	ans := verdict.Accept()
	t.used = yes.Used
	ans.Subject, ans.Factors, ans.Scope = t.facts.Subject, yes.Way.Factors, yes.Used.Services
	if yes.Leave != nil {
		ans = yes.Leave(ans)
	}
	c, secret, err := t.entry(ctx, yes)
	told := t.events(ans)
	if err == nil {
		ans.Ticket = secret
		if ans.Leave != leave.Bridge || len(told) > 1 || t.Crossed.First(t.fingerprint("crossed:"+t.Service, ""), t.started) {
			c.Events = told // programs come every few minutes: the last tries tell of each
		}
		err = t.commit(ctx, c)
	}
	if err == nil {
		for _, e := range told[1:] {
			t.cfg.Journal.Record(e) // the first is told at the end of every check
		}
		return ans, nil
	}
	t.used = account.Record{}
	if !errors.Is(err, account.ErrConflict) {
		t.cfg.Log.Error("writing before the yes", "error", err)
		t.takeBack(ctx, yes.Refund...)
	}
	return verdict.Unavailable(account.StoreUnavailable), err
}

// entry is the change that lets somebody in, with the secret of the ticket
// that they asked for.
func (t *try) entry(ctx context.Context, yes verdict.Yes) (account.Change, account.Secret, error) {
	c := account.Change{Version: yes.Version, Refund: yes.Refund}
	if _, err := t.recognise(ctx); err != nil {
		return c, "", err
	}
	switch {
	case yes.Leave != nil:
		c.Compare = true // leave ends the moment that something is set up
	case len(yes.Put) == 0:
		c.Version = -1
	}
	for _, r := range yes.Put {
		c.Put = append(c.Put, witness.Used(r, t.Attempt, t.started))
	}
	if t.redeemed != nil {
		c.TakeTokens = append(c.TakeTokens, account.TokenRef{Kind: t.redeemed.Kind, Hash: t.redeemed.Hash})
	}
	if t.greet != nil {
		c.PutTokens = append(c.PutTokens, ticket.Greet(*t.greet, t.facts.ID, t.started))
	}
	kind := account.TicketEntry
	switch {
	case yes.Leave != nil && t.FrontEnd == webFrontEnd && !t.OneField && t.service.HasDirectory():
		kind = account.TicketEnroll // the web application can offer the set-up
	case !t.WantTicket || len(yes.Way.Factors) < 2:
		// One factor never opens the page, where second factors are made.
		return c, "", nil
	}
	secret, tok, err := t.newTicket(kind)
	c.PutTokens = append(c.PutTokens, tok)
	return c, secret, err
}

// events are what the audit keeps of a login: the check, and that the network is
// new, of which its owner may want to hear. That is written down once, as the
// network is known from then on.
func (t *try) events(ans account.Answer) []account.Event {
	login := t.event(ans, t.cfg.Clock.Now().Sub(t.started))
	if t.familiar || !t.Client.Network().IsValid() || login.Actor != "user" {
		return []account.Event{login}
	}
	fresh := login
	fresh.Act, fresh.Took = account.ActNewNetwork, 0
	return []account.Event{login, fresh}
}
