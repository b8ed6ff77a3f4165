package hint

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/witness"
)

var errAway = errors.New("away")

// world is a person with three app passwords, of which the second is typed.
type world struct {
	records  []account.Record
	opened   []string
	asked    [][]string
	loadFail bool
	askFail  bool
	right    string
}

func newWorld() *world {
	w := &world{right: "b"}
	for _, id := range []string{"a", "b", "c"} {
		w.records = append(w.records, account.Record{ID: id, Factor: "app-password", Uses: -1})
	}
	return w
}

func (w *world) query(place byte) Query {
	return Query{
		Place: [32]byte{place}, Kind: "app-password", Now: time.Unix(1_800_000_000, 0),
		Load: func() (account.Snapshot, error) { return w.load("app-password", "") },
		LoadOne: func(record string) (account.Snapshot, error) {
			return w.load(record, record)
		},
		Ask: func(records []account.Record) (witness.Testimony, error) {
			var ids []string
			for _, r := range records {
				ids = append(ids, r.ID)
			}
			w.asked = append(w.asked, ids)
			if w.askFail {
				return witness.Testimony{}, errAway
			}
			for _, r := range records {
				if r.ID == w.right {
					return witness.Testimony{Accept: true, Record: r}, nil
				}
			}
			return witness.Testimony{}, nil
		},
	}
}

// load notes what was opened, and returns all records or the one.
func (w *world) load(opened, record string) (account.Snapshot, error) {
	w.opened = append(w.opened, opened)
	if w.loadFail {
		return account.Snapshot{}, errAway
	}
	return account.Snapshot{Records: slices.DeleteFunc(slices.Clone(w.records), func(r account.Record) bool {
		return record != "" && r.ID != record
	})}, nil
}

// said matches once and returns what was opened and asked, and who accepted.
func (w *world) said(m *Memory) string {
	w.opened, w.asked = nil, nil
	_, got, silent := m.Match(w.query(1))
	return fmt.Sprintf("%v %v %q %q", w.opened, w.asked, got.Record.ID, silent)
}

func TestTheRememberedRecordIsAskedFirstAndAlone(t *testing.T) {
	w, m := newWorld(), New()
	if got := w.said(m); got != `[app-password] [[a b c]] "b" ""` {
		t.Errorf("first time: %s", got)
	}
	if got := w.said(m); got != `[b] [[b]] "b" ""` {
		t.Errorf("second time: %s", got)
	}
}

// Rule 5: a hint opens no door. Whatever became of the record, the answer is
// the one that all records give.
func TestRule05AHintIsNoVerdict(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"revoked": func(w *world) { w.records[1].Revoked = time.Unix(1, 0) },
		"expired": func(w *world) { w.records[1].Expires = time.Unix(1, 0) },
		"pending": func(w *world) { w.records[1].Pending = true },
		"spent":   func(w *world) { w.records[1].Uses = 0 },
		"deleted": func(w *world) { w.records = append(w.records[:1], w.records[2:]...) },
		"another factor's": func(w *world) {
			w.records[1].Factor = "totp"
		},
	} {
		w, m := newWorld(), New()
		w.said(m)
		spoil(w)
		if got := w.said(m); got != `[b app-password] [[a c]] "" ""` {
			t.Errorf("%s: %s", name, got)
		}
		if got := w.said(m); got != `[app-password] [[a c]] "" ""` {
			t.Errorf("%s: the hint was not forgotten: %s", name, got)
		}
	}
	w, m := newWorld(), New()
	w.said(m)
	w.right = "c" // the factor no longer thinks so
	if got := w.said(m); got != `[b app-password] [[b] [a b c]] "c" ""` {
		t.Errorf("judged anew: %s", got)
	}
}

func TestAnOutageIsNeverAnAnswer(t *testing.T) {
	w, m := newWorld(), New()
	w.said(m)
	w.loadFail = true
	if got := w.said(m); got != `[b] [] "" "store_unavailable"` {
		t.Errorf("store away: %s", got)
	}
	w.loadFail, w.askFail = false, true
	if got := w.said(m); got != `[b] [[b]] "" "plugin_unavailable"` {
		t.Errorf("plugin away: %s", got)
	}
}

func TestPlacesAreApartAndMemoryIsBounded(t *testing.T) {
	w, m := newWorld(), New()
	w.said(m)
	if _, ok := m.find([32]byte{2}); ok {
		t.Error("a hint for another secret")
	}
	for i := range 2 * most {
		m.remember([32]byte{9, byte(i), byte(i >> 8), byte(i >> 16)}, "x")
	}
	if len(m.record) > most {
		t.Errorf("%d hints, allowed are %d", len(m.record), most)
	}
	if _, ok := m.find([32]byte{1}); ok {
		t.Error("the oldest hint was not pushed out")
	}
}
