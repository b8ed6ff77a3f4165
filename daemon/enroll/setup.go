package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

// stage tells where the session stands. Nothing the client sends moves it.
func (d *Desk) stage(s *session, snap account.Snapshot) Stage {
	switch {
	case s.state.Pending != "" && d.cfg.Now().Before(s.state.Until):
		return StageConfirm
	case s.kind == account.TokenSession:
		return StageHome
	case snap.InviteRequired && len(s.state.Invite) == 0:
		return StageInvite
	default:
		return StageBegin
	}
}

// Invite takes the invite code that support gave out after a reset. The code
// itself is only used up when the set-up is confirmed, so that an abandoned
// one can be begun again.
func (d *Desk) Invite(ctx context.Context, token, code account.Secret) error {
	s, err := d.open(ctx, token)
	if err != nil {
		return err
	}
	number, wait, err := d.cfg.Throttle.Second(ctx, s.who.ID, records.InviteKind)
	if err != nil {
		return err
	}
	if wait > 0 {
		return d.turnAway(ctx, s, &Refusal{Reason: account.Throttled, RetryAfter: wait})
	}
	folded, ok := crockford.Fold(strings.TrimSpace(code.Reveal()))
	if !ok || !crockford.Valid(folded) {
		return d.turnAway(ctx, s, &Refusal{Reason: account.CodeWrong})
	}
	ref := account.TokenRef{Kind: account.TokenInvite, Hash: account.HashToken(d.cfg.MAC, account.TokenInvite, account.Secret(folded))}
	tok, err := d.cfg.Store.Token(ctx, ref)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		// An outage is no failed try; if even that cannot be written, it stays.
		back := d.cfg.Commit(context.WithoutCancel(ctx), account.Change{Subject: s.who.ID, Version: -1, Refund: []int64{number}})
		return fmt.Errorf("reading the invite code: %w", errors.Join(err, back))
	}
	if err != nil || tok.Subject != s.who.ID || !tok.Alive(d.cfg.Now()) {
		return d.turnAway(ctx, s, &Refusal{Reason: account.CodeWrong})
	}
	s.state.Invite = ref.Hash[:]
	c := account.Change{Subject: s.who.ID, Version: -1, Refund: []int64{number}, TakeTokens: []account.TokenRef{s.ref()}}
	if err := d.keep(s, &c); err != nil {
		return err
	}
	return d.ended(d.cfg.Commit(ctx, c))
}

// turnAway refuses an invite code, and tells of it as of a refused login: it
// may be somebody who has the password and guesses. What is audited has cost a
// counted try each, and so cannot fill the audit; a wait only comes to the log
// and the last tries, which bound themselves.
func (d *Desk) turnAway(ctx context.Context, s *session, no *Refusal) error {
	ev := d.event(account.ActCheck, s)
	ev.FrontEnd, ev.Factor, ev.Note = "page", records.InviteKind, "invite code"
	ev.Verdict, ev.Reason = factor.Deny, no.Reason
	if no.Reason == account.Throttled {
		d.cfg.Journal.Record(ev)
		return no
	}
	c := account.Change{Subject: s.who.ID, Version: -1, Events: []account.Event{ev}}
	if err := d.cfg.Commit(context.WithoutCancel(ctx), c); err != nil {
		return fmt.Errorf("auditing a wrong invite code: %w", err)
	}
	return no
}

// ended reads a lost race for the session's own token as the end of it.
func (d *Desk) ended(err error) error {
	if errors.Is(err, account.ErrConflict) {
		return errNoSession
	}
	return err
}

// Begin shows a set-up key: the one that is waiting, or a new one. Nothing of
// the old state ends before Confirm. In a full session it is the key of a new
// phone, and needs a fresh sign-in.
func (d *Desk) Begin(ctx context.Context, token account.Secret) (View, error) {
	err := records.Retry(func() error { return d.begin(ctx, token) })
	if err != nil {
		return View{}, err
	}
	return d.View(ctx, token)
}

func (d *Desk) begin(ctx context.Context, token account.Secret) error {
	s, err := d.open(ctx, token)
	if err != nil {
		return err
	}
	snap, err := d.cfg.Store.Load(ctx, s.who.ID)
	if err != nil {
		return fmt.Errorf("loading the records: %w", err)
	}
	switch d.stage(s, snap) {
	case StageConfirm:
		return nil
	case StageInvite:
		return &Refusal{Reason: account.NotAllowed}
	}
	if s.kind == account.TokenSession && !d.fresh(s) {
		return &Refusal{Reason: account.CodeRequired}
	}
	if s.kind == account.TokenSetup && d.secured(snap) {
		return errNoSession
	}
	e, err := d.cfg.Enroll(ctx, d.cfg.Code, s.who.Subject)
	if err != nil {
		return err
	}
	e.Record.Pending = true
	e.Record.Expires = d.cfg.Now().Add(pendingFor)
	s.state.Pending, s.state.Until = e.Record.ID, e.Record.Expires
	s.state.Key, s.state.URI = e.Secret.Reveal(), e.URI.Reveal()
	c := account.Change{
		Subject: s.who.ID, Version: snap.Version,
		Put: []account.Record{e.Record}, Delete: pendings(snap),
		TakeTokens: []account.TokenRef{s.ref()},
	}
	if err := d.keep(s, &c); err != nil {
		return err
	}
	return d.cfg.Commit(ctx, c)
}

// secured tells whether the person has a second factor to sign in with. A
// set-up session, which only a password stands behind, must then do nothing.
func (d *Desk) secured(snap account.Snapshot) bool {
	now := d.cfg.Now()
	return len(records.ActiveOf(snap, d.cfg.Code, now)) > 0 ||
		d.cfg.Recovery != "" && len(records.ActiveOf(snap, d.cfg.Recovery, now)) > 0
}

// pendings are the records that nobody confirmed.
func pendings(snap account.Snapshot) []string {
	var ids []string
	for _, r := range snap.Records {
		if r.Pending {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Confirm makes the waiting record active, if the code fits it: one write
// activates it, burns the code, ends the phone it replaces, makes emergency
// codes where the person has none, and begins a full session.
func (d *Desk) Confirm(ctx context.Context, token, code account.Secret) (Confirmed, error) {
	var done Confirmed
	err := records.Retry(func() (err error) {
		done, err = d.confirm(ctx, token, code)
		return err
	})
	return done, err
}

func (d *Desk) confirm(ctx context.Context, token, code account.Secret) (Confirmed, error) {
	s, err := d.open(ctx, token)
	if err != nil {
		return Confirmed{}, err
	}
	snap, err := d.cfg.Store.Load(ctx, s.who.ID, d.cfg.Code)
	if err != nil {
		return Confirmed{}, fmt.Errorf("loading the records: %w", err)
	}
	at := slices.IndexFunc(snap.Records, func(r account.Record) bool { return r.ID == s.state.Pending && r.Pending })
	if d.stage(s, snap) != StageConfirm || at < 0 {
		return Confirmed{}, &Refusal{Reason: account.NotAllowed}
	}
	if s.kind == account.TokenSetup && d.secured(snap) {
		return Confirmed{}, errNoSession
	}
	if err := d.invited(ctx, s, snap); err != nil {
		return Confirmed{}, err
	}
	rec, err := d.prove(ctx, snap.Records[at], code)
	if err != nil {
		return Confirmed{}, err
	}
	c := d.activate(s, snap, rec)
	var done Confirmed
	if d.cfg.Recovery != "" && len(records.ActiveOf(snap, d.cfg.Recovery, d.cfg.Now())) == 0 {
		sheet, err := d.cfg.Enroll(ctx, d.cfg.Recovery, s.who.Subject)
		if err != nil {
			return Confirmed{}, err
		}
		done.Codes = split(sheet.Secret)
		c.Put = append(c.Put, sheet.Record)
		ev := d.event(account.ActIssue, s)
		ev.Factor, ev.Record = sheet.Record.Factor, sheet.Record.ID
		c.Events = append(c.Events, ev)
	}
	st := state{Name: s.state.Name, SignedIn: d.cfg.Now(), Address: s.state.Address}
	next, tok, err := d.newSession(account.TokenSession, s.who.ID, st)
	if err != nil {
		return Confirmed{}, err
	}
	c.PutTokens = append(c.PutTokens, tok)
	done.Session = next
	return done, d.cfg.Commit(ctx, c)
}

// invited makes sure that the invite code still holds, where one is needed.
func (d *Desk) invited(ctx context.Context, s *session, snap account.Snapshot) error {
	if !snap.InviteRequired {
		return nil
	}
	if len(s.state.Invite) != 32 {
		return &Refusal{Reason: account.NotAllowed}
	}
	tok, err := d.cfg.Store.Token(ctx, account.TokenRef{Kind: account.TokenInvite, Hash: [32]byte(s.state.Invite)})
	switch {
	case errors.Is(err, account.ErrNotFound) || err == nil && (tok.Subject != s.who.ID || !tok.Alive(d.cfg.Now())):
		return &Refusal{Reason: account.NotAllowed}
	case err != nil:
		return fmt.Errorf("reading the invite code: %w", err)
	}
	return nil
}

// prove asks the factor whether the code fits the waiting record.
func (d *Desk) prove(ctx context.Context, rec account.Record, code account.Secret) (account.Record, error) {
	res, err := d.cfg.Factors[rec.Factor].Plugin.Verify(ctx, factor.Request{
		Input: code.Reveal(), Now: d.cfg.Now(),
		Records: []factor.Record{{ID: rec.ID, Format: rec.Format, Payload: rec.Payload}},
	})
	if err != nil || res.Verdict != factor.Accept && res.Verdict != factor.Deny {
		return rec, fmt.Errorf("asking factor %s: %w", rec.Factor, errors.Join(err, account.ErrUnavailable))
	}
	switch {
	case res.Verdict != factor.Accept && res.Reason == factor.Used:
		return rec, &Refusal{Reason: account.CodeUsed}
	case res.Verdict != factor.Accept:
		return rec, &Refusal{Reason: account.CodeWrong, Drift: res.Drift}
	case res.Record != rec.ID || len(res.Payload) > factor.MaxPayload:
		return rec, fmt.Errorf("factor %s answered out of bounds: %w", rec.Factor, account.ErrUnavailable)
	}
	if len(res.Payload) > 0 {
		rec.Payload, rec.Format = res.Payload, res.Format
	}
	rec.Pending, rec.Expires, rec.LastUsed = false, time.Time{}, d.cfg.Now()
	return rec, nil
}

// activate is the change that makes the proven record the person's code app.
func (d *Desk) activate(s *session, snap account.Snapshot, rec account.Record) account.Change {
	no := false
	act := account.ActEnroll
	if len(records.ActiveOf(snap, d.cfg.Code, d.cfg.Now())) > 0 {
		act = account.ActReplace
	}
	ev := d.event(act, s)
	ev.Factor, ev.Record = rec.Factor, rec.ID
	c := account.Change{
		Subject: s.who.ID, Version: snap.Version, Put: []account.Record{rec},
		// Every other session of the person ends: the level has changed.
		EndTokens:      []account.TokenKind{account.TokenSetup, account.TokenSession, account.TicketEnroll, account.TicketEntry, account.TicketPassword, account.TokenFlow},
		TakeTokens:     []account.TokenRef{s.ref()},
		InviteRequired: &no,
		Events:         []account.Event{ev},
	}
	for _, r := range snap.Records {
		usedUp := r.Factor == d.cfg.Recovery && !r.Active(d.cfg.Now())
		if r.Factor == d.cfg.Code && r.ID != rec.ID || usedUp {
			c.Delete = append(c.Delete, r.ID)
		}
	}
	if snap.InviteRequired { // invited has seen it
		c.TakeTokens = append(c.TakeTokens, account.TokenRef{Kind: account.TokenInvite, Hash: [32]byte(s.state.Invite)})
	}
	return c
}

// split turns a sheet into its codes.
func split(sheet account.Secret) []account.Secret {
	var codes []account.Secret
	for line := range strings.Lines(sheet.Reveal()) {
		codes = append(codes, account.Secret(strings.TrimSuffix(line, "\n")))
	}
	return codes
}
