package sqlite_test

import (
	"context"
	"fmt"
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
