package moving_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/reading"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

func TestAllPhonesOfOnePersonComeTogether(t *testing.T) {
	s := newScene(t, "alice", "bert")
	var steps atomic.Int64
	o := moving.Order{Step: func(of int) {
		if steps.Add(1); of != 10 {
			t.Errorf("%d steps in all, want two for each entry", of)
		}
	}}
	entries := list("alice 1", "ALICE 2", "bert 1", "alice 1", "nobody 3")
	out := s.take(o, entries, moving.Imported, moving.Imported, moving.Imported, moving.Present, moving.Refused)
	if !strings.Contains(out[3].Reason, "the same as line 1") || !strings.Contains(out[4].Reason, "nobody of this name") {
		t.Errorf("%v", out)
	}
	if steps.Load() != int64(2*len(entries)) {
		t.Errorf("%d steps, want two for each of %d", steps.Load(), len(entries))
	}
	snap := s.load("alice")
	if len(snap.Records) != 2 || snap.Version != 1 {
		t.Fatalf("alice has %d records after %d changes, want 2 after one", len(snap.Records), snap.Version)
	}
	for _, r := range snap.Records {
		if !r.Active(now()) || r.Uses != -1 || len(r.Payload) == 0 || len(r.ID) != 32 {
			t.Errorf("%v is not as one that was set up: %+v", r, r)
		}
	}
	if snap.Records[0].ID == s.load("bert").Records[0].ID {
		t.Error("two people with one secret share an id")
	}
	all := s.events()
	if len(all) != 2 {
		t.Fatalf("%d events, want one for each person", len(all))
	}
	for _, e := range all {
		if e.Act != account.ActImport || e.Actor != "root(0)" || e.Factor != "totp" || !strings.Contains(e.Note, "imported from list") || e.Name == "" || e.Subject == "" {
			t.Errorf("audited as %+v", e)
		}
	}
	s.take(moving.Order{}, entries, moving.Present, moving.Present, moving.Present, moving.Present, moving.Refused)
	if len(s.events()) != 2 || s.load("alice").Version != 1 {
		t.Error("the same again was written")
	}
}

func TestAPersonHasOnlySoMany(t *testing.T) {
	s := newScene(t, "alice")
	out := s.take(moving.Order{}, list("alice 1", "alice 2", "alice 3", "alice 4", "alice 5", "alice 6"),
		moving.Imported, moving.Imported, moving.Imported, moving.Imported, moving.Imported, moving.Refused)
	if !strings.Contains(out[5].Reason, "5 at most") || len(s.load("alice").Records) != 5 {
		t.Errorf("%v", out[5])
	}
	s.take(moving.Order{}, list("alice 1", "alice 2", "alice 3", "alice 4", "alice 5", "alice 6"), moving.Present, moving.Present,
		moving.Present, moving.Present, moving.Present, moving.Refused)
	// A phone that was added to the file later comes in beside those that came from it.
	s = newScene(t, "alice")
	s.take(moving.Order{}, list("alice 1"), moving.Imported)
	s.take(moving.Order{}, list("alice 1", "alice 2"), moving.Present, moving.Imported)
	if len(s.load("alice").Records) != 2 {
		t.Error("the second phone is not there")
	}
}

func TestDryRunWritesNothingAndSaysTheSame(t *testing.T) {
	s := newScene(t, "alice", "bert")
	entries := list("alice 1", "bert 2", "nobody 3")
	want := []moving.Result{moving.Imported, moving.Imported, moving.Refused}
	s.take(moving.Order{DryRun: true}, entries, want...)
	if len(s.events()) != 0 || s.load("alice").Version != 0 {
		t.Fatal("a dry run wrote")
	}
	s.take(moving.Order{}, entries, want...)
}

// enrolled gives alice a phone of her own, an app password on it, a set-up that
// waits for its code, and a session.
func (s *scene) enrolled() {
	who := factsOf("alice").ID
	record := func(id, kind string) account.Record {
		return account.Record{ID: id, Subject: who, Factor: kind, Created: now().AddDate(0, 0, -7), Uses: -1, Format: 1, Payload: []byte(id)}
	}
	own, app, waiting := record("own", "totp"), record("app", "app-password"), record("waiting", "totp")
	app.Device, waiting.Pending = "own", true
	s.commit(account.Change{Subject: who, Put: []account.Record{own, app, waiting}, PutTokens: []account.Token{
		{Kind: account.TokenSession, Hash: [32]byte{1}, Subject: who, Data: []byte("x"), Created: now(), Expires: now().AddDate(0, 0, 1)},
	}})
}

func TestWhoHasACodeAppKeepsIt(t *testing.T) {
	s := newScene(t, "alice")
	s.enrolled()
	out := s.take(moving.Order{}, list("alice 1"), moving.Skipped)
	if !strings.Contains(out[0].Reason, "2027-02-22") || !strings.Contains(out[0].Reason, "--replace") || len(s.load("alice").Records) != 3 || len(s.events()) != 0 {
		t.Errorf("%v", out[0])
	}
}

func TestReplaceEndsWhatWas(t *testing.T) {
	s := newScene(t, "alice")
	s.enrolled()
	s.take(moving.Order{Replace: true}, list("alice 1"), moving.Replaced)
	snap := s.load("alice")
	var phone, app account.Record
	for _, r := range snap.Records {
		if r.Factor == "totp" {
			phone = r
		} else {
			app = r
		}
	}
	if len(snap.Records) != 2 || phone.ID == "own" || phone.Pending {
		t.Fatalf("left are %v", snap.Records)
	}
	if app.Device != phone.ID || string(app.Payload) != "app" {
		t.Errorf("the app password is on %q with %q, want on the new phone and unchanged", app.Device, app.Payload)
	}
	_, err := s.state.Store.Token(context.Background(), account.TokenRef{Kind: account.TokenSession, Hash: [32]byte{1}})
	if !errors.Is(err, account.ErrNotFound) {
		t.Errorf("a session outlived the phone it was opened with: %v", err)
	}
	if e := s.events(); len(e) != 1 || !strings.HasSuffix(e[0].Note, "in the place of 1") {
		t.Errorf("audited as %v", e)
	}
	s.take(moving.Order{Replace: true}, list("alice 1"), moving.Present)
	// With two, the app password is on none of them.
	s.take(moving.Order{Replace: true}, list("alice 2", "alice 3"), moving.Replaced, moving.Replaced)
	for _, r := range s.load("alice").Records {
		if r.Device != "" {
			t.Errorf("%v is still on %q", r, r.Device)
		}
	}
}

func TestALostPhoneDoesNotComeBack(t *testing.T) {
	s := newScene(t, "alice", "bert")
	s.take(moving.Order{}, list("alice 1", "bert 2"), moving.Imported, moving.Imported)
	yes := true
	s.commit(account.Change{Subject: factsOf("alice").ID, Delete: []string{s.load("alice").Records[0].ID}, InviteRequired: &yes})
	gone := s.load("bert").Records[0]
	gone.Revoked = now().AddDate(0, 0, -1)
	s.commit(account.Change{Subject: factsOf("bert").ID, Put: []account.Record{gone}})
	out := s.take(moving.Order{Replace: true}, list("alice 1", "bert 2"), moving.Refused, moving.Refused)
	if !strings.Contains(out[0].Reason, "reset") || !strings.Contains(out[1].Reason, "has ended") || len(s.load("alice").Records) != 0 {
		t.Errorf("%v", out)
	}
}

func TestNotifyIsAuditedAsASetUp(t *testing.T) {
	s := newScene(t, "alice", "bert")
	s.take(moving.Order{Notify: true}, list("alice 1"), moving.Imported)
	s.take(moving.Order{Notify: true, Replace: true}, list("alice 2"), moving.Replaced)
	e := s.events()
	if len(e) != 2 || e[0].Act != account.ActEnroll || e[1].Act != account.ActReplace || e[0].Actor != "root(0)" || e[0].Note != "imported from list" {
		t.Errorf("%+v", e)
	}
}

// A directory that is away leaves no half import.
func TestAnOutageLeavesNothingBehind(t *testing.T) {
	s := newScene(t, "alice", "bert", "carla")
	s.town.away = 2
	entries := list("alice 1", "bert 2", "carla 3")
	out, err := s.Take(context.Background(), entries, moving.Order{})
	if !errors.Is(err, account.ErrUnavailable) || len(s.events()) != 0 {
		t.Fatalf("%v, %d events", err, len(s.events()))
	}
	for _, o := range out {
		if o.Result != moving.Missing || !strings.Contains(o.Reason, "take the file again") {
			t.Errorf("%v", o)
		}
	}
	s.town.away = -1
	s.take(moving.Order{}, entries, moving.Imported, moving.Imported, moving.Imported)
}

// A state that fails in the middle has whole people only, and the same file again
// brings the rest.
func TestTheSameAgainBringsTheRest(t *testing.T) {
	var names, lines []string
	for i := range 120 {
		names = append(names, fmt.Sprintf("p%03d", i))
		lines = append(lines, fmt.Sprintf("p%03d %d", i, 2*i), fmt.Sprintf("p%03d %d", i, 2*i+1))
	}
	s := newScene(t, names...)
	whole := s.Store
	s.Store = &brittle{Store: whole, left: 50}
	entries := list(lines...)
	out, err := s.Take(context.Background(), entries, moving.Order{})
	if !errors.Is(err, account.ErrUnavailable) {
		t.Fatal(err)
	}
	in := 0
	for i, n := range names {
		got := len(s.load(n).Records)
		if got == 1 {
			t.Errorf("%s has half of their phones", n)
		}
		if told := out[2*i].Result == moving.Imported; told != (got == 2) || out[2*i+1].Result != out[2*i].Result {
			t.Errorf("%s has %d records, and is told of as %v", n, got, out[2*i])
		}
		in += got
	}
	if in != 100 {
		t.Errorf("%d records are in, want 100", in)
	}
	s.Store = whole
	counts := map[moving.Result]int{}
	for _, o := range s.take(moving.Order{}, entries) {
		counts[o.Result]++
	}
	if counts[moving.Present] != 100 || counts[moving.Imported] != 140 || len(s.events()) != 120 {
		t.Errorf("the second time: %v, %d events", counts, len(s.events()))
	}
}

// deaf is a factor that takes nothing.
type deaf struct{ err error }

func (d deaf) Import(context.Context, transfer.Arrival) (transfer.Imported, error) {
	return transfer.Imported{}, d.err
}
func (d deaf) Export(context.Context, transfer.Departure) (string, error) { return "", d.err }

func TestAFactorThatCannot(t *testing.T) {
	s := newScene(t, "alice")
	s.Factor = deaf{transfer.ErrUnsupported}
	if _, err := s.Take(context.Background(), list("alice 1"), moving.Order{}); !errors.Is(err, transfer.ErrUnsupported) || errors.Is(err, account.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	s.Factor = deaf{errors.New("gone")}
	if _, err := s.Take(context.Background(), list("alice 1"), moving.Order{}); !errors.Is(err, account.ErrUnavailable) || !strings.Contains(err.Error(), "line 1 of list") {
		t.Errorf("%v", err)
	}
}

func TestLabels(t *testing.T) {
	s := newScene(t, "alice")
	all, err := reading.CSV("f", "login,secret,label\nalice,"+secret(1)+",My phone\nalice,"+secret(2)+","+strings.Repeat("x", 65)+"\n")
	s.must(err)
	s.take(moving.Order{}, all, moving.Imported, moving.Refused)
	if r := s.load("alice").Records; len(r) != 1 || r[0].Label != "My phone" {
		t.Errorf("%v", r)
	}
}

func TestGive(t *testing.T) {
	s := newScene(t, "alice", "bert", "carla")
	s.enrolledElsewhere()
	s.take(moving.Order{}, list("alice 1", "alice 2", "carla 3"), moving.Imported, moving.Imported, moving.Imported)
	all, err := s.Give(context.Background())
	s.must(err)
	if len(all.Records) != 3 || all.People != 2 || all.Left != 1 {
		t.Fatalf("%d records of %d people, %d left out", len(all.Records), all.People, all.Left)
	}
	if g := all.Records[2]; g.Login != "carla" || !strings.Contains(g.Text, secret(3)) || strings.Contains(fmt.Sprintf("%v %#v", g, g), secret(3)) {
		t.Errorf("%v", g)
	}
	before := len(s.events())
	s.must(s.Audit(context.Background(), all, " we move ", "a\nfile"))
	if e := s.events()[before]; e.Act != account.ActExport || e.Note != "3 records of totp of 2 people leave for a?file: we move" || e.Actor != "root(0)" {
		t.Errorf("%+v", e)
	}
	s.Factor = deaf{transfer.ErrUnsupported}
	if all, err := s.Give(context.Background()); !errors.Is(err, transfer.ErrUnsupported) || len(all.Records) != 0 {
		t.Errorf("%v", err)
	}
}

// enrolledElsewhere is somebody who is in the directory no more.
func (s *scene) enrolledElsewhere() {
	s.commit(account.Change{Subject: "gone", Put: []account.Record{{ID: "g", Subject: "gone", Factor: "totp", Created: now(), Uses: -1, Format: 1, Payload: []byte("g")}}})
}
