package metrics

import (
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// seenFor is for how long somebody counts after their last try.
	seenFor = 24 * time.Hour
	// maxSeen bounds the memory, to about 20 MB.
	maxSeen = 100_000
	// bridged are those who were let in over a bridge, whatever else they are.
	bridged = "bridge"
)

// states are what the policy can say of somebody, and who is on a bridge.
func states() []string { return []string{"required", "grace", "exempt", "machine", bridged} }

// leaves are why somebody was let in without a second factor.
func leaves() []string { return []string{"grace", "exempt", bridged} }

// muster remembers who tried to log in lately, and what the policy said of them.
// Nobody knows of those who have not: they are in the directory alone.
type muster struct {
	mu   sync.Mutex
	seen map[account.ID]seen
}

type seen struct {
	state        string
	at, bridgeAt time.Time
}

func (m *muster) note(e account.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, there := m.seen[e.Subject]
	if !there && len(m.seen) >= maxSeen {
		return
	}
	s.state, s.at = among(states(), e.Owes), e.At
	if e.Leave == bridged {
		s.bridgeAt = e.At
	}
	m.seen[e.Subject] = s
}

// count forgets who has been away for long, and counts the others by state.
func (m *muster) count(now time.Time) map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	counted := map[string]int{}
	for id, s := range m.seen {
		if now.Sub(s.at) >= seenFor {
			delete(m.seen, id)
			continue
		}
		counted[s.state]++
		if now.Sub(s.bridgeAt) < seenFor {
			counted[bridged]++
		}
	}
	return counted
}

// Muster counts who tried to log in during the last day, by what the policy said
// of them at their last try, and who of them was let in over a bridge; the
// gauges show the same.
func (m *Metrics) Muster(now time.Time) map[string]int {
	counted := m.muster.count(now)
	for _, s := range states() {
		m.policy.WithLabelValues(s).Set(float64(counted[s]))
	}
	return counted
}
