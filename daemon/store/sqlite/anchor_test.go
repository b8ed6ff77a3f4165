package sqlite_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// Somebody with the disk and without the key puts back the end that the audit had
// after six events. The rows alone do not show it; an anchor does, at a glance and in
// full. An end that is not genuine is never noted.
func TestAnAnchorOutlivesTheDatabase(t *testing.T) {
	ctx := context.Background()
	_, empty := open(t, t.TempDir(), nil)
	if _, err := empty.Anchor(ctx, storetest.Now()); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("before the first event: %v", err)
	}
	const back = "DELETE FROM event WHERE seq > 6; DELETE FROM head; INSERT INTO head SELECT * FROM kept"
	for _, c := range []struct {
		statement string
		more      int   // events after that
		broken    int64 // with the anchor; 0 is none
		held      bool
		noted     bool
	}{
		{"SELECT 1", 0, 0, true, true},
		{"SELECT 1", 3, 0, true, true},
		{back, 0, 7, false, true},
		{back, 9, 10, false, true},
		{"DELETE FROM event; DELETE FROM head", 0, 1, false, false},
		{"DELETE FROM event; DELETE FROM head", 2, 3, false, true},
		{"DELETE FROM event WHERE seq > 6", 0, 7, false, false},
		{"UPDATE event SET seq = 20 WHERE seq = 10", 0, 10, false, false},
		{"UPDATE head SET seal = zeroblob(32)", 0, 11, true, false},
	} {
		dir := audited(t, 6)
		behind(t, dir, "CREATE TABLE kept AS SELECT * FROM head")
		db, s := open(t, dir, nil)
		more := func(n int, note string) {
			for range n {
				if err := s.Commit(ctx, account.Change{Version: -1, Events: []account.Event{{Act: account.ActReset, Note: note}}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		more(4, "before")
		a, err := s.Anchor(ctx, storetest.Now())
		if err != nil || a.Seq != 10 {
			t.Fatalf("%v, %v", a, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		behind(t, dir, c.statement)
		_, s = open(t, dir, nil)
		more(c.more, "after")
		alone, err := s.Verify(ctx)
		if err != nil || alone.Anchors != nil {
			t.Fatal(alone, err)
		}
		r, err := s.Verify(ctx, trail.FindAnchors([]byte("log: "+a.String()))...)
		if err != nil || r.BrokenEvent != c.broken || (r.Anchors.Held == 1) != c.held {
			t.Errorf("%s, and %d more: %+v, %v", c.statement, c.more, r, err)
		}
		held, err := s.Holds(ctx, a)
		if err != nil || held != c.held {
			t.Errorf("%s, and %d more: holds %v, %v", c.statement, c.more, held, err)
		}
		if _, err := s.Anchor(ctx, storetest.Now()); (err == nil) != c.noted {
			t.Errorf("%s, and %d more: noting its end: %v", c.statement, c.more, err)
		}
	}
}
