package endtoend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// entry is what the ledger holds of one person: only what was acknowledged.
type entry struct {
	name string
	// source is where this person's programs are, so that none slows another.
	source string
	// code confirmed the set-up.
	code string
	// live and dead are app passwords that were made, and made and removed.
	live, dead []string
	// reset means that support reset the person, doubt that an act was under way
	// when the power went, which may have happened or not.
	reset bool
	doubt bool
}

type ledger struct {
	mu      sync.Mutex
	next    int
	entries []*entry
	made    atomic.Int64 // app passwords
}

// newcomer is somebody who has not been seen before.
func (l *ledger) newcomer() *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return &entry{name: fmt.Sprintf("u%06d", l.next), source: fmt.Sprintf("10.%d.%d.1", l.next/250, l.next%250)}
}

func (l *ledger) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

func (l *ledger) add(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

// TestNeverLosesWhatWasAcknowledged cuts the daemon's power at any moment, again and
// again, and compares what is left with a ledger of everything that was acknowledged:
// no enrollment, revocation or reset of it may be lost.
func TestNeverLosesWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	rounds := 20
	if n, err := strconv.Atoi(os.Getenv("SALLYPORT_KILLS")); err == nil {
		rounds = n
	}
	s := newSite(t, options{more: 40 * rounds})
	l := &ledger{}
	for round := range rounds {
		s.must("starting", s.start())
		before := len(l.entries)
		pids := s.pluginPIDs()
		// Any moment will do for one half; for the other, one after somebody was
		// told that they are set up, or have an app password, however slow the
		// machine is.
		acknowledged, made := 0, int64(0)
		switch round % 4 {
		case 0:
			acknowledged = before + 1
		case 2:
			made = l.made.Load() + 1
		}
		s.workUntilKilled(l, acknowledged, made)
		s.must("what is left after the kill", within(3*time.Second, func() error { return leftovers(s, pids) }))
		s.must("starting again", s.start())
		s.compare(l.entries[before:])
		if t.Failed() {
			t.Fatalf("in round %d of %d", round+1, rounds)
		}
		s.must("stopping", s.daemon.stop())
	}
	s.must("starting", s.start())
	s.compare(l.entries)
	var made, gone, resets int
	for _, e := range l.entries {
		made, gone = made+len(e.live)+len(e.dead), gone+len(e.dead)
		if e.reset {
			resets++
		}
	}
	t.Logf("%d kills; acknowledged: %d people set up, %d app passwords made, %d removed, %d resets", rounds, len(l.entries), made, gone, resets)
	if len(l.entries) < rounds/2 || made == 0 {
		t.Error("too little was acknowledged to prove anything")
	}
}

func (s *site) pluginPIDs() []int {
	st, err := s.admin().status()
	s.must("asking for the plugins", err)
	var pids []int
	for _, p := range st.Plugins {
		pids = append(pids, p.PID)
	}
	return pids
}

// workUntilKilled lets four people at a time do what they do, and waits until
// the ledger is so long at least, with so many app passwords.
func (s *site) workUntilKilled(l *ledger, acknowledged int, made int64) {
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				s.live(l)
			}
		})
	}
	<-time.After(time.Duration(100+rand.IntN(1200)) * time.Millisecond)
	slow := within(patience, func() error {
		if n := l.length(); n < acknowledged {
			return fmt.Errorf("%d people are set up, want %d", n, acknowledged)
		}
		if n := l.made.Load(); n < made {
			return fmt.Errorf("%d app passwords are made, want %d", n, made)
		}
		return nil
	})
	stop()
	s.daemon.kill()
	all.Wait()
	s.must("waiting for work to be done", slow)
}

// live is the life of one person; it ends at the first thing that fails, which
// is the kill.
func (s *site) live(l *ledger) {
	e, b := l.newcomer(), s.browser()
	p, err := s.enroll(b, e.name, "")
	if len(p.codes) == 0 {
		return // not acknowledged
	}
	e.code = p.used
	l.add(e)
	for _, label := range []string{"phone", "tablet"} {
		if err != nil {
			return
		}
		var secret string
		if secret, err = issue(b, label); err == nil {
			e.live = append(e.live, secret)
			l.made.Add(1)
		}
	}
	if err != nil {
		return
	}
	phone := e.live[0]
	e.live = e.live[1:]
	if err := remove(b, "phone"); err != nil {
		return
	}
	e.dead = append(e.dead, phone)
	if rand.IntN(2) == 0 {
		return
	}
	e.doubt = true
	a, err := s.admin().ask(request{method: "POST", path: "/v1/users/" + url.PathEscape(e.name) + "/reset",
		headers: []string{"Content-Type: application/json"}, body: `{"reason":"lost phone"}`})
	if err == nil && a.status == http.StatusOK {
		e.reset, e.doubt = true, false
	}
}

// compare asks the daemon about everything that the ledger holds.
func (s *site) compare(entries []*entry) {
	var all errgroup.Group
	all.SetLimit(16)
	for _, e := range entries {
		all.Go(func() error { return s.compareOne(e) })
	}
	if err := all.Wait(); err != nil {
		s.t.Error(err)
	}
}

func (s *site) compareOne(e *entry) error {
	if e.doubt {
		return nil
	}
	dead := e.dead
	if e.reset {
		dead = append(append([]string(nil), dead...), e.live...)
	}
	for _, secret := range dead {
		a, err := s.check().auth(login{name: e.name, password: secret, service: "dav", source: e.source}, false)
		if err != nil || a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests {
			return fmt.Errorf("%s: a revoked app password gets %d, %v", e.name, a.status, err)
		}
	}
	if !e.reset {
		for _, secret := range e.live {
			a, err := s.check().auth(login{name: e.name, password: secret, service: "dav", source: e.source}, false)
			if err := errors.Join(err, expectStatus(a, http.StatusNoContent)); err != nil {
				return fmt.Errorf("%s: an app password that was shown: %w", e.name, err)
			}
		}
	}
	a, err := s.check().verdict(login{name: e.name, password: e.name + "-password", service: "web", code: e.code})
	if err != nil || a.status == http.StatusOK {
		return fmt.Errorf("%s: the code of the set-up gets %d again, %v", e.name, a.status, err)
	}
	return s.compareState(e)
}

func (s *site) compareState(e *entry) error {
	a, err := s.admin().ask(request{method: "GET", path: "/v1/users/" + url.PathEscape(e.name)})
	if err != nil {
		return err
	}
	var person struct {
		InviteRequired bool                             `json:"invite_required"`
		Records        []struct{ Factor, State string } `json:"records"`
	}
	if err := json.Unmarshal([]byte(a.body), &person); err != nil {
		return fmt.Errorf("%s: %w in %s", e.name, err, a)
	}
	active := map[string]int{}
	for _, r := range person.Records {
		if r.State == "active" {
			active[r.Factor]++
		}
	}
	switch {
	case e.reset && (!person.InviteRequired || len(active) > 0):
		return fmt.Errorf("%s: the reset was lost: %s", e.name, a.body)
	case !e.reset && (active["totp"] != 1 || active["recovery"] != 1):
		return fmt.Errorf("%s: the set-up was lost: %s", e.name, a.body)
	}
	return nil
}
