package rollout

import (
	"maps"
	"sync"
)

// ledger is what the story was told, to be held against what the daemon reports.
type ledger struct {
	mu sync.Mutex
	// checks are answers by service, front end and verdict, leaves the logins
	// without a second factor by what they were let in for.
	checks map[check]int
	before int // answers of daemons that have ended
	leaves map[string]int
	// acts are what stands in the audit.
	acts map[string]int
	// normal are who sent the normal password where an app password is wanted, by
	// service and program.
	normal map[program]map[string]bool
}

type check struct{ service, frontEnd, verdict string }

type program struct{ service, agent string }

func newLedger() *ledger {
	return &ledger{checks: map[check]int{}, leaves: map[string]int{}, acts: map[string]int{}, normal: map[program]map[string]bool{}}
}

func (l *ledger) answered(q question, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	frontEnd, agent := q.wire, ""
	if q.wire == "check" || q.wire == "auth" {
		frontEnd, agent = "http", q.program()
	}
	l.checks[check{q.service, frontEnd, a.verdict}]++
	if a.leave == "" && q.wire != "check" && q.service == "web" && a.verdict == "accept" {
		a.leave = "exempt" // there is no word for it, and nobody else gets in without a code
	}
	if a.leave != "" {
		l.leaves[a.leave]++
	}
	if a.reason == "app_password_required" || a.leave == "bridge" {
		who := program{q.service, agent}
		if l.normal[who] == nil {
			l.normal[who] = map[string]bool{}
		}
		l.normal[who][q.name] = true
	}
}

// sofar are the answers since the daemon's start, as they are now.
func (l *ledger) sofar() map[check]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.checks)
}

// did enters acts of which the audit has an event each.
func (l *ledger) did(act string, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acts[act] += times
}

func (l *ledger) questions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.before
	for c := range maps.Values(l.checks) {
		n += c
	}
	return n
}

// onNormalPassword is how many people's programs sent the normal password, and how
// many of each program.
func (l *ledger) onNormalPassword() (people int, programs map[program]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]bool{}
	programs = map[program]int{}
	for which, names := range l.normal {
		maps.Copy(all, names)
		programs[which] = len(names)
	}
	return len(all), programs
}

// closed begins to count answers anew, as the daemon does.
func (l *ledger) closed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range maps.Values(l.checks) {
		l.before += c
	}
	clear(l.checks)
	clear(l.leaves)
}
