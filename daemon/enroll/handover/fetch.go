package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// grant is what the store seals until the program fetches.
type grant struct {
	// Name is the owner's canonical login, for the directory.
	Name  string       `json:"name"`
	Wish  records.Wish `json:"wish"`
	Agent string       `json:"agent,omitempty"`
	// Asked is when the question began.
	Asked time.Time `json:"asked"`
}

// Owner is who grants, as their session and their records are at that moment.
type Owner struct {
	Subject  account.Subject
	Snapshot account.Snapshot
}

// Grant is the change that lets the program that asked by this link fetch. It
// refuses what could not be made: the owner must hear of it while they look.
func (o *Office) Grant(ctx context.Context, link account.Secret, by Owner, w records.Wish) (account.Change, error) {
	w, err := o.cfg.Complete(w)
	if err == nil {
		err = o.cfg.Room(by.Snapshot)
	}
	if err == nil {
		_, err = o.Flow(ctx, link)
	}
	if err != nil {
		return account.Change{}, err
	}
	a, err := o.read(link.Reveal())
	if err != nil {
		return account.Change{}, err
	}
	data, err := json.Marshal(grant{Name: by.Subject.Name, Wish: w, Agent: a.Agent, Asked: a.At})
	if err != nil {
		return account.Change{}, fmt.Errorf("writing the grant: %w", err)
	}
	now := o.cfg.Now()
	return account.Change{
		Subject: by.Subject.ID, Version: by.Snapshot.Version,
		PutTokens: []account.Token{{
			Kind: account.TokenFlow, Hash: [32]byte(a.Hash), Subject: by.Subject.ID,
			Data: data, Created: now, Expires: now.Add(grantFor),
		}},
	}, nil
}

// Fetched is an app password on its way to the program. It prints itself without
// the secret.
type Fetched struct {
	// Name is the owner's login.
	Name   string
	Secret account.Secret
}

// FetchFlow makes the app password that the ticket was granted and hands it out,
// once. ErrOver means not yet, or not any more: to the program both are the same.
// After any other error nothing was handed out and the ticket still holds, unless
// the store cannot say whether it wrote; then the owner sees an app password that
// nobody uses.
func (o *Office) FetchFlow(ctx context.Context, ticket account.Secret, by account.Client) (Fetched, error) {
	if !o.genuine(ticket) {
		return Fetched{}, ErrOver
	}
	var out Fetched
	err := records.Retry(func() (err error) {
		out, err = o.fetch(ctx, ticket, by)
		return err
	})
	if errors.As(err, new(*records.Refusal)) {
		err = ErrOver // the limit was reached since
	}
	if err != nil {
		return Fetched{}, err
	}
	return out, nil
}

// fetch tries once. The order is what makes "once" true even where two windows
// granted the same question: the grant is read before the person, and whether it
// was fetched after that; who fetched in between has moved the person's version.
func (o *Office) fetch(ctx context.Context, ticket account.Secret, by account.Client) (Fetched, error) {
	tok, g, err := o.granted(ctx, ticket)
	if err != nil {
		return Fetched{}, err
	}
	who, err := o.owner(ctx, tok, g)
	if err != nil {
		return Fetched{}, err
	}
	snap, err := o.cfg.Store.Load(ctx, tok.Subject, o.cfg.App)
	if err != nil {
		return Fetched{}, fmt.Errorf("loading the records: %w", err)
	}
	if snap.InviteRequired { // a reset since
		return Fetched{}, ErrOver
	}
	done := o.ref(account.TokenFlowDone, ticket)
	if err := o.absent(ctx, done); err != nil {
		return Fetched{}, err
	}
	made, c, err := o.cfg.Issue(ctx, who, snap, g.Wish)
	if err != nil {
		return Fetched{}, err
	}
	for i := range c.Events {
		c.Events[i].Agent, c.Events[i].Note = g.Agent, "fetched by the program itself"
		if by.Addr.IsValid() {
			c.Events[i].Address = by.Addr.String()
		}
	}
	now := o.cfg.Now()
	c.TakeTokens = append(c.TakeTokens, account.TokenRef{Kind: tok.Kind, Hash: tok.Hash})
	c.PutTokens = append(c.PutTokens, account.Token{
		Kind: done.Kind, Hash: done.Hash, Subject: tok.Subject, Created: now, Expires: g.Asked.Add(askFor + ahead),
	})
	if err := o.cfg.Commit(ctx, c); err != nil {
		return Fetched{}, err
	}
	return Fetched{Name: who.Name, Secret: made.Secret}, nil
}

// granted reads the grant of a ticket.
func (o *Office) granted(ctx context.Context, ticket account.Secret) (account.Token, grant, error) {
	tok, err := o.cfg.Store.Token(ctx, o.ref(account.TokenFlow, ticket))
	if errors.Is(err, account.ErrNotFound) {
		return tok, grant{}, ErrOver
	}
	if err != nil {
		return tok, grant{}, fmt.Errorf("reading the grant: %w", err)
	}
	if !tok.Alive(o.cfg.Now()) {
		return tok, grant{}, ErrOver
	}
	var g grant
	if err := json.Unmarshal(tok.Data, &g); err != nil {
		return tok, grant{}, fmt.Errorf("reading the grant: %w", errors.Join(err, account.ErrUnavailable))
	}
	return tok, g, nil
}

// owner asks the directory whether whoever granted still may.
func (o *Office) owner(ctx context.Context, tok account.Token, g grant) (account.Subject, error) {
	facts, err := o.cfg.Directory.Find(ctx, g.Name)
	if errors.Is(err, account.ErrNotFound) || err == nil && (facts.ID != tok.Subject || facts.Fitness != account.Fit) {
		return account.Subject{}, ErrOver
	}
	if err != nil {
		return account.Subject{}, fmt.Errorf("finding who granted: %w", err)
	}
	return facts.Subject, nil
}
