package enroll

import (
	"context"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/enroll/tries"
)

// RemovePhone ends one of several phones and returns the session that goes on. It
// needs a full session with a fresh sign-in, and a code that another phone shows
// or an emergency code. The last phone is refused with account.NotAllowed.
func (d *Desk) RemovePhone(ctx context.Context, token account.Secret, r devices.Removal) (next Session, err error) {
	err = records.Retry(func() error {
		s, snap, err := d.change(ctx, token, d.cfg.Code, d.cfg.Recovery)
		if err != nil {
			return err
		}
		c, err := d.phones.Remove(ctx, d.owner(s, snap), &r)
		if err != nil {
			return err
		}
		next, err = d.succeed(ctx, s, c)
		return err
	})
	return next, err
}

// LosePhone ends a phone and every app password that is marked as on it, and
// returns the session that goes on. It needs a full session with a fresh sign-in.
// Where it was the last phone and no emergency code was left, there are new ones;
// where none opens the page, the last phone is refused with account.NotAllowed.
func (d *Desk) LosePhone(ctx context.Context, token account.Secret, record string) (done Confirmed, err error) {
	err = records.Retry(func() error {
		s, snap, err := d.change(ctx, token)
		if err != nil {
			return err
		}
		var c account.Change
		if c, done.Codes, err = d.phones.Lost(ctx, d.owner(s, snap), record); err != nil {
			return err
		}
		done.Session, err = d.succeed(ctx, s, c)
		return err
	})
	if err != nil {
		return Confirmed{}, err
	}
	return done, nil
}

// PlaceOn marks an app password as on a phone, or as on none for "". It changes no
// right, so the sign-in need not be fresh.
func (d *Desk) PlaceOn(ctx context.Context, token account.Secret, record, phone string) error {
	return d.own(ctx, token, func(who account.Subject) error { return d.phones.Place(ctx, who, record, phone) })
}

// Tries are the owner's last tries at services that app passwords are for, newest
// first, without what was typed as the name.
func (d *Desk) Tries(ctx context.Context, token account.Secret) (own []account.Event, err error) {
	err = d.own(ctx, token, func(who account.Subject) error {
		own, err = tries.Own(ctx, &d.cfg, who.ID)
		return err
	})
	return own, err
}
