package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
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

// turnAway refuses an invite code, and tells of it.
func (d *Desk) turnAway(ctx context.Context, s *session, no *Refusal) error {
	ev := d.cfg.Did(account.ActCheck, d.owner(s, account.Snapshot{}))
	ev.Factor, ev.Note = records.InviteKind, "invite code"
	return d.cfg.TurnAway(ctx, ev, no)
}

// ended reads a lost race for the session's own token as the end of it.
func (d *Desk) ended(err error) error {
	if errors.Is(err, account.ErrConflict) {
		return errNoSession
	}
	return err
}

// Begin shows a set-up key: the one that is waiting for the same phone, or a new
// one. Nothing of the old state ends before Confirm. In a full session it needs a
// fresh sign-in. A key belongs to its plan: a code of the one that another window
// has begun never does what this one says.
func (d *Desk) Begin(ctx context.Context, token account.Secret, plan devices.Plan) (View, error) {
	err := records.Retry(func() error { return d.begin(ctx, token, plan) })
	if err != nil {
		return View{}, err
	}
	return d.View(ctx, token)
}

func (d *Desk) begin(ctx context.Context, token account.Secret, plan devices.Plan) error {
	s, err := d.open(ctx, token)
	if err != nil {
		return err
	}
	snap, err := d.cfg.Store.Load(ctx, s.who.ID)
	if err != nil {
		return fmt.Errorf("loading the records: %w", err)
	}
	stage := d.stage(s, snap)
	waits := stage == StageConfirm && s.state.Plan.Replaces == plan.Replaces
	switch {
	case stage == StageInvite:
		return &Refusal{Reason: account.NotAllowed}
	case s.kind == account.TokenSession && !waits && !d.fresh(s):
		return &Refusal{Reason: account.CodeRequired}
	case s.kind == account.TokenSetup && d.secured(snap):
		return errNoSession
	}
	if plan, err = d.phones.Complete(snap, plan); err != nil || waits && plan == s.state.Plan {
		return err
	}
	s.state.Plan = plan
	c := account.Change{Subject: s.who.ID, Version: snap.Version, TakeTokens: []account.TokenRef{s.ref()}}
	if !waits {
		e, err := d.cfg.Enroll(ctx, d.cfg.Code, s.who.Subject)
		if err != nil {
			return err
		}
		e.Record.Pending, e.Record.Expires = true, d.cfg.Now().Add(pendingFor)
		s.state.Pending, s.state.Until = e.Record.ID, e.Record.Expires
		s.state.Key, s.state.URI = e.Secret.Reveal(), e.URI.Reveal()
		c.Put, c.Delete = []account.Record{e.Record}, pendings(snap)
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
// activates it, burns the code, ends the phone it replaces, if any, makes
// emergency codes where the person has none, and begins a full session.
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
	plan, err := d.phones.Complete(snap, s.state.Plan)
	if err != nil {
		return Confirmed{}, err
	}
	rec, no, err := d.cfg.Ask(ctx, snap.Records[at:at+1], code)
	switch {
	case err != nil:
		return Confirmed{}, err
	case no != nil:
		return Confirmed{}, no
	}
	rec.Pending, rec.Expires = false, time.Time{}
	o, done, free := d.owner(s, snap), Confirmed{}, false
	c := d.phones.Take(o, rec, plan)
	c.InviteRequired = &free
	if snap.InviteRequired { // invited has seen it
		c.TakeTokens = append(c.TakeTokens, account.TokenRef{Kind: account.TokenInvite, Hash: [32]byte(s.state.Invite)})
	}
	if d.cfg.Recovery != "" && len(d.cfg.Sheets(snap)) == 0 {
		if done.Codes, err = d.cfg.Sheet(ctx, o, &c); err != nil {
			return Confirmed{}, err
		}
	}
	done.Session, err = d.succeed(ctx, s, c)
	return done, err
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
