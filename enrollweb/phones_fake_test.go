package enrollweb

import (
	"context"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
)

// succeed ends the session and starts one that sees the same; the caller holds the
// lock.
func (w *world) succeed(session account.Secret) (enroll.Session, *enroll.View) {
	old := w.sessions[session]
	delete(w.sessions, session)
	s := w.open(account.TokenSession)
	*w.sessions[s.Token] = *old
	return s, w.sessions[s.Token]
}

func without(list []account.Record, id string) []account.Record {
	return slices.DeleteFunc(slices.Clone(list), func(r account.Record) bool { return r.ID == id })
}

func (w *world) RemovePhone(_ context.Context, session account.Secret, r devices.Removal) (enroll.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("RemovePhone", session)
	switch {
	case err != nil:
		return enroll.Session{}, err
	case len(v.Devices) < 2:
		return enroll.Session{}, &enroll.Refusal{Reason: account.NotAllowed}
	case r.Code != "123456":
		return enroll.Session{}, &enroll.Refusal{Reason: account.CodeWrong}
	}
	s, next := w.succeed(session)
	next.Devices = without(v.Devices, r.Record)
	return s, nil
}

func (w *world) LosePhone(_ context.Context, session account.Secret, record string) (enroll.Confirmed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("LosePhone", session)
	if err != nil {
		return enroll.Confirmed{}, err
	}
	done, next := enroll.Confirmed{}, (*enroll.View)(nil)
	done.Session, next = w.succeed(session)
	next.Devices = without(v.Devices, record)
	next.AppPasswords = slices.DeleteFunc(slices.Clone(v.AppPasswords), func(r account.Record) bool { return r.Device == record })
	if len(next.Devices) == 0 && next.CodesLeft == 0 {
		done.Codes, next.CodesLeft = w.codes, 10
	}
	return done, nil
}

func (w *world) PlaceOn(_ context.Context, session account.Secret, record, phone string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("PlaceOn", session)
	if err != nil {
		return err
	}
	for i := range v.AppPasswords {
		if v.AppPasswords[i].ID == record {
			v.AppPasswords[i].Device = phone
		}
	}
	return nil
}

func (w *world) Tries(_ context.Context, session account.Secret) ([]account.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.act("View", session) // it is a look, too
	if err == nil {
		err = w.fail["Tries"]
	}
	return w.tries, err
}
