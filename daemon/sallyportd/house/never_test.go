package house

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
	"github.com/sallyport/sallyport/plugins/factor"
)

// kept are the rows that nothing but their owner, an operator or their age may
// remove. When and from where a record was last used is left out, and so is what
// binds a person's rows together, which changes with them.
func (s *scene) kept() []string {
	s.t.Helper()
	rows := s.rows("subject", "id, invite")
	rows = append(rows, s.rows("record", "subject, id, factor, label, services, created, pending, revoked, expires, uses, format, payload, device")...)
	for _, table := range []string{"grants", "setups", "sessions", "sources", "attempt", "try", "event", "head"} {
		columns := "*"
		if table == "head" {
			columns = "one" // it moves with every event
		}
		rows = append(rows, s.rows(table, columns)...)
	}
	return rows
}

// live does what a day does: logins of all kinds, support, monitoring. What
// comes of it is not asked here.
func (s *scene) live(names ...string) {
	s.t.Helper()
	for _, name := range names {
		for _, service := range []string{"web", "dav"} {
			for _, password := range []account.Secret{account.Secret(name + "-password"), "wrong", "abcd-efgh-jkmn-pqrs-tvwx-yz01"} {
				if a := s.try(service, name, password, "123456"); a.Verdict == factor.Accept {
					s.t.Errorf("%s: accepted on %s", name, service)
				}
			}
		}
		_, _ = s.duty.Now().Support.User(s.t.Context(), name)
	}
	s.census(s.t.Context())
	if _, err := s.VerifyAudit(s.t.Context(), ""); err != nil {
		s.t.Errorf("verifying: %v", err)
	}
}

// fill gives alice something of every kind, all of it in use: some will be of no
// use soon, some has been for nearly as long as it is kept.
func (s *scene) fill() account.Secret {
	s.t.Helper()
	alice, now := s.person("alice"), s.clock.Now()
	app := s.enroll(alice, "app-password", nil)
	s.enroll(alice, "totp", nil)
	s.enroll(alice, "recovery", nil)
	s.enroll(alice, "app-password", func(r *account.Record) { r.Revoked = now.Add(-89 * 24 * time.Hour) })
	s.enroll(alice, "totp", func(r *account.Record) { r.Pending, r.Expires = true, now.Add(10*time.Minute) })
	c := account.Change{Subject: alice.ID, Version: -1}
	for i, kind := range []account.TokenKind{account.TicketPassword, account.TicketEnroll, account.TicketEntry, account.TokenInvite,
		account.TokenSetup, account.TokenSession, account.TokenSource} {
		c.PutTokens = append(c.PutTokens, account.Token{Kind: kind, Hash: [32]byte{byte(i + 1)}, Subject: alice.ID, Data: []byte("x"),
			Created: now, Expires: now.Add(5 * time.Minute)})
	}
	s.must(s.store.Commit(s.t.Context(), c))
	for _, at := range []time.Time{now.Add(-29 * 24 * time.Hour), now} {
		_, _, err := s.store.Fail(s.t.Context(), account.Try{Bucket: "of alice", At: at, Allow: func([]time.Time) time.Duration { return 0 }})
		s.must(err)
		s.must(s.store.Log(s.t.Context(), []account.Event{{Act: account.ActCheck, At: at, Subject: alice.ID, Name: "alice", Note: at.String()}}, nil))
	}
	return app
}

// TestNeverDeletesBecauseOfAnErrorOrAnOutage: whatever the directory, the store
// or the clock do, what was there is there, unchanged.
func TestNeverDeletesBecauseOfAnErrorOrAnOutage(t *testing.T) {
	sweepAhead := func(by time.Duration) func(s *scene) {
		return func(s *scene) {
			sweeper := s.sweeper()
			s.must(sweeper.recall(s.t.Context()))
			now := sweeper.now
			sweeper.now = func() time.Time { return now().Add(by) }
			for _, safe := range []bool{false, true, true} {
				sweeper.safe = func() bool { return safe }
				s.must(sweeper.sweep(s.t.Context()))
			}
		}
	}
	for name, tt := range map[string]struct {
		happens func(s *scene)
		after   func(s *scene)
		// accept says that alice's app password is good again after it.
		accept bool
	}{
		"the directory is away": {happens: func(s *scene) { s.people.Kill() }, after: func(s *scene) { s.people.Restart() }, accept: true},
		"the directory hangs":   {happens: func(s *scene) { s.people.Freeze() }, after: func(s *scene) { s.people.Thaw() }, accept: true},
		"the directory does not know the service account": {
			happens: func(s *scene) {
				s.people.Modify(directorytest.BindDN, "userPassword", "another")
				s.people.Restart() // ends the connections that are bound already
			},
			after:  func(s *scene) { s.people.Modify(directorytest.BindDN, "userPassword", directorytest.BindPassword) },
			accept: true,
		},
		"the directory is empty": {happens: func(s *scene) {
			for _, name := range []string{"alice", "bert", "carla", "dora", "müller"} {
				s.people.Delete(directorytest.PersonDN(name))
			}
		}},
		"the person is not found": {happens: func(s *scene) { s.people.Rename(directorytest.PersonDN("alice"), "uid=alicia") },
			after: func(s *scene) { s.people.Rename("uid=alicia,"+directorytest.PeopleDN, "uid=alice") }, accept: true},
		"the person is disabled": {happens: func(s *scene) { s.people.Modify(directorytest.PersonDN("alice"), "pwdEndTime", "20200101000000Z") },
			after: func(s *scene) { s.people.Modify(directorytest.PersonDN("alice"), "pwdEndTime") }, accept: true},
		"the store takes nothing": {
			happens: func(s *scene) {
				for _, table := range []string{"subject", "record", "grants", "setups", "sessions", "sources", "attempt", "try", "event"} {
					s.behind("CREATE TRIGGER no_" + table + " BEFORE INSERT ON " + table + " BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END")
				}
			},
			after: func(s *scene) {
				for _, table := range []string{"subject", "record", "grants", "setups", "sessions", "sources", "attempt", "try", "event"} {
					s.behind("DROP TRIGGER no_" + table)
				}
			},
			accept: true,
		},
		"the clock runs an hour ahead":      {happens: sweepAhead(time.Hour), accept: true},
		"the clock runs nearly a day ahead": {happens: sweepAhead(23 * time.Hour), accept: true},
		"the clock runs a month ahead":      {happens: sweepAhead(30 * 24 * time.Hour), accept: true},
		"the clock runs years ahead":        {happens: sweepAhead(5 * 365 * 24 * time.Hour), accept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			app := s.fill()
			before := s.kept()
			for _, table := range []string{"subject ", "record ", "grants ", "setups ", "sessions ", "sources ", "attempt ", "try ", "event "} {
				if !slices.ContainsFunc(before, func(row string) bool { return strings.HasPrefix(row, table) }) {
					t.Fatalf("nothing is in %s", table)
				}
			}
			tt.happens(s)
			s.live("alice", "bert", "nobody")
			s.must(s.sweeper().sweep(t.Context()))
			after := s.kept()
			for _, row := range before {
				if !slices.Contains(after, row) {
					t.Errorf("gone, or changed: %s", row)
				}
			}
			if tt.after != nil {
				tt.after(s)
			}
			if tt.accept {
				s.eventually("alice is let in again", func() bool { return s.try("dav", "alice", app, "").Verdict == factor.Accept })
			}
		})
	}
}
