package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// world is everything around a Bus.
type world struct {
	mu     sync.Mutex
	out    bytes.Buffer
	seen   []account.Event
	lost   map[string]int
	tries  []account.Event
	used   []account.Record
	audit  []account.Event
	broken error         // what the journal answers
	gate   chan struct{} // if set, the journal waits for it
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *world) Observe(e account.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, e)
}

func (w *world) Lost(what string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost[what] += n
}

func (w *world) wait(ctx context.Context) error {
	if w.gate == nil {
		return nil
	}
	select {
	case <-w.gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *world) Log(ctx context.Context, tries []account.Event, used []account.Record) error {
	if err := w.wait(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	w.tries = append(w.tries, tries...)
	w.used = append(w.used, used...)
	return nil
}

func (w *world) Events(_ context.Context, after int64, limit int) ([]account.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []account.Event
	for _, e := range w.audit {
		if e.Seq > after && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (w *world) Commit(ctx context.Context, c account.Change) error {
	if err := w.wait(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	for _, e := range c.Events {
		e.Seq = int64(len(w.audit)) + 1
		w.audit = append(w.audit, e)
	}
	return nil
}

func (w *world) audited() []account.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.audit)
}

func (w *world) set(broken error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = broken
}

func (w *world) lines(t *testing.T) []map[string]any {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []map[string]any
	for l := range bytes.Lines(w.out.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(l, &m); err != nil {
			t.Fatalf("%q is not one JSON object: %v", l, err)
		}
		out = append(out, m)
	}
	return out
}

func newWorld() (*world, *Bus) { return newWorldWith(Config{}) }

func newWorldWith(cfg Config) (*world, *Bus) {
	w := &world{lost: map[string]int{}}
	cfg.Log = slog.New(slog.NewJSONHandler(w, nil))
	cfg.Counters, cfg.Journal = w, w
	cfg.Pseudonym = func(id account.ID) string { return fmt.Sprintf("p%d", len(id)) }
	cfg.Now = time.Now
	return w, New(cfg)
}

// start runs the bus until stop is called, which waits for its end.
func start(t *testing.T, b *Bus) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	return func() { cancel(); <-done }
}

func try(i int) account.Event {
	return account.Event{
		Act: account.ActCheck, Subject: account.ID(strings.Repeat("x", i%50+1)), Name: fmt.Sprintf("clear-name-%d", i), Actor: "user",
		Service: fmt.Sprintf("s%d", i), FrontEnd: "http", Verdict: factor.Deny, Reason: account.CodeWrong, Address: "192.0.2.7", Took: 1500 * time.Microsecond,
	}
}

// TestOnce: what many goroutines record arrives in counters, log and store
// exactly once each.
func TestOnce(t *testing.T) {
	w, b := newWorld()
	stop := start(t, b)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				b.Record(try(g*200 + i))
			}
		})
	}
	all.Wait()
	stop()
	if len(w.seen) != 1600 || len(w.tries) != 1600 || len(w.lines(t)) != 1600 || len(w.lost) != 0 {
		t.Errorf("counted %d, kept %d, logged %d, lost %v; want 1600 each", len(w.seen), len(w.tries), len(w.lines(t)), w.lost)
	}
}

// TestAuditedElsewhere: an act that the store has audited with its change is
// counted and logged, and not written a second time.
func TestAuditedElsewhere(t *testing.T) {
	w, b := newWorld()
	stop := start(t, b)
	for _, a := range []account.Act{account.ActEnroll, account.ActIssue, account.ActRevoke, account.ActReset, account.ActUnlock, account.ActSignOut} {
		b.Record(account.Event{Act: a, Subject: "s", Name: "alice", Actor: "bert(1000)", Note: "note of the operator"})
	}
	// Two app passwords made in one go are two lines.
	b.Record(account.Event{Act: account.ActIssue, Subject: "s", Name: "alice", Factor: "app-password", Record: "r1"})
	b.Record(account.Event{Act: account.ActIssue, Subject: "s", Name: "alice", Factor: "app-password", Record: "r2"})
	stop()
	if len(w.tries) != 0 || len(w.audit) != 0 || len(w.seen) != 8 || len(w.lines(t)) != 8 {
		t.Errorf("tries %v, audit %v, counted %d, lines %d", w.tries, w.audit, len(w.seen), len(w.lines(t)))
	}
}

// TestLine shows the whole of a log line: no clear name, no way to forge one.
func TestLine(t *testing.T) {
	w, b := newWorld()
	e := try(3)
	e.Name = "alice"
	e.Service = "dav\n{\"level\":\"INFO\",\"verdict\":\"accept\"}\x1b[2J\u202e"
	e.FrontEnd = strings.Repeat("ü", 1000)
	e.Agent = "secret agent"
	e.Peer = "radicale(990)"
	b.Record(e)
	lines := w.lines(t)
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	got := lines[0]
	for k, want := range map[string]any{"msg": "check", "level": "INFO", "verdict": "deny", "reason": "code_wrong", "subject": "p4", "source": "192.0.2.7", "peer": "radicale(990)", "took_ms": 1.5} {
		if got[k] != want {
			t.Errorf("%s is %v, want %v", k, got[k], want)
		}
	}
	if n := len(got["front_end"].(string)); n > maxText || n < maxText-3 {
		t.Errorf("front end has %d bytes", n)
	}
	for _, bad := range []string{"alice", "clear-name", "agent", "\x1b", "\u202e"} {
		if strings.Contains(w.out.String(), bad) {
			t.Errorf("%q is in the log: %s", bad, w.out.String())
		}
	}
	if strings.ContainsAny(got["service"].(string), "\n\x1b\u202e") {
		t.Errorf("service: %q", got["service"])
	}
}

func TestLevels(t *testing.T) {
	w, b := newWorld()
	b.Record(account.Event{Act: account.ActAlarm, Note: "row copied"})
	b.Record(account.Event{Act: account.ActCheck, Verdict: factor.Unavailable, Reason: account.StoreUnavailable})
	b.Record(account.Event{Act: account.ActCheck, Verdict: factor.Accept, Reason: account.OK})
	lines := w.lines(t)
	if lines[0]["level"] != "ERROR" || lines[0]["note"] != "row copied" || lines[1]["level"] != "WARN" || lines[2]["level"] != "INFO" {
		t.Error(lines)
	}
}

// TestFlood: a million alike refusals make a handful of lines, and the rest is
// counted, in the metrics and in a line that sums up.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		stop := start(t, b)
		e := try(1)
		for range 100_000 {
			b.Record(e)
		}
		if n := len(w.lines(t)); n != 1 {
			t.Errorf("%d lines", n)
		}
		<-time.After(window + 2*flushEvery)
		stop()
		if w.lost["log_lines"] != 99_999 || len(w.seen) != 100_000 {
			t.Errorf("lost %v, counted %d", w.lost, len(w.seen))
		}
		var sum float64
		for _, l := range w.lines(t) {
			if l["msg"] == "repeated lines left out" {
				sum += l["lines"].(float64)
			}
		}
		if sum != 99_999 {
			t.Errorf("the summing lines tell of %v", sum)
		}
	})
}

// TestFloodOfNames: a flood that changes its source with every try is bounded
// as well.
func TestFloodOfNames(t *testing.T) {
	w, b := newWorld()
	for i := range 50_000 {
		e := try(1)
		e.Address = fmt.Sprint("source ", i)
		b.Record(e)
	}
	if n := len(w.lines(t)); n > maxLines || w.lost["log_lines"] != 50_000-n {
		t.Errorf("%d lines, lost %v", n, w.lost)
	}
	n := len(w.lines(t))
	b.report()
	if all := w.lines(t); len(all) != n+1 || all[n]["lines"] != float64(50_000-n) {
		t.Errorf("the summing lines are %v", all[n:])
	}
}

// TestFloodHidesNoAlarm: whoever floods the log with tries from everywhere does
// not hide what the operator must see.
func TestFloodHidesNoAlarm(t *testing.T) {
	w, b := newWorld()
	for i := range 2 * maxLines {
		e := try(1)
		e.Address = fmt.Sprint("source ", i)
		b.Record(e)
	}
	n := len(w.lines(t))
	b.Record(account.Event{Act: account.ActAlarm, Actor: "daemon", Note: "a plugin lied"})
	b.Record(account.Event{Act: account.ActReset, Actor: "desk(1000)", Subject: "id", Reason: account.OK})
	if all := w.lines(t); len(all) != n+2 || all[n]["msg"] != "alarm" || all[n+1]["msg"] != "reset" {
		t.Errorf("after the flood the log says %v", all[n:])
	}
}

// TestNeverBlocks: a store that hangs stops nobody; what the queue cannot hold
// is dropped and counted.
func TestNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		w.gate = make(chan struct{})
		stop := start(t, b)
		for i := range maxQueue + 1000 {
			b.Record(try(i))
		}
		close(w.gate)
		stop()
		if len(w.tries) != maxQueue || w.lost["tries"] != 1000 {
			t.Errorf("kept %d, lost %v", len(w.tries), w.lost)
		}
	})
}

// TestAlikeTriesWaitAsOne: a device that syncs as fast as it can is one write,
// which tells how often it tried, and what differs stays apart.
func TestAlikeTriesWaitAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		for range 100 {
			b.Record(try(1))
		}
		other := try(1)
		other.Reason = account.CodeUsed
		b.Record(other)
		stop := start(t, b)
		stop()
		if len(w.tries) != 2 || w.tries[0].Count != 100 || w.tries[1].Reason != account.CodeUsed {
			t.Errorf("%d writes: %v", len(w.tries), w.tries)
		}
	})
}

// TestOutage: an outage of the store that is shorter than the queue loses
// nothing and doubles nothing.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		w.broken = errors.New("disk full")
		stop := start(t, b)
		for i := range 1000 {
			b.Record(try(i))
		}
		b.Used(account.Record{ID: "r1", LastFrom: "192.0.2.7"})
		<-time.After(3 * flushEvery)
		w.set(nil)
		<-time.After(3 * flushEvery)
		w.mu.Lock()
		kept, used := len(w.tries), len(w.used)
		w.mu.Unlock()
		stop()
		if kept != 1000 || used != 1 || len(w.tries) != 1000 || w.lost["tries"] != 0 {
			t.Errorf("kept %d tries and %d uses, lost %v", kept, used, w.lost)
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("alice")
	f.Add(strings.Repeat("\xff", 300))
	f.Add(strings.Repeat("a", 255) + "ü\n\u202e\x00")
	f.Fuzz(func(t *testing.T, s string) {
		got := cut(s)
		if len(got) > maxText || strings.ContainsAny(got, "\n\r\x00\x1b\u2028\u202e") || cut(got) != got {
			t.Errorf("cut(%q) = %q", s, got)
		}
	})
}
