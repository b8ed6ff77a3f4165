package support

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/plugins/factor"
)

// verb is one thing that an order can ask for.
type verb struct {
	act account.Act
	// word is how operators call it.
	word string
	// opens says that it could let its operator in where it is their own account.
	opens bool
	// most is how often an operator may, in an hour.
	most func(bylaws.Rules) int
}

const (
	// usually is how often an operator may where nobody has said.
	usually = 20
	window  = time.Hour
)

func unbounded(bylaws.Rules) int { return 0 }

func verbs(act account.Act) verb {
	v := verb{act: act, most: unbounded}
	switch act {
	case account.ActReset:
		v.word, v.opens, v.most = "reset", true, func(r bylaws.Rules) int { return or(r.ResetsPerHour, usually) }
	case account.ActCode:
		v.word, v.opens, v.most = "code", true, func(r bylaws.Rules) int { return or(r.CodesPerHour, usually) }
	case account.ActUnlock:
		v.word, v.opens = "unlock", true
	case account.ActIssue:
		v.word, v.opens = "app password", true
	case account.ActRevoke:
		v.word = "revocation"
	default:
		v.word = "end of sessions"
	}
	return v
}

func or(n, instead int) int {
	if n == 0 {
		return instead
	}
	return n
}

// deed is an order on its way to being carried out.
type deed struct {
	verb
	Order
	who account.Facts
}

// admit finds the person of an order, and refuses what the rules do not allow. A
// refusal is audited like what it refuses.
func (s *Support) admit(ctx context.Context, act account.Act, o Order) (deed, error) {
	if err := o.checked(); err != nil {
		return deed{}, err
	}
	facts, err := s.find(ctx, o.Name)
	if err != nil {
		return deed{}, err
	}
	d := deed{verb: verbs(act), Order: o, who: facts}
	barred, err := s.bars(ctx, d)
	if err != nil {
		return deed{}, err
	}
	if barred != nil {
		return deed{}, s.refuse(ctx, d, barred)
	}
	return d, nil
}

// bars says what stands against the order, if anything does.
func (s *Support) bars(ctx context.Context, d deed) (*bylaws.Refusal, error) {
	rules, o, who := s.cfg.Rules, d.Order, d.who
	switch {
	case rules.TicketRequired && strings.TrimSpace(o.Ticket) == "":
		return &bylaws.Refusal{Sentence: "A ticket number is compulsory here.", Hint: "Add it: --ticket NUMBER", Mendable: true}, nil
	case o.Ticket != "" && rules.TicketPattern != nil && rules.TicketPattern.FindString(o.Ticket) != o.Ticket:
		return &bylaws.Refusal{Sentence: "This is no ticket number.", Mendable: true,
			Hint: "It must look like " + rules.TicketPattern.String() + ", as ticket_pattern in the config says."}, nil
	}
	if !o.Full && len(rules.Protected) > 0 {
		if strings.HasPrefix(o.Name, byID) {
			return &bylaws.Refusal{Sentence: "Only operators may name a person by id: nobody can see whether a protected group is theirs.",
				Hint: "Give the login, or ask an operator."}, nil
		}
		for _, g := range who.Groups {
			if slices.ContainsFunc(rules.Protected, func(p string) bool { return strings.EqualFold(p, g) }) {
				return &bylaws.Refusal{Sentence: fmt.Sprintf("%s is in %s, a group that only operators may touch.", who.Name, g),
					Hint: "Ask an operator. The groups are protected_groups in the config."}, nil
			}
		}
	}
	if !d.opens || o.Full && rules.OperatorsOwn {
		return nil, nil
	}
	if o.Login == "" && !o.Full {
		return &bylaws.Refusal{Sentence: "Nobody can see whether this is your own account: your uid has no login on this machine.",
			Hint: "Ask whoever runs the machine for a login, or ask an operator."}, nil
	}
	own, err := s.own(ctx, o, who.Subject)
	if err != nil || !own {
		return nil, err
	}
	return &bylaws.Refusal{Sentence: "This is your own account, and nobody does that for themselves.",
		Hint: "Ask a colleague, who identifies you like anybody else."}, nil
}

// own tells whether the person is the operator: by the login as it is written,
// and by what the directory finds under it, where the names differ.
func (s *Support) own(ctx context.Context, o Order, who account.Subject) (bool, error) {
	if o.Login == "" {
		return false, nil // an operator without a login here, as in a container
	}
	if strings.EqualFold(o.Login, who.Name) || strings.EqualFold(o.Login, o.Name) {
		return true, nil
	}
	me, err := s.cfg.Directory.Find(ctx, o.Login)
	switch {
	case err == nil:
		return me.ID == who.ID, nil
	case errors.Is(err, account.ErrNotFound):
		return false, nil // an account of this machine only
	case o.Full:
		// While the directory is away operators go on, by id or by a name of which
		// it has told lately: a stolen phone cannot wait.
		return false, nil
	default:
		return false, fmt.Errorf("finding out whether the operator is the person: %w", err)
	}
}

// counted carries out what an operator may do only so often. The count is durable
// and made first; what failed is taken back.
func (s *Support) counted(ctx context.Context, d deed, do func() error) error {
	now, most := s.cfg.Now(), d.most(s.cfg.Rules)
	number, wait, err := s.cfg.Store.Fail(ctx, account.Try{
		// A bucket holds no clear name.
		Bucket: fmt.Sprintf("desk:%s:%x", d.act, s.cfg.MAC("pseudonym", []byte("operator\x00"+d.Operator))[:16]),
		At:     now, Since: now.Add(-window),
		Allow: func(earlier []time.Time) time.Duration {
			// What a clock that was wrong put into the future is none of them.
			held := slices.DeleteFunc(slices.Clone(earlier), func(at time.Time) bool {
				return !at.After(now.Add(-window)) || at.After(now.Add(time.Minute))
			})
			if len(held) < most {
				return 0
			}
			return max(time.Second, held[len(held)-most].Add(window).Sub(now))
		},
	})
	if err != nil {
		return fmt.Errorf("counting what an operator does: %w", err)
	}
	if wait > 0 {
		return s.refuse(ctx, d, &bylaws.Refusal{
			Sentence:   fmt.Sprintf("You have reached the limit of %d in an hour for this (%s).", most, d.word),
			Hint:       "Wait, or ask a colleague. The limits are resets_per_hour and codes_per_hour in the config.",
			RetryAfter: wait,
		})
	}
	if err = do(); err != nil {
		back := account.Change{Subject: d.who.ID, Version: -1, Refund: []int64{number}}
		return errors.Join(err, s.cfg.Commit(context.WithoutCancel(ctx), back))
	}
	return nil
}

// refuse audits a refusal and returns it.
func (s *Support) refuse(ctx context.Context, d deed, barred *bylaws.Refusal) error {
	ev := s.cfg.Event(account.ActRefuse, d.who.Subject, d.Operator)
	ev.Verdict, ev.Reason = factor.Deny, account.NotAllowed
	if barred.RetryAfter > 0 {
		ev.Reason = account.Throttled
	}
	ev.Label, ev.Ticket = d.word, d.Ticket
	ev.Note = barred.Sentence + " Their reason: " + strings.TrimSpace(d.Reason)
	if err := s.cfg.Commit(context.WithoutCancel(ctx), account.Change{Subject: d.who.ID, Version: -1, Events: []account.Event{ev}}); err != nil {
		return fmt.Errorf("auditing a refusal: %w", err)
	}
	return barred
}
