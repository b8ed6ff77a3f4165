package support

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	// codeFor is how long a code from support holds unless an order says so.
	codeFor = time.Hour
	// The bounds of what an order may say.
	shortestCode = 5 * time.Minute
	longestCode  = 24 * time.Hour
)

// Code makes a one-time code that stands in for the six digits once, for somebody
// who has left the phone at home. The password is needed all the same, and
// everything that is set up stays.
//
// It is a record of the factor of emergency codes with one use and a near end: so
// it is judged, counted, used up and hashed like those, and needs nothing new at
// the door. A new one takes the place of the last.
func (s *Support) Code(ctx context.Context, o Order) (Invite, error) {
	if o.Life == 0 {
		o.Life = codeFor
	}
	if o.Life < shortestCode || o.Life > longestCode {
		return Invite{}, &records.Refusal{Reason: account.Malformed}
	}
	d, err := s.admit(ctx, account.ActCode, o)
	if err != nil {
		return Invite{}, err
	}
	var inv Invite
	err = s.counted(ctx, d, func() error {
		return records.Retry(func() (err error) {
			inv, err = s.code(ctx, d)
			return err
		})
	})
	return inv, err
}

func (s *Support) code(ctx context.Context, d deed) (Invite, error) {
	who := d.who
	snap, err := s.cfg.Store.Load(ctx, who.ID)
	if err != nil {
		return Invite{}, fmt.Errorf("loading the records: %w", err)
	}
	if barred := s.useless(snap, who); barred != nil {
		return Invite{}, s.refuse(ctx, d, barred)
	}
	settings := map[string]string{factor.LoneCode: "true"}
	maps.Copy(settings, s.cfg.Factors[s.cfg.Recovery].Settings)
	made, err := s.cfg.EnrollAs(ctx, s.cfg.Recovery, who.Subject, settings)
	if err == nil && (made.Record.Uses != 1 || made.Record.Pending) {
		err = errors.New("the factor made something else than one code")
	}
	if err != nil {
		return Invite{}, fmt.Errorf("making a code: %w", errors.Join(err, account.ErrUnavailable))
	}
	made.Record = made.Record.ForSupport(made.Record.Created.Add(d.Life))
	ev := s.cfg.Event(account.ActCode, who.Subject, d.Operator)
	ev.Factor, ev.Record, ev.Label = made.Record.Factor, made.Record.ID, made.Record.Label
	ev.Note, ev.Ticket = d.Reason, d.Ticket
	c := account.Change{Subject: who.ID, Version: snap.Version, Put: []account.Record{made.Record}, Events: []account.Event{ev}}
	for _, r := range snap.Records {
		if r.FromSupport(s.cfg.Recovery) {
			c.Delete = append(c.Delete, r.ID)
		}
	}
	return Invite{Code: made.Secret, Expires: made.Record.Expires}, s.cfg.Commit(ctx, c)
}

// useless says why a code would not help the person, if it would not.
func (s *Support) useless(snap account.Snapshot, who account.Facts) *bylaws.Refusal {
	switch {
	case s.cfg.Recovery == "":
		return &bylaws.Refusal{Sentence: "This daemon is not set up for codes from support.",
			Hint: `They need a [[factor]] with kind = "recovery", and ["recovery", "directory"] among the ways in.`}
	case who.Fitness != account.Fit:
		return &bylaws.Refusal{Sentence: fmt.Sprintf("A code would not help: the directory lets %s not sign in.", who.Name),
			Hint: "Look what it says: sallyport user NAME"}
	case len(records.ActiveOf(snap, s.cfg.Code, s.cfg.Now())) == 0:
		// Otherwise a code would be a reset without the care of one.
		return &bylaws.Refusal{Sentence: fmt.Sprintf("%s has no phone that a code could stand in for.", who.Name),
			Hint: "Look what is needed: sallyport user NAME"}
	default:
		return nil
	}
}
