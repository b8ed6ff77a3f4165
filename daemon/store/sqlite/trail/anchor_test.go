package trail_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
)

// noted are anchors of every tenth event, each of a second after it.
func (a *audit) noted() (all []trail.Anchor) {
	for i, r := range a.rows {
		if r.Seq%10 == 0 {
			all = append(all, trail.NewAnchor(a.vault, trail.End{Seq: r.Seq, MAC: r.MAC}, time.Unix(int64(i)+1, 0)))
		}
	}
	return all
}

// older is the audit as it was after n events, with the end that was noted then.
func (a *audit) older(n int) *audit {
	last := a.rows[n-1]
	return &audit{vault: a.vault, rows: append([]trail.Row{}, a.rows[:n]...), head: trail.End{Seq: last.Seq, MAC: last.MAC, Seal: a.vault.Head(last.Seq, last.MAC)}}
}

// goOn writes more, as the daemon would.
func (a *audit) goOn(n int, e account.Event) *audit {
	for range n {
		e.Seq = a.head.Seq + 1
		body := store.AppendEvent(nil, e)
		link := a.vault.Chain(a.head.MAC, body)
		a.rows = append(a.rows, trail.Row{Seq: e.Seq, Body: body, MAC: link})
		a.head = trail.End{Seq: e.Seq, MAC: link, Seal: a.vault.Head(e.Seq, link)}
	}
	return a
}

// trimmed has lost its first n events, as retention takes them.
func (a *audit) trimmed(n int) (*audit, *trail.End) {
	last := a.rows[n-1]
	return &audit{vault: a.vault, rows: a.rows[n:], head: a.head}, &trail.End{Seq: last.Seq, MAC: last.MAC, Seal: a.vault.Foot(last.Seq, last.MAC)}
}

// against walks over the audit with anchors beside it.
func (a *audit) against(foot *trail.End, noted []trail.Anchor) trail.Walker {
	w := trail.Walker{Vault: a.vault, Anchors: trail.Compare(noted)}
	w.Begin(foot)
	for _, r := range a.rows {
		w.Next(r)
	}
	head := &a.head
	if a.head.Seq == 0 {
		head = nil
	}
	w.End(head)
	return w
}

// An audit that is whole, and is not all that it was: without anchors it passes, with
// them it does not. What a restore or retention has taken is told, and is no damage.
func TestAnchorsFindWhatTheChainCannot(t *testing.T) {
	whole := written(50)
	noted := whole.noted()
	later := account.Event{At: time.Unix(100, 0), Act: account.ActReset}
	restore := account.Event{At: time.Unix(100, 0), Act: account.ActRestore}
	early := account.Event{At: time.Unix(35, 0), Act: account.ActRestore}
	fourteen, atFourteen := written(50).trimmed(14)
	twenty, atTwenty := written(50).trimmed(20)
	gone, atGone := written(50).older(30).goOn(1, restore).goOn(60, later).trimmed(31)
	ahead := append([]trail.Anchor{trail.NewAnchor(whole.vault, trail.End{Seq: 10, MAC: whole.rows[9].MAC}, time.Unix(1000, 0))}, noted[1:]...)
	cut, atCut := written(50).older(30).goOn(25, later).trimmed(14)
	for name, c := range map[string]struct {
		audit                 *audit
		noted                 []trail.Anchor
		foot                  *trail.End
		held, older, restored int
		broken                int64
		why                   string
	}{
		"as it was":                          {audit: written(50), held: 5},
		"it has grown":                       {audit: written(50).goOn(7, later), held: 5},
		"its end is cut off":                 {audit: whole.older(33), held: 3, broken: 34, why: "up to event"},
		"one event is cut off":               {audit: whole.older(49), held: 4, broken: 50, why: "up to event 50"},
		"all is gone":                        {audit: &audit{vault: whole.vault}, broken: 1, why: "missing"},
		"an older copy goes on":              {audit: whole.older(30).goOn(25, later), held: 3, broken: 40, why: "not the one that was there"},
		"a copy was restored":                {audit: whole.older(30).goOn(1, restore).goOn(25, later), held: 3, restored: 2},
		"a copy was restored, and it is new": {audit: whole.older(30).goOn(1, restore), held: 3, restored: 2},
		"a restore of before excuses less":   {audit: whole.older(30).goOn(1, early).goOn(25, later), held: 3, broken: 40, why: "not the one"},
		"old events went":                    {audit: fourteen, foot: atFourteen, held: 4, older: 1},
		"they went up to an anchor":          {audit: twenty, foot: atTwenty, held: 4, older: 1},
		"and the restore with them":          {audit: gone, foot: atGone, older: 5},
		"all is gone, and begins anew":       {audit: (&audit{vault: whole.vault}).goOn(25, later), broken: 10, why: "not the one"},
		"old events went, a clock was wrong": {audit: fourteen, foot: atFourteen, noted: ahead, held: 4, older: 1},
		"old events went, the end is cut":    {audit: cut, foot: atCut, held: 2, older: 1, broken: 40, why: "not the one"},
	} {
		if w := c.audit.against(c.foot, nil); w.Broken != 0 {
			t.Errorf("%s: without anchors event %d: %s", name, w.Broken, w.Why)
		}
		if c.noted == nil {
			c.noted = noted
		}
		w := c.audit.against(c.foot, c.noted)
		got := w.Anchors
		if got.Held != c.held || got.Older != c.older || got.Restored != c.restored || w.Broken != c.broken || !strings.Contains(w.Why, c.why) {
			t.Errorf("%s: %d held, %d older, %d restored, event %d: %s", name, got.Held, got.Older, got.Restored, w.Broken, w.Why)
		}
		if c.held > 0 && (got.Newest.Seq%10 != 0 || c.broken > 0 && got.Newest.Seq >= c.broken) {
			t.Errorf("%s: the newest that holds is %v", name, got.Newest)
		}
	}
}

// Nobody without the key makes an anchor, or moves one.
func TestAnchorsThatAreNotGenuine(t *testing.T) {
	a := written(50)
	good := a.noted()[2]
	for name, change := range map[string]func(*trail.Anchor){
		"none":           func(*trail.Anchor) {},
		"another number": func(n *trail.Anchor) { n.Seq-- },
		"a later number": func(n *trail.Anchor) { n.Seq = 60 },
		"another time":   func(n *trail.Anchor) { n.At = n.At.Add(time.Second) },
		"another link":   func(n *trail.Anchor) { n.Link = a.rows[28].MAC },
		"no seal":        func(n *trail.Anchor) { n.Seal = nil },
		"the end's seal": func(n *trail.Anchor) { n.Seal = a.vault.Head(n.Seq, n.Link) },
		"another's audit": func(n *trail.Anchor) {
			v := a.vault
			v.Instance = "other"
			*n = trail.NewAnchor(v, trail.End{Seq: n.Seq, MAC: n.Link}, n.At)
		},
	} {
		n := good
		change(&n)
		w := a.against(nil, []trail.Anchor{n})
		if want := name != "none"; (w.Broken > 0) != want || want && !strings.Contains(w.Why, "not sealed with a key of this daemon") || (w.Anchors.Held == 1) == want {
			t.Errorf("%s: %d held, event %d: %s", name, w.Anchors.Held, w.Broken, w.Why)
		}
	}
}

// A backup of before a change of the keys does not know the newer ones. What was noted
// under those, before it was restored, is of the copy of before all the same.
func TestAnchorsUnderKeysThatARestoreHasTaken(t *testing.T) {
	a := written(50)
	newer := a.vault
	newer.Instance = "under other keys"
	noted := []trail.Anchor{trail.NewAnchor(newer, trail.End{Seq: 50, MAC: a.head.MAC}, time.Unix(60, 0))}
	back := a.older(30).goOn(1, account.Event{At: time.Unix(100, 0), Act: account.ActRestore})
	if w := back.against(nil, noted); w.Broken != 0 || w.Anchors.Restored != 1 {
		t.Errorf("%d of before, event %d: %s", w.Anchors.Restored, w.Broken, w.Why)
	}
	noted[0].At = time.Unix(200, 0)
	if w := back.against(nil, noted); w.Broken == 0 {
		t.Error("one of after the restore passes")
	}
}

// Anchors are found in whatever log they have ended up in.
func TestAnchorsInALog(t *testing.T) {
	noted := written(50).noted()
	var log string
	for i, line := range []string{
		`{"time":"2027-01-31T12:00:00Z","level":"INFO","msg":"audit anchor","event":10,"anchor":%q}`,
		"time=2027-01-31T12:00:00Z level=INFO msg=\"audit anchor\" event=20 anchor=%s\r",
		"Jan 31 12:00:00 host sallyportd[77]: {\"anchor\":\"%s\"}",
		"%s",
		"x,%s,y sallyport-anchor:1:2 sallyport-anchor:1:2:zz:00 sallyport-anchor:1:2:0:00 sallyport-anchor:9999999999999999999:1:00:00",
	} {
		log += fmt.Sprintf(line, noted[i]) + "\nsomething else\n"
	}
	log += noted[0].String()[:40] + noted[4].String() // a crash in the middle of a line
	got := trail.FindAnchors([]byte(log))
	if len(got) != 6 {
		t.Fatalf("%d found in\n%s", len(got), log)
	}
	for i, a := range got {
		if want := noted[min(i, 4)]; a.String() != want.String() || !a.At.Equal(want.At) {
			t.Errorf("%v, want %v", a, want)
		}
	}
}
