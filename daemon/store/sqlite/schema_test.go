package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
	"github.com/sallyport/sallyport/daemon/store/sqlite/rows"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// What was counted with the first schema still counts, after the step as after a
// restart, and no number is given twice.
func TestTriesOutliveASchema(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	last := int64(0)
	for want := range 3 {
		db, s := open(t, dir, nil)
		n, _, err := s.Fail(ctx, account.Try{Bucket: "b", At: storetest.Now(), Since: storetest.Now(), Allow: func(earlier []time.Time) time.Duration {
			if len(earlier) != want {
				t.Errorf("%d tries are there, and %d were counted", len(earlier), want)
			}
			return 0
		}})
		if err != nil || n <= last {
			t.Errorf("try %d after %d: %v", n, last, err)
		}
		last = n
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if want == 0 {
			behind(t, dir, `DELETE FROM goose_db_version WHERE version_id >= 2; DROP TABLE foot; ALTER TABLE event DROP COLUMN redone; ALTER TABLE subject DROP COLUMN synced; ALTER TABLE record DROP COLUMN device; CREATE INDEX try_at ON try (at); ALTER TABLE attempt RENAME TO new;
				CREATE TABLE attempt (number INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, at INTEGER NOT NULL);
				INSERT INTO attempt (number, bucket, at) SELECT number, bucket, at FROM new; DROP TABLE new;
				CREATE INDEX attempt_bucket ON attempt (bucket, at); CREATE INDEX attempt_at ON attempt (at)`)
		}
	}
}

// People of before records said on which phone they are have the same
// fingerprint after that step.
func TestPeopleOutliveASchema(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	db, s := open(t, dir, nil)
	old := record("anna", "anna-1", "app-password", 1)
	old.Device = ""
	if err := s.Commit(ctx, account.Change{Subject: "anna", Put: []account.Record{old}}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	behind(t, dir, `DELETE FROM goose_db_version WHERE version_id >= 3; DROP TABLE foot; ALTER TABLE event DROP COLUMN redone; ALTER TABLE subject DROP COLUMN synced; ALTER TABLE record DROP COLUMN device;
		CREATE INDEX try_at ON try (at); DROP TABLE attempt;
		CREATE TABLE attempt (number INTEGER PRIMARY KEY, bucket TEXT NOT NULL, at INTEGER NOT NULL)`)
	_, s = open(t, dir, nil)
	snap, err := s.LoadOne(ctx, "anna", "anna-1")
	if err != nil || len(snap.Records) != 1 || !reflect.DeepEqual(snap.Records[0], old) {
		t.Errorf("after the step: %+v, %v", snap.Records, err)
	}
}

// An audit of before events could lose something is whole after that step, goes on,
// and can lose something.
func TestAuditOutlivesASchema(t *testing.T) {
	dir, ctx := audited(t, 5), context.Background()
	behind(t, dir, "DELETE FROM goose_db_version WHERE version_id >= 6; DROP TABLE foot; ALTER TABLE event DROP COLUMN redone")
	_, s := open(t, dir, nil)
	if err := s.Commit(ctx, account.Change{Version: -1, Events: []account.Event{{At: storetest.Now(), Act: account.ActReset}}}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Events != 6 {
		t.Errorf("after the step: %+v, %v", r, err)
	}
	if gone, err := s.Erase(ctx, dossier.Who{ID: "anna"}); err != nil || gone.Events != 5 {
		t.Errorf("%+v, %v", gone, err)
	}
	if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Events != 6 {
		t.Errorf("after an erasure: %+v, %v", r, err)
	}
}

// To make room for a ticket only those of the same person are looked at. With the
// tickets of ten thousand people a look at all made a login cost milliseconds of the
// one writer.
func TestRoomForATicketIsMadeByTheIndex(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, nil)
	raw, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	for _, table := range []string{"grants", "setups"} {
		plan, err := raw.Query("EXPLAIN QUERY PLAN "+rows.Surplus(table), "k", "s", "k", 8)
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for plan.Next() {
			var id, parent, unused int
			var step string
			if err := plan.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			steps = append(steps, step)
		}
		if err := errors.Join(plan.Err(), plan.Close()); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(steps, "\n")
		if !strings.Contains(said, table+"_subject (subject=? AND kind=?)") || !strings.Contains(said, "PRIMARY KEY (kind=? AND hash=?)") {
			t.Errorf("room among the %s is made so:\n%s", table, said)
		}
	}
}
