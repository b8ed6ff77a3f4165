// Package storetest is the suite that every store must pass: what the
// contract says (Run), what it says when many call at once, and that nothing
// acknowledged is lost when the process is killed (Crash).
//
// It is for tests only. How a store is damaged behind its back is each
// implementation's own to test.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// Now is the time that stores under test are given as their clock.
func Now() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC) }

// Run runs the whole suite but Crash. Each call of open gives an empty store,
// whose clock is Now; it closes the store when the test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"UnknownSubject", unknownSubject},
		{"RecordComesBackWhole", recordComesBackWhole},
		{"PayloadsOnlyOfNamedFactors", payloadsOnlyOfNamedFactors},
		{"LoadOneHasOneRecord", loadOneHasOneRecord},
		{"CallerOwnsWhatItGets", callerOwnsWhatItGets},
		{"VersionDecides", versionDecides},
		{"PutWithoutPayloadKeepsIt", putWithoutPayloadKeepsIt},
		{"PutRefusesForeignRecords", putRefusesForeignRecords},
		{"Delete", deleteRecords},
		{"InviteFlag", inviteFlag},
		{"Comparing", comparing},
		{"SyncedMark", syncedMark},
		{"AnyVersion", anyVersion},
		{"ConflictWritesNothing", conflictWritesNothing},
		{"TokensComeBack", tokensComeBack},
		{"TokenKindsAreApart", tokenKindsAreApart},
		{"TakenOnce", takenOnce},
		{"TakeOnlyOnesOwn", takeOnlyOnesOwn},
		{"EndTokens", endTokens},
		{"TokensSeenAreNotRemembered", tokensSeenAreNotRemembered},
		{"TicketsAreBounded", ticketsAreBounded},
		{"FailCounts", failCounts},
		{"Refund", refund},
		{"TriesAgreeWithAModel", triesAgreeWithAModel},
		{"FailWithoutRule", failWithoutRule},
		{"Audit", audit},
		{"AuditOfNobody", auditOfNobody},
		{"TriesAreCoalesced", triesAreCoalesced},
		{"TriesAreBounded", triesAreBounded},
		{"LastUse", lastUse},
		{"Census", census},
		{"GivenUp", givenUp},
		{"OneVersionOneWinner", oneVersionOneWinner},
		{"BudgetHoldsUnderLoad", budgetHoldsUnderLoad},
		{"OneTokenOneWinner", oneTokenOneWinner},
		{"AuditIsGaplessUnderLoad", auditIsGaplessUnderLoad},
		{"ReadersSeeWholeChanges", readersSeeWholeChanges},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func testRecord(subject account.ID, id string) account.Record {
	return account.Record{
		ID: id, Subject: subject, Factor: "totp", Label: "Telefon von Müller", Services: []string{"web", "imap"}, Device: "phone of " + id,
		Created: Now(), Pending: true, Revoked: Now().Add(time.Hour), Expires: Now().Add(2 * time.Hour), Uses: 3,
		LastUsed: Now().Add(-time.Hour), LastFrom: "192.0.2.1", LastAgent: "DAVx5", LastService: "web",
		Format: 7, Payload: []byte("payload of " + id),
	}
}

func activeRecord(subject account.ID, id, factor string) account.Record {
	r := testRecord(subject, id)
	r.Factor, r.Pending, r.Revoked, r.Expires, r.Uses = factor, false, time.Time{}, time.Time{}, -1
	return r
}

func testToken(kind account.TokenKind, subject account.ID, n byte) account.Token {
	return account.Token{
		Kind: kind, Hash: [32]byte{n, 31: n}, Subject: subject, Data: []byte{n, 0, 255},
		Created: Now(), Expires: Now().Add(time.Minute),
	}
}

func ref(t account.Token) account.TokenRef { return account.TokenRef{Kind: t.Kind, Hash: t.Hash} }

func commit(t testing.TB, s store.Store, c account.Change) {
	t.Helper()
	if err := s.Commit(context.Background(), c); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func load(t testing.TB, s store.Store, id account.ID, factors ...string) account.Snapshot {
	t.Helper()
	got, err := s.Load(context.Background(), id, factors...)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return got
}

func conflicts(t testing.TB, s store.Store, c account.Change) {
	t.Helper()
	if err := s.Commit(context.Background(), c); !errors.Is(err, account.ErrConflict) {
		t.Errorf("commit: %v, want a conflict", err)
	}
}

func refused(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("%s: %v, want unavailable", what, err)
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func unknownSubject(t *testing.T, s store.Store) {
	same(t, "a stranger", load(t, s, "nobody", "totp"), account.Snapshot{Subject: "nobody"})
	if _, err := s.Token(context.Background(), account.TokenRef{Kind: account.TokenSession}); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("an unknown token: %v", err)
	}
	tries, err := s.Tries(context.Background(), "nobody", 10)
	if err != nil || len(tries) != 0 {
		t.Errorf("a stranger's tries: %v, %v", tries, err)
	}
}

func recordComesBackWhole(t *testing.T, s store.Store) {
	full, bare := testRecord("anna", "a"), account.Record{ID: "b", Subject: "anna", Factor: "recovery", Payload: []byte{}}
	bare.Created = Now().Add(time.Second)
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{bare, full}})
	got := load(t, s, "anna", "totp", "recovery")
	if len(got.Records) == 2 && len(got.Records[1].Payload) == 0 {
		got.Records[1].Payload = []byte{} // nil or empty is all one
	}
	same(t, "anna", got, account.Snapshot{Subject: "anna", Version: 1, Records: []account.Record{full, bare}})

	changed := testRecord("anna", "a")
	changed.Label, changed.Services, changed.Pending, changed.Payload = "neu", nil, false, []byte("other")
	changed.Revoked, changed.Uses, changed.Format, changed.Device = time.Time{}, -1, 8, "another phone"
	commit(t, s, account.Change{Subject: "anna", Version: 1, Put: []account.Record{changed}})
	same(t, "the record put again", load(t, s, "anna", "totp").Records[0], changed)
}

func payloadsOnlyOfNamedFactors(t *testing.T, s store.Store) {
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{
		activeRecord("anna", "a", "totp"), activeRecord("anna", "b", "app-password"), activeRecord("anna", "c", "recovery")}})
	for _, c := range []struct {
		factors []string
		open    map[string]bool
	}{
		{nil, nil},
		{[]string{"totp"}, map[string]bool{"a": true}},
		{[]string{"app-password", "recovery"}, map[string]bool{"b": true, "c": true}},
		{[]string{"other"}, nil},
		{[]string{"b"}, nil}, // a record's ID is none
	} {
		for _, r := range load(t, s, "anna", c.factors...).Records {
			want := ""
			if c.open[r.ID] {
				want = "payload of " + r.ID
			}
			if string(r.Payload) != want {
				t.Errorf("asked for %v: %s has %d bytes of payload", c.factors, r, len(r.Payload))
			}
		}
	}
}

func loadOneHasOneRecord(t *testing.T, s store.Store) {
	commit(t, s, account.Change{Subject: "anna", Synced: true, Put: []account.Record{testRecord("anna", "a"), testRecord("anna", "b")}})
	commit(t, s, account.Change{Subject: "bert", Put: []account.Record{testRecord("bert", "c")}})
	for record, want := range map[string][]account.Record{"b": {testRecord("anna", "b")}, "c": nil, "none": nil} {
		for range 2 { // the second time, after somebody wrote to theirs
			got, err := s.LoadOne(context.Background(), "anna", record)
			if err != nil || got.Subject != "anna" || got.Version != 1 || !got.Synced {
				t.Fatalf("%s: %+v, %v", record, got, err)
			}
			same(t, record, got.Records, want)
			for i := range got.Records {
				got.Records[i].Services[0], got.Records[i].Payload[0], got.Records[i].Label = "spoilt", 'X', "spoilt"
			}
		}
	}
}

func callerOwnsWhatItGets(t *testing.T, s store.Store) {
	put := []account.Record{testRecord("anna", "a")}
	commit(t, s, account.Change{Subject: "anna", Put: put})
	want := testRecord("anna", "a")
	put[0].Services[0], put[0].Payload[0] = "spoilt", 'X'
	first := load(t, s, "anna", "totp")
	first.Records[0].Services[0], first.Records[0].Payload[0], first.Records[0].Label = "spoilt", 'X', "spoilt"
	same(t, "the record after others wrote to theirs", load(t, s, "anna", "totp").Records, []account.Record{want})
}

func versionDecides(t *testing.T, s store.Store) {
	for version := range int64(5) {
		conflicts(t, s, account.Change{Subject: "anna", Version: version + 1})
		commit(t, s, account.Change{Subject: "anna", Version: version, Put: []account.Record{testRecord("anna", fmt.Sprint(version))}})
		conflicts(t, s, account.Change{Subject: "anna", Version: version})
		if got := load(t, s, "anna").Version; got != version+1 {
			t.Fatalf("version %d, want %d", got, version+1)
		}
	}
	commit(t, s, account.Change{Subject: "anna", Version: 5})
	if got := load(t, s, "anna").Version; got != 6 {
		t.Errorf("version %d after a change of nothing, want 6", got)
	}
	same(t, "somebody else", load(t, s, "bert"), account.Snapshot{Subject: "bert"})
}

func putWithoutPayloadKeepsIt(t *testing.T, s store.Store) {
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{testRecord("anna", "a")}})
	closed := load(t, s, "anna").Records[0]
	closed.Label = "umbenannt"
	commit(t, s, account.Change{Subject: "anna", Version: 1, Put: []account.Record{closed}})
	want := testRecord("anna", "a")
	want.Label = "umbenannt"
	same(t, "renamed without its payload", load(t, s, "anna", "totp").Records, []account.Record{want})
	closed.Payload = []byte{}
	commit(t, s, account.Change{Subject: "anna", Version: 2, Put: []account.Record{closed}})
	if p := load(t, s, "anna", "totp").Records[0].Payload; len(p) != 0 {
		t.Errorf("an empty payload was not put: %d bytes", len(p))
	}
}

func putRefusesForeignRecords(t *testing.T, s store.Store) {
	ctx := context.Background()
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{testRecord("anna", "a")}})
	refused(t, "another subject's record", s.Commit(ctx, account.Change{Subject: "bert", Put: []account.Record{testRecord("anna", "b")}}))
	refused(t, "an id that is taken", s.Commit(ctx, account.Change{Subject: "bert", Put: []account.Record{testRecord("bert", "a")}}))
	refused(t, "no id", s.Commit(ctx, account.Change{Subject: "bert", Put: []account.Record{testRecord("bert", "")}}))
	refused(t, "records at any version", s.Commit(ctx, account.Change{Subject: "bert", Version: -1, Put: []account.Record{testRecord("bert", "b")}}))
	refused(t, "nobody's record", s.Commit(ctx, account.Change{Put: []account.Record{testRecord("", "b")}}))
	refused(t, "another subject's token", s.Commit(ctx, account.Change{Subject: "bert",
		PutTokens: []account.Token{testToken(account.TokenSession, "anna", 1)}}))
	refused(t, "a token of no kind", s.Commit(ctx, account.Change{Subject: "bert", PutTokens: []account.Token{testToken("x", "bert", 1)}}))
	same(t, "bert", load(t, s, "bert"), account.Snapshot{Subject: "bert"})
	same(t, "anna", load(t, s, "anna", "totp").Records, []account.Record{testRecord("anna", "a")})
}

func deleteRecords(t *testing.T, s store.Store) {
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{
		testRecord("anna", "a"), testRecord("anna", "b"), testRecord("anna", "c")}})
	commit(t, s, account.Change{Subject: "anna", Version: 1, Delete: []string{"a", "c", "not there"}})
	same(t, "what is left", load(t, s, "anna", "totp").Records, []account.Record{testRecord("anna", "b")})
	again := testRecord("anna", "b")
	again.Payload = []byte("new")
	commit(t, s, account.Change{Subject: "anna", Version: 2, Delete: []string{"b"}, Put: []account.Record{again}})
	same(t, "deleted and put in one", load(t, s, "anna", "totp").Records, []account.Record{again})
}

func inviteFlag(t *testing.T, s store.Store) {
	yes, no := true, false
	for i, c := range []struct {
		set  *bool
		want bool
	}{{nil, false}, {&yes, true}, {nil, true}, {&no, false}, {&yes, true}} {
		commit(t, s, account.Change{Subject: "anna", Version: int64(i), InviteRequired: c.set})
		if got := load(t, s, "anna").InviteRequired; got != c.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

func anyVersion(t *testing.T, s store.Store) {
	yes := true
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{testRecord("anna", "a"), testRecord("anna", "b")}})
	commit(t, s, account.Change{Subject: "anna", Version: -1, PutTokens: []account.Token{testToken(account.TicketPassword, "anna", 1)}})
	if got := load(t, s, "anna").Version; got != 1 {
		t.Errorf("a ticket moved the version to %d", got)
	}
	commit(t, s, account.Change{Subject: "anna", Version: -1, Delete: []string{"a"}, InviteRequired: &yes})
	got := load(t, s, "anna", "totp")
	same(t, "anna", got, account.Snapshot{Subject: "anna", Version: 2, InviteRequired: true, Records: []account.Record{testRecord("anna", "b")}})
	conflicts(t, s, account.Change{Subject: "anna", Version: 1})
}

func conflictWritesNothing(t *testing.T, s store.Store) {
	ctx := context.Background()
	number, _, err := s.Fail(ctx, account.Try{Bucket: "x", At: Now(), Allow: always})
	if err != nil {
		t.Fatal(err)
	}
	kept := testToken(account.TokenSession, "anna", 1)
	commit(t, s, account.Change{Subject: "anna", PutTokens: []account.Token{kept}})
	all := account.Change{
		Subject: "anna", Version: 7, Put: []account.Record{testRecord("anna", "a")},
		PutTokens: []account.Token{testToken(account.TokenSession, "anna", 2)}, TakeTokens: []account.TokenRef{ref(kept)},
		EndTokens: []account.TokenKind{account.TokenSession}, Refund: []int64{number}, ClearTries: []string{"x"},
		Events: []account.Event{{Act: account.ActEnroll}},
	}
	conflicts(t, s, all)
	all.Version, all.TakeTokens = 1, []account.TokenRef{ref(kept), {Kind: account.TokenInvite}}
	conflicts(t, s, all)
	same(t, "anna", load(t, s, "anna"), account.Snapshot{Subject: "anna", Version: 1})
	if _, err := s.Token(ctx, ref(kept)); err != nil {
		t.Errorf("the token is gone: %v", err)
	}
	if _, err := s.Token(ctx, ref(all.PutTokens[0])); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("the new token is there: %v", err)
	}
	if events, err := s.Events(ctx, 0, 10); err != nil || len(events) != 0 {
		t.Errorf("events %v, %v", events, err)
	}
	if n := len(triesIn(t, s, "x")); n != 1 {
		t.Errorf("%d tries", n)
	}
}

// comparing holds a change that is none of the records to a version, and leaves
// that version as it is.
func comparing(t *testing.T, s store.Store) {
	ask := func(version int64) account.Change {
		return account.Change{Subject: "anna", Version: version, Compare: true, PutTokens: []account.Token{testToken(account.TokenSource, "anna", byte(1+version))}}
	}
	commit(t, s, ask(0)) // of her nothing is kept yet
	if got := load(t, s, "anna"); got.Version != 0 {
		t.Errorf("a change that only compares made version %d", got.Version)
	}
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{testRecord("anna", "a")}})
	conflicts(t, s, ask(0))
	for range 2 {
		commit(t, s, ask(1))
	}
	if got := load(t, s, "anna"); got.Version != 1 || len(got.Records) != 1 {
		t.Errorf("after comparing: version %d with %d records", got.Version, len(got.Records))
	}
	conflicts(t, s, ask(2))
	for _, c := range []account.Change{
		{Version: -1}, {Version: 1, Synced: true}, {Version: 1, Delete: []string{"a"}}, {Version: 1, Put: []account.Record{testRecord("anna", "b")}},
	} {
		c.Subject, c.Compare = "anna", true
		refused(t, "a change that compares and is more than that", s.Commit(context.Background(), c))
	}
}

// syncedMark is set once, by a change or by a use, and stays whatever happens to
// the records.
func syncedMark(t *testing.T, s store.Store) {
	ctx, yes := context.Background(), true
	commit(t, s, account.Change{Subject: "anna", Put: []account.Record{testRecord("anna", "a")}})
	if load(t, s, "anna").Synced {
		t.Error("it is there from the beginning")
	}
	commit(t, s, account.Change{Subject: "anna", Version: -1, Synced: true})
	if got := load(t, s, "anna"); !got.Synced || got.Version != 2 {
		t.Errorf("after a change: %t at version %d, want it at 2", got.Synced, got.Version)
	}
	conflicts(t, s, account.Change{Subject: "anna", Version: 1, Compare: true})
	commit(t, s, account.Change{Subject: "bert", Put: []account.Record{testRecord("bert", "b")}})
	used := testRecord("bert", "b")
	if err := s.Log(ctx, nil, []account.Record{used, {ID: "x", Subject: "nobody", LastUsed: Now()}}); err != nil {
		t.Fatal(err)
	}
	if got := load(t, s, "bert"); !got.Synced || got.Version != 1 {
		t.Errorf("after a use: %t at version %d, want it at 1", got.Synced, got.Version)
	}
	if got := load(t, s, "nobody"); got.Synced || got.Version != 0 {
		t.Errorf("somebody of whom nothing is kept: %+v", got)
	}
	for _, name := range []account.ID{"anna", "bert"} {
		for _, c := range []account.Change{
			{Version: -1, Delete: []string{"a", "b"}, InviteRequired: &yes},
			{Version: -1, EndTokens: []account.TokenKind{account.TokenSession}},
			{Version: -1, InviteRequired: new(bool)},
		} {
			c.Subject = name
			commit(t, s, c)
		}
		if got := load(t, s, name); !got.Synced || len(got.Records) != 0 {
			t.Errorf("%s after all is gone: %+v", name, got)
		}
	}
}
