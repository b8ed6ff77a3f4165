package sqlite_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/store/sqlite/reseal"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

// What was sealed before the keys changed, and is written only when the old ones
// are gone, is under the new ones all the same.
func TestAWriteThatIsLaterThanItsKey(t *testing.T) {
	ctx, path, kek := context.Background(), filepath.Join(t.TempDir(), "state.db"), bytes.Repeat([]byte{1, 2}, 16)
	sealed, release := make(chan bool), make(chan bool)
	hold := false
	var s *sqlite.Store
	open := func() *sqlite.DB {
		db, err := sqlite.Open(ctx, sqlite.Config{Path: path, Now: storetest.Now, Journal: func(account.Change) (func(), error) {
			if hold {
				sealed <- true
				<-release
			}
			return func() { // the change is written by now
				if p, err := s.Load(ctx, "anna"); err != nil || len(p.Records) == 0 {
					t.Errorf("done before it is written: %v, %v", p.Records, err)
				}
			}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	var kept []byte
	ring, _, err := seal.NewRing(kek, db.Instance())
	if err != nil {
		t.Fatal(err)
	}
	s = db.Store(ring)
	first, late := token(account.TokenSession, "anna", 1), token(account.TokenSession, "anna", 2)
	if err := s.Commit(ctx, account.Change{Subject: "anna", Put: []account.Record{record("anna", "1", "totp", 1)}, PutTokens: []account.Token{first}}); err != nil {
		t.Fatal(err)
	}
	hold = true
	done := make(chan error)
	go func() {
		done <- s.Commit(ctx, account.Change{Subject: "anna", Version: 1, Put: []account.Record{record("anna", "2", "totp", 2)}, PutTokens: []account.Token{late}})
	}()
	<-sealed
	if kept, err = ring.Rotate(); err == nil {
		err = ring.Adopt(kept)
	}
	if err == nil {
		err = s.Reseal(ctx, func(reseal.Progress) error { return nil })
	}
	if err == nil {
		kept, err = ring.Retire()
	}
	if err != nil {
		t.Fatal(err)
	}
	release <- true
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	hold = false
	db = open()
	defer func() { _ = db.Close() }()
	if ring, err = seal.OpenRing(kek, kept, db.Instance()); err != nil {
		t.Fatal(err)
	}
	s = db.Store(ring)
	if r, err := s.Verify(ctx); err != nil || !r.OK() || r.Records != 2 || r.Tokens != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}
