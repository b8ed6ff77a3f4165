package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// Tries are numbered as they come, also by a clock that was ahead: an old one
// behind thousands that are not is found as well, and no other is lost.
func TestSweepFindsOldTriesBehindManyNewOnes(t *testing.T) {
	_, s := open(t, t.TempDir(), nil)
	ctx, now := context.Background(), storetest.Now()
	count := func(bucket string, at time.Time) {
		if _, _, err := s.Fail(ctx, account.Try{Bucket: bucket, At: at, Allow: func([]time.Time) time.Duration { return 0 }}); err != nil {
			t.Error(err)
		}
	}
	var all sync.WaitGroup
	for i := range 2500 {
		all.Go(func() { count(fmt.Sprint("new ", i%100), now) })
	}
	all.Wait()
	count("old", now.Add(-32*24*time.Hour))
	if err := s.Sweep(ctx, now); err != nil {
		t.Fatal(err)
	}
	for bucket, want := range map[string]int{"old": 0, "new 0": 25, "new 99": 25} {
		_, _, err := s.Fail(ctx, account.Try{Bucket: bucket, At: now, Since: time.Unix(1, 0), Allow: func(earlier []time.Time) time.Duration {
			if len(earlier) != want {
				t.Errorf("%s: %d tries are left of %d", bucket, len(earlier), want)
			}
			return time.Hour
		}})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestSweep(t *testing.T) {
	_, s := open(t, t.TempDir(), nil)
	ctx, now, day := context.Background(), storetest.Now(), 24*time.Hour
	good := func(id string) account.Record {
		return account.Record{ID: id, Subject: "anna", Factor: "totp", Uses: -1, Created: now, Payload: []byte("p")}
	}
	keep, older, newer, half, waiting := good("keep"), good("older"), good("newer"), good("half"), good("waiting")
	older.Revoked, newer.Revoked = now.Add(-91*day), now.Add(-89*day)
	half.Pending, half.Expires = true, now.Add(-25*time.Hour)
	waiting.Pending, waiting.Expires = true, now.Add(-time.Hour)
	dead, alive := token(account.TokenSession, "anna", 1), token(account.TicketEntry, "anna", 2)
	expired := token(account.TokenInvite, "anna", 3)
	dead.Expires, expired.Expires = now.Add(-day), now.Add(1-day)
	c := account.Change{Subject: "anna", Put: []account.Record{keep, older, newer, half, waiting}, PutTokens: []account.Token{dead, alive, expired}}
	if err := s.Commit(ctx, c); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{now.Add(-32 * day), now.Add(-30 * day)} {
		if _, _, err := s.Fail(ctx, account.Try{Bucket: "b", At: at, Allow: func([]time.Time) time.Duration { return 0 }}); err != nil {
			t.Fatal(err)
		}
		if err := s.Log(ctx, []account.Event{{Subject: "anna", At: at, Note: at.String()}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Sweep(ctx, now); err != nil {
			t.Fatal(err)
		}
	}
	p, err := s.Load(ctx, "anna")
	names := ""
	for _, r := range p.Records {
		names += r.ID + " "
	}
	if err != nil || names != "keep newer waiting " || p.Version != 2 {
		t.Errorf("left: %s, version %d, %v", names, p.Version, err)
	}
	if _, err := s.Token(ctx, account.TokenRef{Kind: dead.Kind, Hash: dead.Hash}); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("the expired token: %v", err)
	}
	if _, err := s.Token(ctx, account.TokenRef{Kind: alive.Kind, Hash: alive.Hash}); err != nil {
		t.Errorf("the other token: %v", err)
	}
	if _, err := s.Token(ctx, account.TokenRef{Kind: expired.Kind, Hash: expired.Hash}); err != nil {
		t.Errorf("the token that expired within a day: %v", err)
	}
	_, _, err = s.Fail(ctx, account.Try{Bucket: "b", At: now, Since: time.Unix(1, 0), Allow: func(earlier []time.Time) time.Duration {
		if len(earlier) != 1 {
			t.Errorf("%d tries are left", len(earlier))
		}
		return 1
	}})
	if tries, err2 := s.Tries(ctx, "anna", 9); err != nil || err2 != nil || len(tries) != 1 {
		t.Errorf("%d last tries are left, %v, %v", len(tries), err, err2)
	}
	if r, err := s.Verify(ctx); err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestSweptIsRemembered: by a new start, too, and it never goes back.
func TestSweptIsRemembered(t *testing.T) {
	dir, ctx, now := t.TempDir(), context.Background(), storetest.Now()
	db, s := open(t, dir, nil)
	want := func(what string, at time.Time) {
		t.Helper()
		if got, err := s.Swept(ctx); err != nil || !got.Equal(at) {
			t.Errorf("%s: swept %v, %v; want %v", what, got, err, at)
		}
	}
	want("new", time.Time{})
	if err := s.Commit(ctx, account.Change{Version: -1, Events: []account.Event{{At: now.Add(-time.Hour)}, {At: now}}}); err != nil {
		t.Fatal(err)
	}
	want("never, but there are events", now)
	for _, at := range []time.Time{now.Add(-time.Minute), now.Add(time.Hour), now} {
		if err := s.Sweep(ctx, at); err != nil {
			t.Fatal(err)
		}
	}
	want("three times", now.Add(time.Hour))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Swept(ctx); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
	_, s = open(t, dir, nil)
	want("after a start", now.Add(time.Hour))
}
