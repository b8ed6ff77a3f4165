package rollout

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// story is the roll-out, as far as it has come.
type story struct {
	*site
	all    []*person
	ledger *ledger
	// rooms is for how many people set up at the same time.
	rooms chan struct{}
}

// TestTenThousand is the roll-out from beginning to end. Each chapter goes on
// where the one before has left people; the first that fails is the last.
func TestTenThousand(t *testing.T) {
	st := &story{site: newSite(t, everybody()-4-len(named())), ledger: newLedger(), rooms: make(chan struct{}, 8)}
	st.people()
	begun := time.Now()
	for _, chapter := range []struct {
		name string
		tell func(*story)
	}{
		{"before", (*story).before},
		{"older system", (*story).older},
		{"dry run", (*story).dryRun},
		{"grace", (*story).grace},
		{"bridge", (*story).bridge},
		{"deadline", (*story).deadline},
		{"the morning after", (*story).morning},
		{"ledger", (*story).accounts},
	} {
		since, ours, theirs := time.Now(), spent(), st.cpu()
		ok := t.Run(chapter.name, func(t *testing.T) {
			was := st.t
			st.t = t
			defer func() { st.t = was }()
			chapter.tell(st)
		})
		t.Logf("%-12s %6.1f s; processor: the test %5.1f s, the daemon %5.1f s", chapter.name,
			time.Since(since).Seconds(), (spent() - ours).Seconds(), (st.cpu() - theirs).Seconds())
		if !ok {
			t.FailNow()
		}
	}
	st.handbook()
	log, err := os.Stat(st.path("daemon.log"))
	st.must("looking at the log", err)
	t.Logf("all in all %.1f s; %d questions; the daemon took %.1f s of processor time and %d MiB at most, and wrote %d MiB of log",
		time.Since(begun).Seconds(), st.ledger.questions(), st.cpu().Seconds(), st.peak(), log.Size()>>20)
}

func spent() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func (s *site) cpu() time.Duration {
	if s.daemon == nil {
		return s.spent
	}
	return s.spent + s.used()
}

// each has something done for each of these people, many at a time.
func (st *story) each(some []*person, do func(*person) error) {
	st.t.Helper()
	var all errgroup.Group
	all.SetLimit(atOnce)
	var mu sync.Mutex
	var wrong []string
	for _, p := range some {
		all.Go(func() error {
			if err := do(p); err != nil {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, fmt.Sprintf("%s (%s, %s): %v", p.name, p.group, p.address, err))
			}
			return nil
		})
	}
	_ = all.Wait()
	if len(wrong) > 0 {
		st.t.Errorf("%d of %d people are not treated as they should:\n%s", len(wrong), len(some), strings.Join(wrong[:min(10, len(wrong))], "\n"))
	}
}

// expect asks, and wants this answer: a verdict, a reason and the leave.
func (st *story) expect(q question, want string) error {
	a, err := st.ask(q)
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(a.String()); got != want {
		return fmt.Errorf("%s over %s: %s, want %s", q.service, q.wire, got, want)
	}
	return nil
}

func (p *person) web(code string) question {
	return question{wire: "check", service: "web", name: p.name, password: p.password, code: code, address: p.address, agent: "Firefox/140.0"}
}

func (p *person) dav(password string) question { return p.over("auth", password) }

// over is a calendar program in front of a server that asks over this wire.
func (p *person) over(wire, password string) question {
	return question{wire: wire, service: "dav", name: p.name, password: password, address: p.address, agent: "DAVx5/4.5"}
}
