package directory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// open opens a directory for the length of a test.
func open(t testing.TB, cfg directory.Config) *directory.Directory {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d, err := directory.Open(cfg)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return d
}

// find is Find for somebody who must be there.
func find(t testing.TB, d *directory.Directory, name string) account.Facts {
	t.Helper()
	facts, err := d.Find(context.Background(), name)
	if err != nil {
		t.Fatalf("finding %q: %v", name, err)
	}
	return facts
}

// wantBind asks and compares.
func wantBind(t testing.TB, d *directory.Directory, f account.Facts, password string, want account.Reason) {
	t.Helper()
	got, err := d.Bind(context.Background(), f, account.Secret(password))
	if err != nil || got != want {
		t.Errorf("binding as %s: %q, %v; want %q", f.DN, got, err, want)
	}
}

func wantUnavailable(t testing.TB, what string, reason account.Reason, err error) {
	t.Helper()
	if reason != "" || !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("%s: %q, %v; want unavailable", what, reason, err)
	}
}

// What the directory says of a language is told as it is; more than a list of
// languages is not.
func TestTheLanguageOfAPerson(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	s.Modify(directorytest.PersonDN("alice"), "preferredLanguage", "de-AT, en;q=0.5")
	s.Modify(directorytest.PersonDN("bert"), "preferredLanguage", strings.Repeat("en, ", 32)+"de")
	d := open(t, s.Config())
	for who, want := range map[string]string{"alice": "de-AT, en;q=0.5", "bert": "", "carla": ""} {
		if got := find(t, d, who); got.Language != want || got.Fitness != account.Fit {
			t.Errorf("%s: %+v, want language %q", who, got, want)
		}
	}
}

func TestSearchThenBind(t *testing.T) {
	for _, hash := range []struct {
		name   string
		argon2 bool
	}{{"SSHA", false}, {"ARGON2", true}} {
		t.Run(hash.name, func(t *testing.T) {
			s := directorytest.Start(t, directorytest.Options{Argon2: hash.argon2})
			s.AddPerson(directorytest.Person{Name: "anna maria", Password: " pässwörd "})
			d := open(t, s.Config())
			alice := find(t, d, "alice")
			if alice.ID == "" || alice.Name != "alice" || alice.DisplayName != "The alice" || alice.Mail != "alice@example.org" ||
				alice.DN != directorytest.PersonDN("alice") || alice.Fitness != account.Fit || alice.AsOf.IsZero() ||
				!slices.Equal(alice.Groups, []string{"staff"}) {
				t.Errorf("facts of alice: %+v", alice)
			}
			wantBind(t, d, alice, "alice-password", account.OK)
			wantBind(t, d, alice, "bert-password", account.BadCredentials)
			wantBind(t, d, alice, "alice-password ", account.BadCredentials)
			wantBind(t, d, find(t, d, "müller"), "müller-password", account.OK)
			wantBind(t, d, find(t, d, "anna maria"), " pässwörd ", account.OK)
			wantBind(t, d, find(t, d, "anna maria"), "pässwörd", account.BadCredentials)
			if dora := find(t, d, "dora"); dora.Fitness != account.Disabled {
				t.Errorf("dora is %v, want disabled", dora.Fitness)
			}
			if _, err := d.Find(context.Background(), "nobody"); !errors.Is(err, account.ErrNotFound) {
				t.Errorf("nobody: %v", err)
			}
			if err := d.Decoy(context.Background(), "alice-password"); err != nil {
				t.Errorf("decoy: %v", err)
			}
		})
	}
}

func TestAllSpellingsMeetInOneID(t *testing.T) {
	d := open(t, directorytest.Start(t, directorytest.Options{}).Config())
	for _, names := range [][]string{
		{"alice", "ALICE", "Alice", "ａｌｉｃｅ"},
		{"müller", "MÜLLER", "mu\u0308ller"},
	} {
		want := find(t, d, names[0]).ID
		for _, name := range names[1:] {
			if got := find(t, d, name).ID; got != want {
				t.Errorf("%q is %s, want %s", name, got, want)
			}
		}
	}
}

// eventually asks until it is so, or the time is up.
func eventually(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	limit, tick := time.After(within), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-limit:
			t.Fatalf("not within %v: %s", within, what)
		case <-tick.C:
		}
	}
}
