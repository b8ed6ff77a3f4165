package enroll_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// owner is somebody with phones: the session, and the key of each phone by its
// record.
type owner struct {
	*scene
	token account.Secret
	keys  map[string]account.Secret
	order []string
	codes []account.Secret
}

// withPhones sets up as many phones as there are labels.
func withPhones(s *scene, labels ...string) *owner {
	s.t.Helper()
	o := &owner{scene: s, keys: map[string]account.Secret{}}
	o.token = s.open(account.TicketEnroll, "alice")
	for _, label := range labels {
		o.add(devices.Plan{Label: label})
	}
	return o
}

// add connects a phone and returns its record.
func (o *owner) add(plan devices.Plan) string {
	o.t.Helper()
	o.move(time.Minute) // another code than the last
	key := o.begin(o.token, plan).Setup.Secret
	done, err := o.desk.Confirm(context.Background(), o.token, o.code(key))
	o.ok(err)
	o.token = done.Session.Token
	if len(done.Codes) > 0 {
		o.codes = done.Codes
	}
	for _, r := range o.view().Devices {
		if _, known := o.keys[r.ID]; !known {
			o.keys[r.ID] = key
			o.order = append(o.order, r.ID)
			return r.ID
		}
	}
	o.t.Fatal("no new phone")
	return ""
}

func (o *owner) view() enroll.View {
	o.t.Helper()
	v, err := o.desk.View(context.Background(), o.token)
	o.ok(err)
	return v
}

// labels are the names of the phones, oldest first.
func (o *owner) labels() string {
	o.t.Helper()
	var all []string
	for _, r := range o.view().Devices {
		all = append(all, r.Label)
	}
	return strings.Join(all, ", ")
}

// app makes an app password on a phone and returns its secret and its record.
func (o *owner) app(label, phone string) (account.Secret, string) {
	o.t.Helper()
	made, err := o.desk.Issue(context.Background(), o.token, enroll.Wish{Label: label, Device: phone})
	o.ok(err)
	return made.Secret, made.Record
}

// audited are the newest acts, oldest first.
func (o *owner) audited(n int) []account.Event {
	o.t.Helper()
	all, err := o.store.Events(context.Background(), 0, 1000)
	o.ok(err)
	return all[max(0, len(all)-n):]
}

// Several phones show codes for one person; each is named, and each has its own
// last code.
func TestSeveralPhonesEachWithAName(t *testing.T) {
	o := withPhones(newScene(t, nil), "Handy von Zoë", "  Tablet ")
	if got := o.labels(); got != "Handy von Zoë, Tablet" {
		t.Errorf("the phones are %q", got)
	}
	o.move(time.Minute)
	for _, id := range o.order {
		if !o.verify("alice", "totp", o.code(o.keys[id])) {
			t.Errorf("the code of %s is refused", id)
		}
	}
	if e := o.audited(1)[0]; e.Act != account.ActAdd || e.Label != "Tablet" || e.Record != o.order[1] || e.Address != "192.0.2.7" {
		t.Errorf("the audit ends with %+v", e)
	}
	o.ok(o.desk.Rename(context.Background(), o.token, o.order[0], "Altes Handy"))
	if got := o.labels(); got != "Altes Handy, Tablet" {
		t.Errorf("renamed, the phones are %q", got)
	}
	for _, bad := range []string{"a\nb", strings.Repeat("ü", 65)} {
		_, err := o.desk.Begin(context.Background(), o.token, devices.Plan{Label: bad})
		refused(t, err, account.Malformed)
	}
}

// There are at most as many phones as the factor allows; one in the place of
// another is none more.
func TestAsManyPhonesAsTheFactorAllows(t *testing.T) {
	o := withPhones(newScene(t, nil), "1", "2", "3", "4", "5")
	_, err := o.desk.Begin(context.Background(), o.token, devices.Plan{Label: "6"})
	refused(t, err, account.NotAllowed)
	if v := o.view(); v.MostDevices != 5 {
		t.Errorf("the page is told %d", v.MostDevices)
	}
	o.add(devices.Plan{Replaces: o.order[2]})
	if got := o.labels(); got != "1, 2, 4, 5, 3" {
		t.Errorf("the phones are %q", got)
	}
	// A sixth whose key was shown before the fifth was there is refused, too.
	s := newScene(t, nil)
	o = withPhones(s, "1", "2", "3", "4")
	key := o.begin(o.token, devices.Plan{Label: "late"}).Setup.Secret
	snap := s.load("alice")
	fifth := snap.Records[slices.IndexFunc(snap.Records, func(r account.Record) bool { return r.ID == o.order[0] })]
	fifth.ID = "fifth"
	s.ok(s.store.Commit(context.Background(), account.Change{Subject: "id-alice", Version: snap.Version, Put: []account.Record{fifth}}))
	_, err = o.desk.Confirm(context.Background(), o.token, o.code(key))
	refused(t, err, account.NotAllowed)
}

// A new phone takes the place of the one named and of no other; the name and the
// app passwords on it go along.
func TestANewPhoneTakesThePlaceOfTheOneNamed(t *testing.T) {
	o := withPhones(newScene(t, nil), "first", "second")
	old := o.order[0]
	mine, _ := o.app("calendar", old)
	o.app("other", o.order[1])
	fresh := o.add(devices.Plan{Replaces: old})
	if got := o.labels(); got != "second, first" {
		t.Errorf("the phones are %q", got)
	}
	o.move(time.Minute)
	if o.verify("alice", "totp", o.code(o.keys[old])) || !o.verify("alice", "totp", o.code(o.keys[o.order[1]])) || !o.verify("alice", "totp", o.code(o.keys[fresh])) {
		t.Error("the wrong phones show good codes")
	}
	for _, r := range o.view().AppPasswords {
		if want := map[string]string{"calendar": fresh, "other": o.order[1]}[r.Label]; r.Device != want {
			t.Errorf("%s is on %q, want %q", r.Label, r.Device, want)
		}
	}
	if !o.verify("alice", "app-password", mine) {
		t.Error("an app password ended with the old phone")
	}
	if e := o.audited(1)[0]; e.Act != account.ActReplace || e.Label != "first" {
		t.Errorf("the audit ends with %+v", e)
	}
	for _, gone := range []string{old, "no such phone", o.view().AppPasswords[0].ID} {
		_, err := o.desk.Begin(context.Background(), o.token, devices.Plan{Replaces: gone})
		refused(t, err, account.NotAllowed)
	}
}

// A key belongs to what its window said: one to add a phone, begun after one to
// replace a phone, is another key.
func TestAKeyDoesWhatItsWindowSays(t *testing.T) {
	o := withPhones(newScene(t, nil), "only")
	o.move(time.Minute)
	replace := o.begin(o.token, devices.Plan{Replaces: o.order[0]}).Setup
	if again := o.begin(o.token, devices.Plan{Replaces: o.order[0]}).Setup; again != replace {
		t.Error("the same plan has another key")
	}
	if named := o.begin(o.token, devices.Plan{Replaces: o.order[0], Label: "new"}).Setup; named.Secret != replace.Secret || named.Plan.Label != "new" {
		t.Error("another name makes another key, or is not taken")
	}
	add := o.begin(o.token, devices.Plan{Label: "second"}).Setup
	if add.Secret == replace.Secret || add.Plan.Replaces != "" {
		t.Fatal("another plan has the same key")
	}
	_, err := o.desk.Confirm(context.Background(), o.token, o.code(replace.Secret))
	refused(t, err, account.CodeWrong)
	if got := o.labels(); got != "only" {
		t.Errorf("the phones are %q", got)
	}
}

// One of several phones is removed with a code that another one shows, or with an
// emergency code; each counts as a login's does.
func TestRemovingAPhoneTakesACodeFromAnother(t *testing.T) {
	for name, shown := range map[string]func(o *owner) account.Secret{
		"another phone":  func(o *owner) account.Secret { return o.code(o.keys[o.order[1]]) },
		"emergency code": func(o *owner) account.Secret { return o.codes[3] },
	} {
		o := withPhones(newScene(t, nil), "first", "second")
		ctx, gone := context.Background(), o.order[0]
		_, app := o.app("calendar", gone)
		elsewhere := o.open(account.TicketEntry, "alice")
		o.move(time.Minute)
		for _, wrong := range []account.Secret{"", "000000", o.code(o.keys[gone]), "k7m2-9qxv-dhz4-tw3c-8fnr-5jbp"} {
			_, err := o.desk.RemovePhone(ctx, o.token, devices.Removal{Record: gone, Code: wrong})
			refused(t, err, account.CodeWrong)
		}
		if e := o.audited(1)[0]; e.Act != account.ActCheck || e.Reason != account.CodeWrong || e.FrontEnd != "page" || e.Note != "removing a phone" {
			t.Errorf("%s: a wrong code left %+v", name, e)
		}
		before, code := o.counted, shown(o)
		next, err := o.desk.RemovePhone(ctx, o.token, devices.Removal{Record: gone, Code: code})
		o.ok(err)
		if o.counted != before+1 {
			t.Errorf("%s: counted %d tries", name, o.counted-before)
		}
		for _, dead := range []account.Secret{o.token, elsewhere} {
			_, err := o.desk.View(ctx, dead)
			over(t, err)
		}
		o.token = next.Token
		if got := o.labels(); got != "second" {
			t.Errorf("%s: the phones are %q", name, got)
		}
		if o.verify("alice", "totp", code) || o.verify("alice", "recovery", code) {
			t.Errorf("%s: the code is good for a second time", name)
		}
		if r := o.view().AppPasswords[0]; r.ID != app || r.Device != "" {
			t.Errorf("%s: the app password is %+v", name, r)
		}
		if e := o.audited(1)[0]; e.Act != account.ActRevoke || e.Record != gone || e.Label != "first" || e.Factor != "totp" {
			t.Errorf("%s: the audit ends with %+v", name, e)
		}
		_, err = o.desk.RemovePhone(ctx, o.token, devices.Removal{Record: o.order[1], Code: o.codes[5]})
		refused(t, err, account.NotAllowed) // the last one
	}
}

// The budget of codes holds for removing, too, an outage costs nothing, and
// nothing of it is done by a session that is not fresh.
func TestRemovingAPhoneIsCounted(t *testing.T) {
	m, seen := &flaky{}, &noted{}
	o := withPhones(newScene(t, func(c *enroll.Config) { m.Store = c.Store; seen.Store = m; c.Store = seen }), "first", "second")
	ctx, code := context.Background(), devices.Removal{Record: o.order[0]}
	o.move(time.Minute)
	code.Code = o.code(o.keys[o.order[1]])
	o.wait = time.Minute
	_, err := o.desk.RemovePhone(ctx, o.token, code)
	refused(t, err, account.Throttled)
	o.wait = 0
	m.fail = "Commit"
	if _, err := o.desk.RemovePhone(ctx, o.token, code); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("an outage: %v", err)
	}
	m.fail = ""
	// An outage of the factor is taken back as the right code is, and a wrong one
	// stays counted.
	away, plugin := &liar{err: errors.New("the process is gone")}, o.cfg.Factors["totp"]
	o.cfg.Factors["totp"] = enroll.Factor{Info: plugin.Info, Plugin: away}
	if _, err := o.desk.RemovePhone(ctx, o.token, code); !errors.Is(err, account.ErrUnavailable) || !slices.Equal(seen.last.Refund, []int64{int64(o.counted)}) {
		t.Errorf("an outage of the factor: %v, refunded %v of %d", err, seen.last.Refund, o.counted)
	}
	o.cfg.Factors["totp"] = plugin
	_, err = o.desk.RemovePhone(ctx, o.token, devices.Removal{Record: o.order[0], Code: "000000"})
	refused(t, err, account.CodeWrong)
	if len(seen.last.Refund) > 0 {
		t.Errorf("a wrong code: refunded %v", seen.last.Refund)
	}
	third := o.add(devices.Plan{Label: "third"})
	o.move(time.Minute)
	next, err := o.desk.RemovePhone(ctx, o.token, devices.Removal{Record: third, Code: o.code(o.keys[o.order[1]])})
	o.ok(err)
	if o.token = next.Token; !slices.Equal(seen.last.Refund, []int64{int64(o.counted)}) {
		t.Errorf("a right code: refunded %v of %d", seen.last.Refund, o.counted)
	}
	o.move(10 * time.Minute)
	_, err = o.desk.RemovePhone(ctx, o.token, code)
	refused(t, err, account.CodeRequired)
	_, err = o.desk.LosePhone(ctx, o.token, o.order[0])
	refused(t, err, account.CodeRequired)
	if got := o.labels(); got != "first, second" {
		t.Errorf("the phones are %q", got)
	}
}

// noted is a store that remembers the last change.
type noted struct {
	records.Store
	last account.Change
}

func (n *noted) Commit(ctx context.Context, c account.Change) error {
	n.last = c
	return n.Store.Commit(ctx, c)
}

// Two windows remove both phones at once: one phone is left, whoever is first.
func TestTwoWindowsLeaveOnePhone(t *testing.T) {
	for round := range 8 {
		o := withPhones(newScene(t, nil), "first", "second")
		windows := []account.Secret{o.token, o.token}
		if round%2 == 1 { // of two browsers
			windows[1] = o.open(account.TicketEntry, "alice")
		}
		o.move(time.Minute)
		var all sync.WaitGroup
		for i, id := range o.order {
			code := o.code(o.keys[o.order[1-i]])
			all.Go(func() {
				_, _ = o.desk.RemovePhone(context.Background(), windows[i], devices.Removal{Record: id, Code: code})
			})
		}
		all.Wait()
		if n := o.active("alice", "totp"); n != 1 {
			t.Fatalf("%d phones are left", n)
		}
	}
}

// An app password is marked as on a phone when it is made or later, and only on
// one that is there.
func TestAppPasswordsAreMarkedAsOnAPhone(t *testing.T) {
	o := withPhones(newScene(t, nil), "first")
	ctx := context.Background()
	_, id := o.app("calendar", "")
	for _, phone := range []string{o.order[0], o.order[0], ""} {
		o.ok(o.desk.PlaceOn(ctx, o.token, id, phone))
		if r := o.view().AppPasswords[0]; r.Device != phone {
			t.Errorf("it is on %q, want %q", r.Device, phone)
		}
	}
	if e := o.audited(2); e[0].Act != account.ActRename || e[0].Note != "on the phone "+o.order[0] || e[1].Note != "on no phone" {
		t.Errorf("the audit ends with %+v", e)
	}
	refused(t, o.desk.PlaceOn(ctx, o.token, id, "no such phone"), account.NotAllowed)
	refused(t, o.desk.PlaceOn(ctx, o.token, id, id), account.NotAllowed)
	refused(t, o.desk.PlaceOn(ctx, o.token, o.order[0], o.order[0]), account.NotAllowed)
	_, err := o.desk.Issue(ctx, o.token, enroll.Wish{Label: "x", Device: "no such phone"})
	refused(t, err, account.Malformed)
	setup := o.open(account.TicketEnroll, "bert")
	refused(t, o.desk.PlaceOn(ctx, setup, id, ""), account.EnrollRequired)
	_, err = o.desk.RemovePhone(ctx, setup, devices.Removal{Record: o.order[0], Code: "123456"})
	refused(t, err, account.EnrollRequired)
	_, err = o.desk.LosePhone(ctx, setup, o.order[0])
	refused(t, err, account.EnrollRequired)
	bert, _ := o.setUp("bert")
	refused(t, o.desk.PlaceOn(ctx, bert.Session.Token, id, ""), account.NotAllowed)
}

// mixed is a store that tells everybody's tries to everybody.
type mixed struct{ records.Store }

func (m mixed) Tries(ctx context.Context, _ account.ID, limit int) ([]account.Event, error) {
	all, err := m.Store.Tries(ctx, "id-alice", limit)
	others, oerr := m.Store.Tries(ctx, "id-bert", limit)
	return append(all, others...), errors.Join(err, oerr)
}

// The owner is told of their own tries where app passwords are for, and of nobody
// else's; not of what was typed as a name.
func TestTriesAreTheOwnersOwn(t *testing.T) {
	s, ctx := newScene(t, func(c *enroll.Config) { c.Store = mixed{c.Store} }), context.Background()
	token := s.open(account.TicketEntry, "alice")
	try := func(edit func(*account.Event)) {
		e := account.Event{At: s.clock(), Act: account.ActCheck, Actor: "user", Subject: "id-alice", Name: "ALICE, call us", Service: "dav", Reason: account.AppPasswordTypo, Peer: "radicale(7)"}
		edit(&e)
		s.ok(s.store.Log(ctx, []account.Event{e}, nil))
	}
	try(func(e *account.Event) { e.Agent = "mine" })
	try(func(e *account.Event) { e.Subject = "id-bert" })
	try(func(e *account.Event) { e.Service = "web" })
	try(func(e *account.Event) { e.Actor = "root(0)" })
	try(func(e *account.Event) { e.Agent = "newer" })
	own, err := s.desk.Tries(ctx, token)
	s.ok(err)
	if len(own) != 2 || own[0].Agent != "newer" || own[1].Agent != "mine" || own[0].Name != "" || own[0].Peer != "" || own[0].Reason != account.AppPasswordTypo {
		t.Errorf("%+v", own)
	}
	_, err = s.desk.Tries(ctx, s.open(account.TicketEnroll, "alice"))
	refused(t, err, account.EnrollRequired)
}
