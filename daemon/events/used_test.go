package events

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// TestUseIsNoTry: a sync that goes well is noted in its record, once a minute,
// and is no row on top; it is counted and logged like every check.
func TestUseIsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		ok := try(1)
		ok.Verdict, ok.Reason, ok.Record = factor.Accept, account.OK, "r1"
		for range 10 {
			b.Used(account.Record{ID: "r1"})
			b.Record(ok)
		}
		code := ok
		code.Record = "r2" // a code: its use is written with the verdict
		b.Record(code)
		stop := start(t, b)
		stop()
		if len(w.tries) != 1 || w.tries[0].Record != "r2" || len(w.used) != 1 || len(w.seen) != 11 {
			t.Errorf("tries %v, uses %v, counted %d", w.tries, w.used, len(w.seen))
		}
	})
}

// TestUsed: the last use of a record is written at most once a minute, and
// never with its payload.
func TestUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		stop := start(t, b)
		for range 130 { // a second apart
			b.Used(account.Record{ID: "r1", Payload: []byte("sealed"), LastAgent: "phone\n"})
			b.Used(account.Record{ID: "r2"})
			<-time.After(time.Second)
		}
		stop()
		n := map[string]int{}
		for _, r := range w.used {
			n[r.ID]++
			if r.Payload != nil || strings.Contains(r.LastAgent, "\n") {
				t.Errorf("%#v", r)
			}
		}
		if n["r1"] != 3 || n["r2"] != 3 {
			t.Errorf("written %v, want 3 in 130 s", n)
		}
	})
}
