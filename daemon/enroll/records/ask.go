package records

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Owner is the person whose records change, as their session and their records
// are at that moment.
type Owner struct {
	Subject  account.Subject
	Snapshot account.Snapshot
	// Address is where they signed in from, or empty.
	Address string
}

// Did starts an audit entry about what the owner does.
func (c *Config) Did(act account.Act, o Owner) account.Event {
	ev := c.Event(act, o.Subject, "user")
	ev.Address = o.Address
	return ev
}

// Fits tells whether the whole input has the factor's shape. What does not fit is
// never shown to the plugin.
func (f Factor) Fits(input account.Secret) bool {
	ok, err := regexp.MatchString("^(?:"+f.Info.Shape+")$", input.Reveal())
	return ok && err == nil
}

// Ask asks for which of the records, all of one factor, the code is good, and
// returns that record as it must be written before anything follows from it. A
// Refusal says that it is good for none.
func (c *Config) Ask(ctx context.Context, among []account.Record, code account.Secret) (account.Record, *Refusal, error) {
	kind, now := among[0].Factor, c.Now()
	req := factor.Request{Input: code.Reveal(), Now: now}
	for _, r := range among {
		req.Records = append(req.Records, factor.Record{ID: r.ID, Format: r.Format, Payload: r.Payload})
	}
	res, err := c.Factors[kind].Plugin.Verify(ctx, req)
	if err != nil || res.Verdict != factor.Accept && res.Verdict != factor.Deny {
		return account.Record{}, nil, fmt.Errorf("asking factor %s: %w", kind, errors.Join(err, account.ErrUnavailable))
	}
	if res.Verdict == factor.Deny {
		no := &Refusal{Reason: account.CodeWrong, Drift: res.Drift}
		if res.Reason == factor.Used {
			no = &Refusal{Reason: account.CodeUsed}
		}
		return account.Record{}, no, nil
	}
	at := slices.IndexFunc(among, func(r account.Record) bool { return r.ID == res.Record })
	if at < 0 || len(res.Payload) == 0 || len(res.Payload) > factor.MaxPayload {
		// Without a new payload the code would be good for a second time.
		return account.Record{}, nil, fmt.Errorf("factor %s answered out of bounds: %w", kind, account.ErrUnavailable)
	}
	r := among[at]
	r.Payload, r.Format, r.LastUsed = res.Payload, res.Format, now
	if r.Uses > 0 { // a plugin may only count down
		r.Uses = max(0, min(res.Uses, r.Uses-1))
	}
	return r, nil, nil
}

// TurnAway refuses a code, and tells of it as of a refused login: it may be
// somebody who has the password and guesses. What is audited has cost a counted
// try each, and so cannot fill the audit; a wait only comes to the log and the
// last tries, which bound themselves.
func (c *Config) TurnAway(ctx context.Context, ev account.Event, no *Refusal) error {
	ev.FrontEnd, ev.Verdict, ev.Reason = "page", factor.Deny, no.Reason
	if no.Reason == account.Throttled {
		c.Journal.Record(ev)
		return no
	}
	ch := account.Change{Subject: ev.Subject, Version: -1, Events: []account.Event{ev}}
	if err := c.Commit(context.WithoutCancel(ctx), ch); err != nil {
		return fmt.Errorf("auditing a code that was refused: %w", err)
	}
	return no
}

// Sheet puts a new sheet of emergency codes into the change, in the place of any
// other, and returns what is shown of it once.
func (c *Config) Sheet(ctx context.Context, o Owner, ch *account.Change) ([]account.Secret, error) {
	made, err := c.Enroll(ctx, c.Recovery, o.Subject)
	if err != nil {
		return nil, err
	}
	ev := c.Did(account.ActIssue, o)
	ev.Factor, ev.Record = made.Record.Factor, made.Record.ID
	ch.Put, ch.Events = append(ch.Put, made.Record), append(ch.Events, ev)
	for _, r := range o.Snapshot.Records {
		if r.Factor == c.Recovery && !r.FromSupport(c.Recovery) {
			ch.Delete = append(ch.Delete, r.ID)
		}
	}
	var codes []account.Secret
	for line := range strings.Lines(made.Secret.Reveal()) {
		codes = append(codes, account.Secret(strings.TrimSuffix(line, "\n")))
	}
	return codes, nil
}
