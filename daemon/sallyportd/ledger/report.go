package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/leave"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	// lastTries is how many of a person's last tries are looked at: all that are kept.
	lastTries = 20
	// mostPrograms bounds how many programs a summary names.
	mostPrograms = 500
	// settled is for how long a program must not have sent the normal password while
	// an app password lets the same one in, until it has changed over: the person may
	// have another device with that program, and each syncs once a day.
	settled = 24 * time.Hour
)

// Report implements ledger.Source.
func (l Ledger) Report(ctx context.Context, operator string, tell func(ledger.Line) error) error {
	n, err := l.Directory.Count(ctx)
	if err != nil {
		return err
	}
	if err := l.noted(ctx, account.Event{Act: account.ActReport, Actor: operator}); err != nil {
		return err
	}
	if err := tell(ledger.Line{People: n}); err != nil {
		return err
	}
	s := tally{programs: map[string]*ledger.Program{}}
	err = l.Directory.Walk(ctx, func(f account.Facts) error {
		if f.ID == "" {
			s.People++
			s.Unreadable++
			return nil
		}
		p, err := l.person(ctx, f)
		if err != nil {
			return err
		}
		s.add(p)
		return tell(ledger.Line{Person: &p})
	})
	if err != nil {
		return err
	}
	summary := s.summary()
	return tell(ledger.Line{Summary: &summary})
}

// person joins what directory, policy and store know.
func (l Ledger) person(ctx context.Context, f account.Facts) (p ledger.Person, err error) {
	snap, err := l.Store.Load(ctx, f.ID)
	if err != nil {
		return p, err
	}
	tries, err := l.Store.Tries(ctx, f.ID, lastTries)
	if err != nil {
		return p, err
	}
	now, line := l.Now(), l.Policy.For(f.Subject)
	state := line.At(now)
	p = ledger.Person{ID: f.ID, Name: f.Name, DisplayName: f.DisplayName, Policy: string(state), Config: line.Config,
		Groups: []string{}, NormalPassword: []ledger.Program{}, MachineLike: machineLike(f, tries)}
	for _, g := range f.Groups {
		if policy.Fits(line.Groups, []string{g}) {
			p.Groups = append(p.Groups, g)
		}
	}
	if state == policy.Grace || state == policy.Required && !line.From.IsZero() {
		p.Due = line.From.UTC()
	}
	var apps []account.Record
	for _, r := range snap.Records {
		if r.Active(now) && r.Factor == l.Code {
			p.SecondFactor = true
		}
		if r.Active(now) && r.Factor == l.App {
			apps = append(apps, r)
		}
		p.LastSeen = later(p.LastSeen, r.LastUsed.UTC())
	}
	p.AppPasswords = len(apps)
	p.Blocked = !p.SecondFactor && (state == policy.Required || state == policy.Grace)
	for _, e := range tries {
		if e.Act == account.ActCheck && e.Verdict == factor.Accept {
			p.LastSeen = later(p.LastSeen, e.At.UTC())
		}
		if normalPassword(e) {
			p.NormalPassword = addProgram(p.NormalPassword, e)
		}
	}
	p.NormalPassword = slices.DeleteFunc(p.NormalPassword, func(prog ledger.Program) bool { return changedOver(prog, apps) })
	return p, nil
}

// changedOver tells whether an app password has let the program in for a day since it
// last sent the normal one. Without that word it stays on the list, with the day on
// which it was last seen: a device that is switched off has changed nothing.
func changedOver(prog ledger.Program, apps []account.Record) bool {
	return slices.ContainsFunc(apps, func(r account.Record) bool {
		return (len(r.Services) == 0 || slices.Contains(r.Services, prog.Service)) &&
			program(r.LastAgent) == program(prog.Agent) && r.LastUsed.Sub(prog.Last) >= settled
	})
}

// program is the name that a client gives itself, without its version.
func program(agent string) string {
	name, _, _ := strings.Cut(agent, "/")
	return name
}

// normalPassword tells the tries of programs that have no app password yet: those
// that were refused for that, and those that a bridge still lets in.
func normalPassword(e account.Event) bool {
	if e.Act != account.ActCheck || e.FrontEnd == frontEnd { // an operator is no program
		return false
	}
	return e.Reason == account.AppPasswordRequired || e.Verdict == factor.Accept && leave.IsBridge(e.Note)
}

func addProgram(all []ledger.Program, e account.Event) []ledger.Program {
	n := max(1, e.Count)
	for i := range all {
		if p := &all[i]; p.Service == e.Service && p.Agent == e.Agent {
			p.Tries += n
			p.Last = later(p.Last, e.At.UTC())
			return all
		}
	}
	return append(all, ledger.Program{Service: e.Service, Agent: e.Agent, Tries: n, Last: e.At.UTC()})
}

// tally adds up.
type tally struct {
	ledger.Summary
	programs map[string]*ledger.Program
}

func (s *tally) add(p ledger.Person) {
	s.People++
	rest := &s.NotYet
	switch policy.State(p.Policy) {
	case policy.Grace:
		s.PolicyGrace++
		rest = &s.InGrace
	case policy.Exempt:
		s.PolicyExempt++
		rest = &s.Exempt
	case policy.Machine:
		s.PolicyMachine++
		rest = &s.Machines
	default:
		s.PolicyRequired++
	}
	if p.SecondFactor {
		rest = &s.Enrolled
	}
	*rest++
	for counter, counts := range map[*int]bool{&s.WithAppPasswords: p.AppPasswords > 0, &s.Blocked: p.Blocked,
		&s.OnNormalPassword: len(p.NormalPassword) > 0, &s.MachineLike: len(p.MachineLike) > 0} {
		if counts {
			*counter++
		}
	}
	mine := map[string]bool{}
	for _, prog := range p.NormalPassword {
		s.program(prog, mine)
	}
}

// program counts a program without its version, and once a person.
func (s *tally) program(p ledger.Program, mine map[string]bool) {
	p.Agent = program(p.Agent)
	key := p.Service + "\x00" + p.Agent
	if s.programs[key] == nil && len(s.programs) >= mostPrograms {
		p.Agent, key = "others", "\x00"
	}
	known := s.programs[key]
	if known == nil {
		known = &ledger.Program{Service: p.Service, Agent: p.Agent}
		s.programs[key] = known
	}
	known.Tries += p.Tries
	known.Last = later(known.Last, p.Last)
	if !mine[key] {
		mine[key] = true
		known.People++
	}
}

func (s *tally) summary() ledger.Summary {
	out := s.Summary
	out.Programs = []ledger.Program{}
	for p := range maps.Values(s.programs) {
		out.Programs = append(out.Programs, *p)
	}
	slices.SortFunc(out.Programs, func(a, b ledger.Program) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Agent, b.Agent))
	})
	return out
}
