package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/daemon/store/storetest"
)

func vault() store.Vault { return store.Vault{Sealer: storetest.Sealer(), Instance: "instance"} }

func sample() account.Record {
	return account.Record{ID: "id", Subject: "anna", Factor: "totp", Label: "label", Services: []string{"dav", "web"},
		Created: storetest.Now(), Pending: true, Revoked: storetest.Now(), Expires: storetest.Now(), Uses: 1, Format: 1, Payload: []byte("secret")}
}

func TestPayloadsOpenInTheirPlaceOnly(t *testing.T) {
	r := sample()
	sealed, err := vault().SealPayload(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Payload = sealed
	if got, err := vault().OpenPayload(r); err != nil || string(got) != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
	for name, move := range map[string]func(*store.Vault, *account.Record){
		"instance":         func(v *store.Vault, _ *account.Record) { v.Instance = "another" },
		"subject":          func(_ *store.Vault, r *account.Record) { r.Subject = "bert" },
		"factor":           func(_ *store.Vault, r *account.Record) { r.Factor = "recovery" },
		"record":           func(_ *store.Vault, r *account.Record) { r.ID = "other" },
		"a shifted border": func(_ *store.Vault, r *account.Record) { r.Factor, r.ID = "totpi", "d" },
	} {
		v, moved := vault(), r
		move(&v, &moved)
		if _, err := v.OpenPayload(moved); err == nil {
			t.Errorf("opened in another place: %s", name)
		}
	}
}

func TestTokensOpenInTheirPlaceOnly(t *testing.T) {
	token := account.Token{Kind: account.TokenSession, Hash: [32]byte{1}, Subject: "anna", Data: []byte("secret"),
		Created: storetest.Now(), Expires: storetest.Now()}
	sealed, err := vault().SealToken(token)
	if err != nil {
		t.Fatal(err)
	}
	token.Data = sealed
	if got, err := vault().OpenToken(token); err != nil || string(got) != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
	for name, move := range map[string]func(*store.Vault, *account.Token){
		"instance": func(v *store.Vault, _ *account.Token) { v.Instance = "another" },
		"kind":     func(_ *store.Vault, t *account.Token) { t.Kind = account.TokenSetup },
		"hash":     func(_ *store.Vault, t *account.Token) { t.Hash[31] = 1 },
		"subject":  func(_ *store.Vault, t *account.Token) { t.Subject = "bert" },
		"created":  func(_ *store.Vault, t *account.Token) { t.Created = t.Created.Add(1) },
		"expires":  func(_ *store.Vault, t *account.Token) { t.Expires = t.Expires.Add(time.Hour) },
	} {
		v, moved := vault(), token
		move(&v, &moved)
		if _, err := v.OpenToken(moved); err == nil {
			t.Errorf("opened in another place: %s", name)
		}
	}
}

func TestStateCoversAllThatDecides(t *testing.T) {
	second := sample()
	second.ID = "second"
	base := account.Snapshot{Subject: "anna", Version: 3, Records: []account.Record{sample(), second}}
	want := vault().State(base)
	change := func(f func(*account.Snapshot)) []byte {
		s := base
		s.Records = slices.Clone(base.Records)
		f(&s)
		return vault().State(s)
	}
	seen := map[string]string{string(want): "nothing"}
	for name, f := range map[string]func(*account.Snapshot){
		"subject": func(s *account.Snapshot) { s.Subject = "bert" }, "version": func(s *account.Snapshot) { s.Version++ },
		"invite":  func(s *account.Snapshot) { s.InviteRequired = true },
		"removed": func(s *account.Snapshot) { s.Records = s.Records[:1] },
		"added":   func(s *account.Snapshot) { s.Records = append(s.Records, sample()) },
		"none":    func(s *account.Snapshot) { s.Records = nil },
		"id":      func(s *account.Snapshot) { s.Records[0].ID = "x" }, "factor": func(s *account.Snapshot) { s.Records[0].Factor = "x" },
		"label": func(s *account.Snapshot) { s.Records[0].Label = "x" }, "services": func(s *account.Snapshot) { s.Records[0].Services = []string{"davweb"} },
		"fewer":   func(s *account.Snapshot) { s.Records[0].Services = nil },
		"created": func(s *account.Snapshot) { s.Records[0].Created = time.Time{} }, "pending": func(s *account.Snapshot) { s.Records[0].Pending = false },
		"revoked": func(s *account.Snapshot) { s.Records[0].Revoked = time.Time{} }, "expires": func(s *account.Snapshot) { s.Records[0].Expires = time.Time{} },
		"uses": func(s *account.Snapshot) { s.Records[0].Uses = -1 }, "format": func(s *account.Snapshot) { s.Records[0].Format++ },
		"payload": func(s *account.Snapshot) { s.Records[0].Payload = []byte("x") },
		"device":  func(s *account.Snapshot) { s.Records[0].Device = "phone" }, "another's device": func(s *account.Snapshot) { s.Records[1].Device = "phone" },
		"swapped": func(s *account.Snapshot) { s.Records[0].ID, s.Records[1].ID, s.Records[0].Uses = "second", "id", 9 },
	} {
		got := string(change(f))
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[got] = name
	}
	for name, f := range map[string]func(*account.Snapshot){
		"order":    func(s *account.Snapshot) { slices.Reverse(s.Records) },
		"last use": func(s *account.Snapshot) { s.Records[0].LastUsed, s.Records[0].LastFrom = storetest.Now(), "192.0.2.1" },
		"zone":     func(s *account.Snapshot) { s.Records[0].Created = s.Records[0].Created.In(time.FixedZone("x", 3600)) },
	} {
		if !bytes.Equal(change(f), want) {
			t.Errorf("%s changes the fingerprint", name)
		}
	}
	other := vault()
	other.Instance = "another"
	if bytes.Equal(other.State(base), want) {
		t.Error("another instance has the same fingerprint")
	}
}

func TestChainAndHead(t *testing.T) {
	v, other := vault(), vault()
	other.Instance = "another"
	first := v.Chain(nil, []byte("event"))
	for name, got := range map[string][]byte{
		"another event": v.Chain(nil, []byte("Event")), "after another": v.Chain(first, []byte("event")),
		"another instance": other.Chain(nil, []byte("event")), "an empty one": v.Chain(nil, nil), "a head": v.Head(1, nil),
	} {
		if store.Same(first, got) {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
	if store.Same(v.Head(1, first), v.Head(2, first)) || store.Same(v.Head(1, first), v.Head(1, nil)) {
		t.Error("two ends have the same fingerprint")
	}
}

func TestUnavailable(t *testing.T) {
	cause := errors.New("cause")
	err := store.Unavailable("writing", cause)
	if !errors.Is(err, account.ErrUnavailable) || !errors.Is(err, cause) || err.Error() != "writing: temporarily unavailable: cause" {
		t.Errorf("%v", err)
	}
	if again := store.Unavailable("doing", err); again != err {
		t.Errorf("wrapped twice: %v", again)
	}
}

func TestTimes(t *testing.T) {
	if store.Nanos(time.Time{}) != 0 || !store.Time(0).IsZero() {
		t.Error("the zero time is not 0")
	}
	now := storetest.Now()
	if got := store.Time(store.Nanos(now)); got != now {
		t.Errorf("%v came back as %v", now, got)
	}
}
