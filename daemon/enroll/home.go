package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/handover"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/enroll/tries"
)

// View shows everything that the owner of the session may see, without any
// secret but the set-up key that is waiting. It keeps the session from idling
// out, unless it is records.Unasked. account.ErrNotFound means that the session is over.
func (d *Desk) View(ctx context.Context, token account.Secret) (View, error) {
	s, err := d.open(ctx, token)
	if err != nil {
		return View{}, err
	}
	snap, err := d.cfg.Store.Load(ctx, s.who.ID)
	if err != nil {
		return View{}, fmt.Errorf("loading the records: %w", err)
	}
	if err := d.renew(ctx, s, snap.Version); errors.Is(err, account.ErrNotFound) {
		return View{}, errNoSession
	} else if err != nil {
		return View{}, fmt.Errorf("keeping the session: %w", err)
	}
	now := d.cfg.Now()
	v := View{
		Subject: s.who.Subject, Kind: s.kind, Stage: d.stage(s, snap), Fresh: d.fresh(s),
		CodesLeft: -1, Services: slices.Clone(d.cfg.AppServices),
	}
	if v.Stage == StageConfirm {
		v.Setup = Setup{Secret: account.Secret(s.state.Key), URI: account.Secret(s.state.URI), Expires: s.state.Until, Plan: s.state.Plan}
	}
	own, err := tries.Own(ctx, &d.cfg, s.who.ID)
	if err != nil {
		return View{}, err
	}
	v.Leave = d.cfg.LeaveOf(s.who.Subject, snap)
	v.Bridged = tries.Bridged(own, v.Leave, now)
	if s.kind != account.TokenSession {
		// Nothing of what is enrolled, and of the tries which programs came: they
		// are what the set-up will cost.
		v.Programs = tries.Programs(tries.Astray(own, nil, now), v.Bridged)
		return v, nil
	}
	v.Devices, v.MostDevices, v.MayLoseLast = d.phones.Phones(snap), d.phones.Most(), d.phones.MayLoseLast()
	v.AppPasswords = records.ActiveOf(snap, d.cfg.App, now)
	slices.SortFunc(v.AppPasswords, func(a, b account.Record) int {
		if c := b.LastUsed.Compare(a.LastUsed); c != 0 {
			return c
		}
		return b.Created.Compare(a.Created)
	})
	v.Astray = tries.Astray(own, v.AppPasswords, now)
	v.Programs = tries.Programs(v.Astray, v.Bridged)
	if d.cfg.Recovery != "" {
		v.CodesLeft = 0
		for _, r := range d.cfg.Sheets(snap) {
			v.CodesLeft += max(0, r.Uses)
		}
	}
	return v, nil
}

// change opens a full, fresh session and the owner's records, with the payloads of
// app passwords and of the factors named.
func (d *Desk) change(ctx context.Context, token account.Secret, open ...string) (*session, account.Snapshot, error) {
	s, err := d.open(ctx, token)
	if err != nil {
		return nil, account.Snapshot{}, err
	}
	if s.kind != account.TokenSession {
		return nil, account.Snapshot{}, &Refusal{Reason: account.EnrollRequired}
	}
	if !d.fresh(s) {
		return nil, account.Snapshot{}, &Refusal{Reason: account.CodeRequired}
	}
	snap, err := d.cfg.Store.Load(ctx, s.who.ID, append(open, d.cfg.App)...)
	if err != nil {
		return nil, account.Snapshot{}, fmt.Errorf("loading the records: %w", err)
	}
	if snap.InviteRequired {
		// After a reset nothing is made before the set-up, whatever else opens
		// the page.
		return nil, account.Snapshot{}, &Refusal{Reason: account.NotAllowed}
	}
	return s, snap, nil
}

// commitAlive writes a change that a session asked for, if the session has not
// been ended in the meantime.
func (d *Desk) commitAlive(ctx context.Context, s *session, c account.Change) error {
	c.TakeTokens = append(c.TakeTokens, s.ref())
	if err := d.keep(s, &c); err != nil {
		return err
	}
	return d.cfg.Commit(ctx, c)
}

// Issue makes an app password and shows it, this once. It needs a full
// session with a fresh sign-in. A Refusal with account.NotAllowed means that
// the limit is reached, with account.Malformed that the wish cannot be.
func (d *Desk) Issue(ctx context.Context, token account.Secret, w Wish) (Issued, error) {
	w, err := d.cfg.Complete(w)
	if err != nil {
		return Issued{}, err
	}
	var made records.Made
	err = records.Retry(func() error {
		s, snap, err := d.change(ctx, token)
		if err != nil {
			return err
		}
		var c account.Change
		if made, c, err = d.cfg.Issue(ctx, s.who.Subject, snap, w); err != nil {
			return err
		}
		for i := range c.Events {
			c.Events[i].Address = s.state.Address
		}
		return d.commitAlive(ctx, s, c)
	})
	if err != nil {
		return Issued{}, err
	}
	return Issued{Record: made.Record.ID, Secret: made.Secret}, nil
}

// GrantFlow lets the program that asked by this link fetch an app password. It
// needs what Issue needs, and refuses for the same reasons; handover.ErrOver
// means that the program's question is none any more.
func (d *Desk) GrantFlow(ctx context.Context, token, link account.Secret, w Wish) error {
	return records.Retry(func() error {
		s, snap, err := d.change(ctx, token)
		if err != nil {
			return err
		}
		c, err := d.Grant(ctx, link, handover.Owner{Subject: s.who.Subject, Snapshot: snap}, w)
		if err != nil {
			return err
		}
		return d.commitAlive(ctx, s, c)
	})
}

// Codes makes a new sheet of emergency codes and ends the old one. It needs a
// full session with a fresh sign-in.
func (d *Desk) Codes(ctx context.Context, token account.Secret) ([]account.Secret, error) {
	if d.cfg.Recovery == "" {
		return nil, &Refusal{Reason: account.NotAllowed}
	}
	var codes []account.Secret
	err := records.Retry(func() error {
		s, snap, err := d.change(ctx, token)
		if err != nil {
			return err
		}
		c := account.Change{Subject: s.who.ID, Version: snap.Version}
		if codes, err = d.cfg.Sheet(ctx, d.owner(s, snap), &c); err != nil {
			return err
		}
		return d.commitAlive(ctx, s, c)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// Revoke ends one app password; it is dead at the next request. Ending one
// only takes rights away, so the sign-in need not be fresh. account.ErrNotFound
// means that the session is over or the person has no such app password.
func (d *Desk) Revoke(ctx context.Context, token account.Secret, record string) error {
	if record == "" { // to revoke, that would be all of them
		return fmt.Errorf("no app password is named: %w", account.ErrNotFound)
	}
	return d.own(ctx, token, func(who account.Subject) error {
		_, err := d.cfg.Revoke(ctx, who, records.Order{Actor: "user", Record: record})
		return err
	})
}

// RevokeUnused ends every app password that has not been used for so long that
// it is Unused, and returns how many those were; the sign-in need not be fresh.
func (d *Desk) RevokeUnused(ctx context.Context, token account.Secret) (ended int, err error) {
	err = d.own(ctx, token, func(who account.Subject) error {
		ended, err = d.cfg.Revoke(ctx, who, records.Order{Actor: "user", Unused: true})
		if errors.Is(err, account.ErrNotFound) { // there was none
			return nil
		}
		return err
	})
	return ended, err
}

// Rename gives an app password or a phone another name, which must be as in a Wish. It
// changes no right, so the sign-in need not be fresh.
func (d *Desk) Rename(ctx context.Context, token account.Secret, record, label string) error {
	if label = strings.TrimSpace(label); !records.Printable(label) {
		return &Refusal{Reason: account.Malformed}
	}
	return d.own(ctx, token, func(who account.Subject) error { return d.cfg.Rename(ctx, who, record, label) })
}

// own does what the owner of a full session may always do with what is theirs.
func (d *Desk) own(ctx context.Context, token account.Secret, do func(account.Subject) error) error {
	return records.Retry(func() error {
		s, err := d.open(ctx, token)
		if err != nil {
			return err
		}
		if s.kind != account.TokenSession {
			return &Refusal{Reason: account.EnrollRequired}
		}
		return do(s.who.Subject)
	})
}
