package trail_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// many is how long the audit of these tests is.
const many = 100_000

// audit is one in memory, as the tables would have it.
type audit struct {
	vault store.Vault
	rows  []trail.Row
	head  trail.End
}

func written(n int) *audit {
	a := &audit{vault: store.Vault{Sealer: storetest.Sealer(), Instance: "instance"}}
	var link []byte
	for i := range n {
		body := store.AppendEvent(nil, account.Event{Seq: int64(i) + 1, At: time.Unix(int64(i), 0), Act: account.ActReset, Subject: "anna", Name: "anna",
			Address: "192.0.2.1", Note: fmt.Sprint("note ", i)})
		link = a.vault.Chain(link, body)
		a.rows = append(a.rows, trail.Row{Seq: int64(i) + 1, Body: body, MAC: link})
	}
	a.head = trail.End{Seq: int64(n), MAC: link, Seal: a.vault.Head(int64(n), link)}
	return a
}

// walk goes over a part of the audit, from where it is still as it was written.
func (a *audit) walk(from int, rows []trail.Row) trail.Walker {
	w := trail.Walker{Vault: a.vault}
	if from > 0 {
		w.Seq, w.Link = a.rows[from-1].Seq, a.rows[from-1].MAC
	}
	for _, r := range rows {
		if w.Next(r); w.Broken > 0 {
			return w
		}
	}
	w.End(&a.head)
	return w
}

func cut(rows []trail.Row, at, gone int, instead ...trail.Row) []trail.Row {
	// What follows is looked at no further than it takes to see something.
	out := append([]trail.Row{}, instead...)
	return append(out, rows[at+gone:min(len(rows), at+gone+3)]...)
}

func flip(b []byte, rng *rand.Rand) []byte {
	out := append([]byte{}, b...)
	out[rng.IntN(len(out))] ^= 1 << rng.IntN(8)
	return out
}

// TestEveryTamperingIsFound changes every single one of a hundred thousand events
// in every way there is without the key, one at a time.
func TestEveryTamperingIsFound(t *testing.T) {
	a := written(many)
	if w := a.walk(0, a.rows); w.Broken != 0 {
		t.Fatalf("untouched: event %d: %s", w.Broken, w.Why)
	}
	rng := rand.New(rand.NewPCG(20, 27))
	tried := map[string]int{}
	for i, r := range a.rows {
		other := a.rows[(i+1+rng.IntN(many-1))%many]
		body, mac, seq, redone := r, r, r, r
		body.Body, mac.MAC, seq.Seq = flip(r.Body, rng), flip(r.MAC, rng), r.Seq+1+rng.Int64N(many)
		redone.Redone = flip(make([]byte, 32), rng)
		foreign, copied, stale := other, other, r
		foreign.Seq = r.Seq
		copied.Seq, copied.MAC = r.Seq, r.MAC
		stale.Redone = a.vault.Redone(store.Place{Seq: other.Seq, Link: other.MAC}, other.Body)
		for kind, rest := range map[string][]trail.Row{
			"an event is changed":             cut(a.rows, i, 1, body),
			"a link is changed":               cut(a.rows, i, 1, mac),
			"a number is changed":             cut(a.rows, i, 1, seq),
			"a signature is made up":          cut(a.rows, i, 1, redone),
			"a signature is another's":        cut(a.rows, i, 1, stale),
			"an event is in another's place":  cut(a.rows, i, 1, foreign),
			"an event says what another says": cut(a.rows, i, 1, copied),
			"an event comes twice":            cut(a.rows, i, 1, r, r),
			"an event is gone":                cut(a.rows, i, 1),
			"the audit ends before":           {},
		} {
			if i == many-1 && kind == "an event comes twice" {
				rest = []trail.Row{r, r}
			}
			w := a.walk(i, rest)
			if w.Broken != r.Seq && !(kind == "an event comes twice" && w.Broken == r.Seq+1) {
				t.Fatalf("event %d, %s: found is %d, %q", r.Seq, kind, w.Broken, w.Why)
			}
			tried[kind]++
		}
		if i == many-1 {
			break
		}
		next := a.rows[i+1]
		swapped, renumbered := []trail.Row{next, r}, []trail.Row{next, r}
		renumbered[0].Seq, renumbered[1].Seq = r.Seq, next.Seq
		for kind, rest := range map[string][]trail.Row{"two events are swapped": swapped, "two events are swapped and numbered anew": renumbered} {
			if w := a.walk(i, cut(a.rows, i, 2, rest...)); w.Broken != r.Seq {
				t.Fatalf("event %d, %s: found is %d, %q", r.Seq, kind, w.Broken, w.Why)
			}
			tried[kind]++
		}
	}
	sum := 0
	for _, n := range tried {
		sum += n
	}
	if len(tried) != 12 || sum < 12*many-2 {
		t.Errorf("%d tamperings of %d kinds", sum, len(tried))
	}
	t.Logf("%d tamperings of %d kinds, all found", sum, len(tried))
}

// An end that somebody has moved along with the events, or made up, is found, too.
func TestTamperedEnds(t *testing.T) {
	a := written(50)
	for i := range 49 {
		head := a.head
		head.Seq, head.MAC = a.rows[i].Seq, a.rows[i].MAC
		b := &audit{vault: a.vault, rows: a.rows[:i+1], head: head}
		if w := b.walk(0, b.rows); w.Broken != int64(i)+2 {
			t.Errorf("end moved to %d: found is %d", i+1, w.Broken)
		}
		w := trail.Walker{Vault: a.vault}
		w.Begin(&trail.End{Seq: a.rows[i].Seq, MAC: a.rows[i].MAC, Seal: a.head.Seal})
		if w.Broken == 0 {
			t.Errorf("a begin made up at %d is not found", i+1)
		}
		w = trail.Walker{Vault: a.vault}
		w.Begin(&trail.End{Seq: a.rows[i].Seq, MAC: a.rows[i].MAC, Seal: a.vault.Head(a.rows[i].Seq, a.rows[i].MAC)})
		if w.Broken == 0 {
			t.Errorf("the seal of an end passes for that of a begin at %d", i+1)
		}
	}
	w := trail.Walker{Vault: a.vault}
	w.End(nil)
	if w.Broken != 0 {
		t.Errorf("an audit of nothing: %s", w.Why)
	}
}

// BenchmarkVerify tells how many events a second are gone over.
func BenchmarkVerify(b *testing.B) {
	a := written(many)
	for b.Loop() {
		if w := a.walk(0, a.rows); w.Broken != 0 {
			b.Fatal(w.Why)
		}
	}
	b.ReportMetric(float64(many)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
