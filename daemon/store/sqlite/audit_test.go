package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
)

// audited writes n events and closes the state.
func audited(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, s := open(t, dir, nil)
	for i := range n {
		if err := s.Commit(context.Background(), account.Change{Subject: "anna", Version: -1,
			Events: []account.Event{{Act: account.ActReset, Subject: "anna", Note: fmt.Sprint("note ", i+1)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVerifyNamesTheFirstBrokenEvent(t *testing.T) {
	for _, c := range []struct {
		statement string
		broken    int64
	}{
		{"SELECT 1", 0},
		{"UPDATE event SET body = (SELECT body FROM event WHERE seq = 3) WHERE seq = 4", 4},
		{"UPDATE event SET mac = zeroblob(32) WHERE seq = 4", 4},
		{"UPDATE event SET body = body || x'00' WHERE seq = 4", 4},
		{"UPDATE event SET body = x'' WHERE seq = 4", 4},
		{"DELETE FROM event WHERE seq = 1", 1},
		{"DELETE FROM event WHERE seq = 4", 4},
		{"DELETE FROM event WHERE seq >= 8", 8},
		{"DELETE FROM event", 1},
		{"DELETE FROM event WHERE seq = 4; UPDATE event SET seq = seq - 1 WHERE seq > 4", 4},
		{"UPDATE event SET seq = -4 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 5; UPDATE event SET seq = 5 WHERE seq = -4", 4},
		{"INSERT INTO event (seq, body, mac) SELECT 11, body, mac FROM event WHERE seq = 10", 11},
		{"DELETE FROM event WHERE seq = 10; UPDATE head SET seq = 9, mac = (SELECT mac FROM event WHERE seq = 9)", 10},
		{"DELETE FROM head", 11},
	} {
		dir := audited(t, 10)
		behind(t, dir, c.statement)
		_, s := open(t, dir, nil)
		r, err := s.Verify(context.Background())
		if err != nil || r.BrokenEvent != c.broken || r.OK() != (c.broken == 0) || (r.BrokenWhy == "") != (c.broken == 0) {
			t.Errorf("%s: %+v, %v, want event %d", c.statement, r, err, c.broken)
		}
	}
}

// Every column of every single event is looked at, and so is the end: whichever of
// them somebody with the file changes, that event is named, and all is well again with
// it as it was.
func TestEveryColumnOfEveryEventIsLookedAt(t *testing.T) {
	const events = 12
	dir := audited(t, events)
	_, s := open(t, dir, nil)
	raw, err := sql.Open("sqlite", filepath.Join(dir, "state.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	broken := func(what string, want int64) {
		t.Helper()
		if r, err := s.Verify(context.Background()); err != nil || r.BrokenEvent != want {
			t.Errorf("%s: event %d, %v, want event %d", what, r.BrokenEvent, err, want)
		}
	}
	// tamper writes something else there, looks, and puts it back.
	tamper := func(table, column string, row, want int64) {
		t.Helper()
		what := fmt.Sprintf("%s of row %d of %s", column, row, table)
		var was any
		if err := raw.QueryRow("SELECT "+column+" FROM "+table+" WHERE rowid = ?", row).Scan(&was); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		now, before, at := "", "", row
		switch v := was.(type) {
		case int64:
			now, before = fmt.Sprint(v+1000), fmt.Sprint(v)
			if table == "event" {
				at = v + 1000 // its number is where it is found again
			}
		case []byte:
			b := append([]byte{}, v...)
			if len(b) == 0 {
				b = make([]byte, 32)
			}
			b[len(b)/2] ^= 4
			now, before = fmt.Sprintf("x'%x'", b), fmt.Sprintf("x'%x'", v)
		}
		set := func(to string, row int64) {
			t.Helper()
			if done, err := raw.Exec("UPDATE "+table+" SET "+column+" = "+to+" WHERE rowid = ?", row); err != nil {
				t.Fatalf("%s: %v", what, err)
			} else if n, _ := done.RowsAffected(); n != 1 {
				t.Fatalf("%s: %d rows were changed", what, n)
			}
		}
		set(now, row)
		broken(what, want)
		set(before, at)
	}
	for _, column := range columns(t, raw, "event") {
		for seq := range int64(events) {
			tamper("event", column, seq+1, seq+1)
		}
	}
	for _, column := range columns(t, raw, "head") {
		if column != "one" {
			tamper("head", column, 1, events+1)
		}
	}
	broken("as it was", 0)
}

// columns are those that a table has, so that a new one is looked at, too.
func columns(t *testing.T, raw *sql.DB, table string) (names []string) {
	t.Helper()
	found, err := raw.Query("SELECT * FROM " + table + " LIMIT 0")
	if err == nil {
		names, err = found.Columns()
		err = errors.Join(err, found.Close())
	}
	if err != nil || len(names) < 4 {
		t.Fatalf("%v, %v", names, err)
	}
	return names
}

// TestVerifyTellsTheNewestLink: it moves with every event, and an audit that was
// cut off and written anew has another one.
func TestVerifyTellsTheNewestLink(t *testing.T) {
	link := func(dir string) string {
		db, s := open(t, dir, nil)
		r, err := s.Verify(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return string(r.AuditLink)
	}
	if got := link(audited(t, 0)); got != "" {
		t.Errorf("without an event the link is %x", got)
	}
	dir := audited(t, 3)
	three := link(dir)
	if len(three) != 32 || three == link(audited(t, 4)) || three != link(dir) {
		t.Errorf("the link of three events is %x", three)
	}
	behind(t, dir, "UPDATE event SET mac = (SELECT mac FROM event WHERE seq = 2) WHERE seq = 3")
	if link(dir) == three {
		t.Error("another end has the same link")
	}
}

func TestEventsMissingAtTheEndStayMissing(t *testing.T) {
	for statement, broken := range map[string]int64{
		"DELETE FROM event WHERE seq >= 8":                   8,
		"DELETE FROM event WHERE seq >= 8; DELETE FROM head": 8,
		"DELETE FROM head":                                   11,
	} {
		dir := audited(t, 10)
		behind(t, dir, statement)
		s, log := watched(t, dir)
		for range 3 {
			if err := s.Commit(context.Background(), account.Change{Version: -1, Events: []account.Event{{Act: account.ActAlarm}}}); err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(log.String(), "alarm: the end of the audit"); n != 1 {
			t.Errorf("%s: %d alarms", statement, n)
		}
		if r, err := s.Verify(context.Background()); err != nil || r.BrokenEvent != broken {
			t.Errorf("%s: %+v, %v, want event %d", statement, r, err, broken)
		}
	}
}

func TestAuditGoesOnAfterAStart(t *testing.T) {
	dir := audited(t, 3)
	for range 3 {
		db, s := open(t, dir, nil)
		if err := s.Commit(context.Background(), account.Change{Version: -1, Events: []account.Event{{Act: account.ActCheck}}}); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Verify(context.Background()); err != nil || !r.OK() {
			t.Errorf("%+v, %v", r, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, s := open(t, dir, nil)
	if c, err := s.Census(context.Background()); err != nil || c.AuditHead != 6 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestNoSecretInTheFile(t *testing.T) {
	dir := t.TempDir()
	db, s := open(t, dir, nil)
	r := record("anna", "a", "totp", 1)
	r.Payload = []byte("sentinel-payload")
	k := token(account.TokenSession, "anna", 1)
	k.Data = []byte("sentinel-token")
	if err := s.Commit(context.Background(), account.Change{Subject: "anna", Put: []account.Record{r}, PutTokens: []account.Token{k}}); err != nil {
		t.Fatal(err)
	}
	contains(t, dir, "sentinel", false)
	contains(t, dir, "anna", true)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	contains(t, dir, "sentinel", false)
}
