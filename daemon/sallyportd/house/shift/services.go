package shift

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/sallyportd/ledger"
)

// over is a time that has been, whatever the clock says now: it may have been set
// back while the daemon did not run.
func (s *Shift) over(ctx context.Context) (time.Time, error) {
	swept, err := s.Store.Swept(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading when it was last: %w", err)
	}
	if swept.Before(s.Floor) {
		swept = s.Floor
	}
	return swept, nil
}

// allowed is what the policy allows somebody, as the page takes it.
func (s *Shift) allowed(who account.Subject, snap account.Snapshot) records.Leave {
	c := s.Engine.Leave(who)
	state := c.Line.At(c.Now)
	l := records.Leave{Why: c.Why(snap), Bridge: c.Open(snap) && s.bridged(), ByOperator: state == policy.Machine || state == policy.Exempt}
	if left := c.Line.Left(c.Now); left > 0 {
		l.Due, l.DaysLeft = c.Line.From, left
	}
	return l
}

// bridged tells whether some service takes the normal password of people whose
// first app password is not in use.
func (s *Shift) bridged() bool {
	return slices.ContainsFunc(s.Config.Services, func(from config.Service) bool { return len(from.Bridge.Factors) > 0 })
}

// ledger tells about everybody, as directory and policy are now.
func (s *Shift) ledger() ledger.Ledger {
	return ledger.Ledger{Directory: s.Directory, Store: s.Store, Policy: s.Config.Policy, Code: s.Roles.Code, App: s.Roles.App,
		Now: s.Clock.Now, Record: s.Bus.Record}
}
