package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// did writes so many events.
func (s *scene) did(n int) {
	s.t.Helper()
	for range n {
		s.must(s.store.Commit(s.t.Context(), account.Change{Version: -1, Events: []account.Event{{At: time.Now(), Act: account.ActReset, Name: "alice"}}}))
	}
}

// kept is a scene with a revocation journal, and so with anchors beside it.
func kept(t *testing.T) *scene {
	s := newScene(t)
	s.must(s.Close())
	s.cfg.Journal = filepath.Join(s.cfg.State, "journal")
	s.open()
	s.behind("CREATE TABLE kept AS SELECT * FROM head WHERE 0")
	return s
}

// An audit that was put back to what it was an hour ago is whole, to the row. What
// was noted of it meanwhile finds that: at the next start, by an alarm in the audit,
// and whenever it is verified, by what lies beside the revocation journal or by the
// log alone.
func TestAnchorsFindAnAuditThatWasPutBack(t *testing.T) {
	s := kept(t)
	s.did(3)
	s.behind("INSERT INTO kept SELECT * FROM head")
	s.did(4)
	s.anchors.Begin(t.Context())
	s.did(1)
	s.anchors.Look(t.Context(), 8)
	s.anchors.Look(t.Context(), 8) // nothing has moved
	if n := strings.Count(s.log.String(), "audit anchor"); n != 2 {
		t.Fatalf("%d anchors in the log", n)
	}
	log := s.log.String()
	if strings.Contains(log, "alice") {
		t.Error("an anchor names somebody")
	}
	if r, err := s.VerifyAudit(t.Context(), log); err != nil || !r.OK || r.Anchors != 4 || r.AnchoredEvent != 8 || time.Since(r.AnchoredAt) > time.Minute {
		t.Errorf("as it was: %+v, %v", r, err)
	}
	const back = "DELETE FROM event WHERE seq > 3; DELETE FROM head; INSERT INTO head SELECT * FROM kept"
	s.restart(back)
	if s.log.String() == log {
		t.Error("nothing is noted at the end of the daemon")
	}
	if r, err := s.VerifyAudit(t.Context(), ""); err != nil || r.OK || !strings.Contains(r.Problem, "event 4: it is missing") {
		t.Errorf("put back: %+v, %v", r, err)
	}
	s.anchors.Begin(t.Context())
	within(t, func() bool {
		last, err := s.store.Events(t.Context(), 3, 10)
		s.must(err)
		return len(last) == 1 && last[0].Act == account.ActAlarm && strings.Contains(last[0].Note, "the audit does not fit what was noted")
	})
	// The file beside the journal goes, too, and the audit grows past where it was.
	s.must(os.Remove(filepath.Join(s.cfg.Journal, "anchors")))
	s.did(9)
	s.anchors.Look(t.Context(), 13)
	if r, err := s.VerifyAudit(t.Context(), ""); err != nil || !r.OK || r.Anchors != 1 {
		t.Errorf("without what was noted: %+v, %v", r, err)
	}
	if r, err := s.VerifyAudit(t.Context(), log); err != nil || r.OK || !strings.Contains(r.Problem, "event 7: it is not the one that was there") {
		t.Errorf("with an old log: %+v, %v", r, err)
	}
}

// Notes are no events: whatever tells when something was last audited stays right,
// and an audit with which nothing is wrong sets off no alarm at the next start.
func TestAnchorsAreNoEvents(t *testing.T) {
	s := kept(t)
	s.anchors.Begin(t.Context()) // there is nothing to note
	s.did(2)
	for range 3 {
		s.anchors.Look(t.Context(), 2)
		s.restart("SELECT 1")
		s.anchors.Begin(t.Context())
		s.census(t.Context())
	}
	c, err := s.store.Census(t.Context())
	s.must(err)
	if c.AuditHead != 2 || strings.Contains(s.log.String(), "alarm") {
		t.Errorf("the audit ends with %d, the log says\n%s", c.AuditHead, s.log.String())
	}
	if r, err := s.VerifyAudit(t.Context(), ""); err != nil || !r.OK || r.Anchors < 6 {
		t.Errorf("%+v, %v", r, err)
	}
}

// within waits for something that comes by itself.
func within(t *testing.T, there func() bool) {
	t.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !there() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it does not come")
		}
	}
}
