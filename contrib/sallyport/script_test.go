package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/enrollweb/words"
	"github.com/sallyport/sallyport/plugins/factor"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sallyport": main})
}

// TestScripts plays what an operator types against a real admin socket, with a
// small house in memory behind it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			said, err := words.Reasons("", "")
			if err != nil {
				return err
			}
			h, err := admin.New(admin.Config{Support: &house{}, Issuer: &house{}, Engine: &house{}, System: &house{}, Ledger: everybody{}, Text: said, Now: time.Now})
			if err != nil {
				return err
			}
			// The work folder of a script may be too deep for a socket.
			dir, err := os.MkdirTemp("", "sp")
			if err != nil {
				return err
			}
			path := filepath.Join(dir, "a")
			l, err := listen.Unix(listen.Config{Path: path})
			if err != nil {
				return err
			}
			srv := admin.Server(h, slog.New(slog.DiscardHandler))
			go srv.Serve(l)
			env.Defer(func() { srv.Close(); os.RemoveAll(dir) })
			env.Setenv("SALLYPORT_SOCKET", path)
			env.Setenv("TZ", "UTC")
			// Without this a tool built with -race lingers a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
	})
}

// house knows alice, müller, lost, who has no phone, and "a/b ..", each by those
// names only; zora's directory is away.
type house struct{}

func (*house) find(name string) (account.Facts, error) {
	switch name {
	case "alice", "müller", "lost", "a/b", "..":
		return account.Facts{Fitness: account.Fit, AsOf: time.Now(),
			Subject: account.Subject{ID: "1-2-3", Name: name, DisplayName: "Alice \x1b[31mMüller", Mail: "alice@example.org", Groups: []string{"staff"}}}, nil
	case "zora":
		return account.Facts{}, fmt.Errorf("binding to ldap://dead: %w", account.ErrUnavailable)
	default:
		return account.Facts{}, account.ErrNotFound
	}
}

func (h *house) User(_ context.Context, name string) (enroll.Overview, error) {
	facts, err := h.find(name)
	if err != nil {
		return enroll.Overview{}, err
	}
	now := time.Now()
	o := enroll.Overview{
		Facts: facts,
		Snapshot: account.Snapshot{Subject: facts.ID, Records: []account.Record{
			{ID: "r1", Factor: "totp", Label: "Alices Telefon", Uses: -1, Created: now.Add(-48 * time.Hour), LastUsed: now.Add(-3 * time.Minute), LastService: "web"},
			{ID: "r2", Factor: "app-password", Label: "Tablet\x1b[2J", Device: "r1", Uses: -1, Created: now, LastUsed: now.Add(-2 * time.Hour), LastService: "dav", LastFrom: "192.0.2.0", LastAgent: "DAVx5"},
			{ID: "r3", Factor: "app-password", Label: "Laptop", Device: "gone", Uses: -1, Created: now, Revoked: now},
			{ID: "r4", Factor: "recovery", Uses: 8, Created: now},
		}},
		Tries: []account.Event{{At: now.Add(-5 * time.Minute), Act: account.ActCheck, Service: "web", Verdict: factor.Deny,
			Reason: account.CodeWrong, Address: "192.0.2.1", Count: 3}},
		Blocks: []enroll.Block{{What: "code", Tries: 6, Until: now.Add(90 * time.Second)}},
	}
	if name == "müller" {
		used := account.Record{ID: "r5", Factor: "recovery", Created: now.Add(-time.Hour), LastUsed: now.Add(-27 * time.Minute), LastService: "web", LastFrom: "192.0.2.7"}
		o.Snapshot.Records = append(o.Snapshot.Records, used.ForSupport(now))
	}
	if name == "lost" {
		o.Snapshot.Records, o.Blocks = o.Snapshot.Records[1:], nil
	}
	return o, nil
}

func (h *house) Reset(_ context.Context, o enroll.Order) (enroll.Invite, error) {
	if _, err := h.find(o.Name); err != nil {
		return enroll.Invite{}, err
	}
	if want := fmt.Sprintf("(%d)", os.Getuid()); o.Operator[len(o.Operator)-len(want):] != want {
		return enroll.Invite{}, fmt.Errorf("operator is %q", o.Operator)
	}
	if o.Reason != "lost phone" || o.Ticket != "4711" {
		return enroll.Invite{}, account.ErrConflict
	}
	return enroll.Invite{Code: "ABCD-EFGH", Expires: time.Now().Add(24*time.Hour + time.Minute), Removed: 4}, nil
}

// Code gives one out, and shows by name what can be in the way.
func (h *house) Code(_ context.Context, o enroll.Order) (enroll.Invite, error) {
	switch {
	case o.Name == "lost":
		return enroll.Invite{}, &bylaws.Refusal{Sentence: "lost has no phone that a code could stand in for.", Hint: "Look what is needed: sallyport user NAME"}
	case o.Name == "..":
		return enroll.Invite{}, &bylaws.Refusal{Sentence: "You have reached the limit of 20 in an hour for this (code).", Hint: "Wait, or ask a colleague.", RetryAfter: time.Minute}
	case o.Name == "a/b":
		return enroll.Invite{}, &bylaws.Refusal{Sentence: "A ticket number is compulsory here.", Hint: "Add it: --ticket NUMBER", Mendable: true}
	case o.Life == 0:
		o.Life = time.Hour
	}
	return enroll.Invite{Code: "k7m3p-9x2qr", Expires: time.Now().Add(o.Life + 30*time.Second)}, nil
}

func (h *house) Unlock(_ context.Context, o enroll.Order) error {
	_, err := h.find(o.Name)
	return err
}

func (h *house) Revoke(_ context.Context, o enroll.Order) (int, error) {
	switch {
	case o.Record == "":
		return 2, nil
	case o.Record == "r2":
		return 1, nil
	default:
		return 0, nil
	}
}

func (h *house) Issue(_ context.Context, o enroll.Order, w enroll.Wish) (records.Made, error) {
	if o.Name != "scanner3" {
		return records.Made{}, &enroll.Refusal{Reason: account.NotAllowed}
	}
	return records.Made{Record: account.Record{ID: "r9 for " + strings.Join(w.Services, ",")}, Secret: "k7m2-9qxv"}, nil
}

func (h *house) EndSessions(ctx context.Context, o enroll.Order) error { return h.Unlock(ctx, o) }

// Check takes "right" with the code 123456.
func (h *house) Check(_ context.Context, a account.Attempt) account.Answer {
	switch {
	case a.Name == "zora":
		return account.Answer{Reason: account.DirectoryUnavailable}
	case a.Password != "right ":
		return account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}
	case a.Code == "":
		return account.Answer{Verdict: factor.Deny, Reason: account.CodeRequired, Ticket: "secret-ticket"}
	case a.Code != "123456":
		return account.Answer{Verdict: factor.Deny, Reason: account.CodeWrong, Drift: -3 * time.Minute}
	}
	return account.Answer{Verdict: factor.Accept, Reason: account.OK, Ticket: "secret-ticket", Factors: []string{"totp", "directory"},
		Subject: account.Subject{ID: "1-2-3", Name: a.Name}}
}

func (h *house) Explain(_ context.Context, name, service string) ([]check.Step, error) {
	if service != "web" {
		return nil, account.ErrNotFound
	}
	return []check.Step{{Asked: "account fit?", Answer: "yes"},
		{Asked: "second factor owed?", Answer: "yes", Config: "sallyport.toml:12 accept", Stops: true}}, nil
}

func (h *house) Status(context.Context) (api.Status, error) {
	now := time.Now()
	return api.Status{Version: "v1.2.3", Started: now.Add(-26 * time.Hour), Now: now, Page: "https://page.example.org",
		Directory:  []api.Server{{URL: "ldap://one", Up: true}, {URL: "ldap://two", Note: "connection refused"}},
		Plugins:    []api.Plugin{{Kind: "totp", Up: true, PID: 77, Restarts: 1}},
		Store:      api.Store{OK: true, Kind: "sqlite", Bytes: 4096, AuditSeq: 3},
		Clock:      api.Clock{OK: true},
		Enrollment: api.Enrollment{Subjects: 1, Records: map[string]int{"totp": 1, "app-password": 2}},
		Listeners:  []api.Listening{{Protocol: "http", Address: "/run/sallyport/check.sock"}}}, nil
}

func (h *house) Events(_ context.Context, after int64, limit int) ([]account.Event, error) {
	var out []account.Event
	for seq := after + 1; seq <= 3 && len(out) < limit; seq++ {
		out = append(out, account.Event{Seq: seq, At: time.Unix(1700000000+seq, 0), Act: account.ActReset, Name: "alice",
			Actor: "root(0)", Note: "lost phone\nforged line", Ticket: "4711"})
	}
	return out, nil
}

func (h *house) VerifyAudit(_ context.Context, log string) (api.AuditReport, error) {
	if log != "" {
		return api.AuditReport{OK: true, Events: 3, First: 1, Last: 3, Anchors: len(strings.Fields(log)), AnchoredEvent: 3, AnchoredAt: time.Unix(1700000000, 0),
			AnchorsOlder: strings.Count(log, ":2:aa:bb"), AnchorsRestored: strings.Count(log, ":9:cc:dd")}, nil
	}
	return api.AuditReport{Events: 3, First: 1, Last: 3, Head: "abcd", Problem: "event 2 was changed"}, nil
}
