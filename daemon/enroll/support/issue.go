package support

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// Issue makes an app password for somebody who has no second factor to make it
// with: a machine, or whom the policy exempts. Everybody else makes their own, so
// that no operator ever knows it: that is a Refusal with account.NotAllowed.
func (s *Support) Issue(ctx context.Context, o Order, w records.Wish) (records.Made, error) {
	d, err := s.admit(ctx, account.ActIssue, o)
	if err != nil {
		return records.Made{}, err
	}
	if w, err = s.cfg.Complete(w); err != nil {
		return records.Made{}, err
	}
	facts := d.who
	var made records.Made
	err = records.Retry(func() error {
		snap, err := s.cfg.Store.Load(ctx, facts.ID, s.cfg.App)
		if err != nil {
			return fmt.Errorf("loading the records: %w", err)
		}
		if !s.cfg.LeaveOf(facts.Subject, snap).ByOperator {
			return &records.Refusal{Reason: account.NotAllowed}
		}
		var c account.Change
		if made, c, err = s.cfg.Issue(ctx, facts.Subject, snap, w); err != nil {
			return err
		}
		for i := range c.Events {
			c.Events[i].Actor, c.Events[i].Note, c.Events[i].Ticket = o.Operator, o.Reason, o.Ticket
		}
		return s.cfg.Commit(ctx, c)
	})
	if err != nil {
		return records.Made{}, err
	}
	return made, nil
}
