package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

func record(subject account.ID, id, factor string, n int) account.Record {
	return account.Record{
		ID: id, Subject: subject, Factor: factor, Label: fmt.Sprint("label ", n), Services: []string{fmt.Sprint("service-", n)},
		Created: storetest.Now().Add(time.Duration(n)), Pending: n%2 == 0, Revoked: storetest.Now().Add(time.Duration(n)),
		Expires: storetest.Now().Add(time.Duration(n)), Uses: n, Format: uint32(n), Payload: fmt.Append(nil, "payload ", n),
		Device: fmt.Sprint("device ", n),
	}
}

func token(kind account.TokenKind, subject account.ID, n byte) account.Token {
	return account.Token{Kind: kind, Hash: [32]byte{n}, Subject: subject, Data: []byte{n},
		Created: storetest.Now(), Expires: storetest.Now().Add(time.Duration(n) * time.Hour)}
}

// people writes a small state, closes it and returns its folder and what was
// in it.
func people(t *testing.T) (dir string, was map[account.ID]account.Snapshot) {
	t.Helper()
	dir = t.TempDir()
	db, s := open(t, dir, nil)
	yes := true
	for i, id := range []account.ID{"anna", "bert"} {
		n := 10 * (i + 1)
		c := account.Change{Subject: id, Put: []account.Record{
			record(id, string(id)+"-1", "totp", n), record(id, string(id)+"-2", "app-password", n+1)},
			PutTokens: []account.Token{token(account.TokenSession, id, byte(i+1)), token(account.TokenInvite, id, byte(i+3))},
			Events:    []account.Event{{Act: account.ActEnroll, Subject: id}, {Act: account.ActIssue, Subject: id}}}
		if id == "bert" {
			c.InviteRequired = &yes
		}
		for version := range int64(i + 1) {
			c.Version = version
			if err := s.Commit(context.Background(), c); err != nil {
				t.Fatal(err)
			}
		}
	}
	was = map[account.ID]account.Snapshot{}
	for _, id := range []account.ID{"anna", "bert"} {
		p, err := s.Load(context.Background(), id, "totp", "app-password")
		if err != nil {
			t.Fatal(err)
		}
		was[id] = p
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, was
}

// behind runs SQL behind the store's back.
func behind(t *testing.T, dir, statement string) {
	t.Helper()
	raw, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = raw.Exec(statement)
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func watched(t *testing.T, dir string) (*sqlite.Store, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	_, s := open(t, dir, func(c *sqlite.Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	return s, log
}

// detected wants an alarm and no answer for anna, neither to a reader nor to
// a writer, and a report that names her.
func detected(t *testing.T, dir, what string) {
	t.Helper()
	s, log := watched(t, dir)
	if p, err := s.Load(context.Background(), "anna", "totp", "app-password"); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("%s: loaded %v, %v", what, p, err)
	}
	if !strings.Contains(log.String(), "alarm: ") || !strings.Contains(log.String(), "subject=anna") {
		t.Errorf("%s: no alarm about anna: %s", what, log)
	}
	r, err := s.Verify(context.Background())
	if err != nil || r.OK() || !strings.Contains(strings.Join(r.Damage, "\n"), "anna") {
		t.Errorf("%s: report %+v, %v", what, r, err)
	}
}

func TestEveryColumnIsGuarded(t *testing.T) {
	base, _ := people(t)
	for _, column := range []string{"factor", "label", "services", "created", "pending", "revoked", "expires", "uses", "format", "payload", "device"} {
		for _, from := range []string{"bert-1", "bert-2", "anna-2"} {
			if from == "bert-1" && (column == "factor" || column == "pending") {
				continue // the same value
			}
			dir := copied(t, base)
			behind(t, dir, "UPDATE record SET "+column+" = (SELECT "+column+" FROM record WHERE id = '"+from+"') WHERE id = 'anna-1'")
			detected(t, dir, column+" of "+from)
		}
	}
}

func copied(t *testing.T, base string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := os.CopyFS(dir, os.DirFS(base))
	files, _ := filepath.Glob(filepath.Join(dir, "*")) // the pattern is good
	for _, f := range files {
		err = errors.Join(err, os.Chmod(f, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRowsMovedBySQL(t *testing.T) {
	base, _ := people(t)
	for _, statement := range []string{
		"UPDATE record SET subject = 'anna' WHERE id = 'bert-1'",
		"UPDATE record SET subject = CASE subject WHEN 'anna' THEN 'bert' ELSE 'anna' END",
		"UPDATE record SET id = CASE id WHEN 'anna-1' THEN 'x' ELSE id END; UPDATE record SET id = 'anna-1' WHERE id = 'bert-1'",
		"INSERT INTO record SELECT 'anna', 'new', factor, label, services, created, pending, revoked, expires, uses, last_used, last_from, last_agent, last_service, format, payload, device FROM record WHERE id = 'bert-1'",
		"INSERT INTO record SELECT 'anna', 'new', factor, label, services, created, pending, revoked, expires, uses, last_used, last_from, last_agent, last_service, format, payload, device FROM record WHERE id = 'anna-1'",
		"DELETE FROM record WHERE id = 'anna-1'",
		"DELETE FROM record WHERE subject = 'anna'",
		"DELETE FROM subject WHERE id = 'anna'",
		"UPDATE subject SET version = version + 1 WHERE id = 'anna'",
		"UPDATE subject SET invite = 1 WHERE id = 'anna'",
		"UPDATE subject SET synced = 1 - synced WHERE id = 'anna'",
		"UPDATE subject SET synced = 1 - synced WHERE id = 'bert'; DELETE FROM subject WHERE id = 'anna'; DELETE FROM record WHERE subject = 'anna'; UPDATE record SET subject = 'anna'; UPDATE subject SET id = 'anna'",
		"UPDATE subject SET mac = (SELECT mac FROM subject WHERE id = 'bert') WHERE id = 'anna'",
		"UPDATE subject SET mac = x'' WHERE id = 'anna'",
		"UPDATE record SET revoked = 0, pending = 0, uses = -1 WHERE id = 'anna-1'",
		"UPDATE record SET services = '[' WHERE id = 'anna-1'",
		"DELETE FROM subject WHERE id = 'anna'; UPDATE subject SET id = 'anna' WHERE id = 'bert'; DELETE FROM record WHERE subject = 'anna'; UPDATE record SET subject = 'anna'",
	} {
		dir := copied(t, base)
		behind(t, dir, statement)
		detected(t, dir, statement)
	}
}

func TestDamagedRowsAreNotWrittenOver(t *testing.T) {
	dir, _ := people(t)
	behind(t, dir, "DELETE FROM record WHERE id = 'anna-1'")
	s, log := watched(t, dir)
	err := s.Commit(context.Background(), account.Change{Subject: "anna", Version: -1, Delete: []string{"anna-2"}})
	if !errors.Is(err, account.ErrUnavailable) || !strings.Contains(log.String(), "alarm: ") {
		t.Errorf("a commit made damaged rows good: %v", err)
	}
	if err := s.Commit(context.Background(), account.Change{Subject: "bert", Version: 2}); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

func TestRowsChangedWhileRunningAreNotBelieved(t *testing.T) {
	dir, was := people(t)
	s, _ := watched(t, dir)
	if _, err := s.Load(context.Background(), "anna"); err != nil {
		t.Fatal(err)
	}
	behind(t, dir, "UPDATE record SET revoked = 0, pending = 0 WHERE id = 'anna-1'")
	p, err := s.Load(context.Background(), "anna", "totp", "app-password")
	if err != nil || !reflect.DeepEqual(p, was["anna"]) {
		t.Errorf("believed what was changed: %v, %v", p, err)
	}
	if r, err := s.Verify(context.Background()); err != nil || r.OK() {
		t.Errorf("report %+v, %v", r, err)
	}
}

// TestARowOfAnotherPersonIsAnAlarm: told once as an event about the person whose
// row it is, and not logged beside it. In the middle of a write, too.
func TestARowOfAnotherPersonIsAnAlarm(t *testing.T) {
	dir, _ := people(t)
	behind(t, dir, "UPDATE record SET payload = (SELECT payload FROM record WHERE id = 'bert-1') WHERE id = 'anna-1'")
	var told []account.Event
	log := &logBuffer{}
	_, s := open(t, dir, func(c *sqlite.Config) {
		c.Log = slog.New(slog.NewTextHandler(log, nil))
		c.Alarm = func(e account.Event) { told = append(told, e) }
	})
	if _, err := s.Load(context.Background(), "anna", "totp"); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("loaded: %v", err)
	}
	err := s.Commit(context.Background(), account.Change{Subject: "anna", Version: -1, Delete: []string{"anna-2"}})
	if !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("committed: %v", err)
	}
	if len(told) != 2 {
		t.Fatalf("told %+v", told)
	}
	for _, e := range told {
		if e.Act != account.ActAlarm || e.Subject != "anna" || !strings.Contains(e.Note, "not as the store wrote them") || strings.Contains(e.Note, "anna") {
			t.Errorf("told %+v", e)
		}
	}
	if log.String() != "" {
		t.Errorf("logged beside it: %s", log)
	}
}

func TestTokensForgedBySQL(t *testing.T) {
	mine := token(account.TokenSession, "anna", 1)
	for _, statement := range []string{
		"UPDATE sessions SET subject = 'bert'",
		"UPDATE sessions SET expires = expires + 1",
		"UPDATE sessions SET created = created + 1",
		"UPDATE sessions SET data = x''",
		"UPDATE sessions SET data = (SELECT data FROM sessions WHERE subject = 'bert') WHERE subject = 'anna'",
		"DELETE FROM sessions WHERE subject = 'anna'; UPDATE sessions SET hash = x'0100000000000000000000000000000000000000000000000000000000000000'",
		"DELETE FROM sessions; INSERT INTO sessions SELECT 'session', x'0100000000000000000000000000000000000000000000000000000000000000', subject, data, created, expires FROM grants WHERE subject = 'anna'",
	} {
		dir, _ := people(t)
		behind(t, dir, statement)
		s, log := watched(t, dir)
		ref := account.TokenRef{Kind: mine.Kind, Hash: mine.Hash}
		if got, err := s.Token(context.Background(), ref); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("%s: %v, %v", statement, got, err)
		}
		for _, id := range []account.ID{"anna", "bert"} {
			err := s.Commit(context.Background(), account.Change{Subject: id, Version: -1, TakeTokens: []account.TokenRef{ref}})
			if !errors.Is(err, account.ErrUnavailable) {
				t.Errorf("%s: taken by %s: %v", statement, id, err)
			}
		}
		if r, err := s.Verify(context.Background()); err != nil || r.OK() || !strings.Contains(log.String(), "alarm: ") {
			t.Errorf("%s: report %+v, %v", statement, r, err)
		}
	}
}

func TestStateOfAnotherInstance(t *testing.T) {
	dir, _ := people(t)
	behind(t, dir, "UPDATE meta SET value = 'another' WHERE name = 'instance'")
	detected(t, dir, "another instance")
}

// Flipped bytes anywhere in the file: what is given out is what was written,
// or nothing. The last use is outside the fingerprint and not compared.
func TestFlippedBytes(t *testing.T) {
	dir, was := people(t)
	path := filepath.Join(dir, "state.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	missed := 0
	const variants = 100
	for range variants {
		bad := append([]byte(nil), good...)
		at := rand.IntN(len(bad))
		bad[at] ^= byte(1 + rand.IntN(255))
		there := t.TempDir()
		if err := os.WriteFile(filepath.Join(there, "state.db"), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		missed += flipped(t, there, was, at)
	}
	if missed > variants/100 {
		t.Errorf("%d of %d variants made a person look new", missed, variants)
	}
}

func flipped(t *testing.T, dir string, was map[account.ID]account.Snapshot, at int) (missed int) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(dir, "state.db"), Now: storetest.Now})
	if err != nil {
		return 0 // detected at start
	}
	defer func() { _ = db.Close() }() // a damaged file may close with an error
	s := db.Store(storetest.Sealer())
	for id, want := range was {
		got, err := s.Load(context.Background(), id, "totp", "app-password")
		switch {
		case errors.Is(err, account.ErrUnavailable):
			continue
		case err != nil:
			t.Errorf("byte %d: %v", at, err)
		case got.Version == 0:
			missed++
		default:
			for i := range got.Records {
				r := &got.Records[i]
				r.LastUsed, r.LastFrom, r.LastAgent, r.LastService = time.Time{}, "", "", ""
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("byte %d: gave out %+v", at, got)
			}
		}
	}
	return missed
}
