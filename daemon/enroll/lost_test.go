package enroll_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
)

// A lost phone ends with the app passwords on it and with every other session,
// and with nothing else.
func TestALostPhoneEndsWithWhatIsOnIt(t *testing.T) {
	o := withPhones(newScene(t, nil), "first", "second")
	ctx, lost := context.Background(), o.order[0]
	gone, _ := o.app("on it", lost)
	kept, _ := o.app("on the other", o.order[1])
	none, _ := o.app("on none", "")
	q := o.ask()
	o.grant(o.token, q)
	elsewhere := o.open(account.TicketEntry, "alice")
	done, err := o.desk.LosePhone(ctx, o.token, lost)
	o.ok(err)
	if len(done.Codes) > 0 {
		t.Error("there are new emergency codes, and a phone is left")
	}
	for _, dead := range []account.Secret{o.token, elsewhere} {
		_, err := o.desk.View(ctx, dead)
		over(t, err)
	}
	over(t, o.granted(q))
	o.token = done.Session.Token
	o.move(time.Minute)
	if o.verify("alice", "totp", o.code(o.keys[lost])) || o.verify("alice", "app-password", gone) {
		t.Error("the lost phone still works")
	}
	if !o.verify("alice", "totp", o.code(o.keys[o.order[1]])) || !o.verify("alice", "app-password", kept) || !o.verify("alice", "app-password", none) {
		t.Error("more ended than what was lost")
	}
	var told []string
	for _, e := range o.audited(2) {
		told = append(told, string(e.Act)+" "+e.Label+": "+e.Note)
	}
	if got, want := strings.Join(told, "; "), "revoke first: lost; revoke on it: on the lost phone "+lost; got != want {
		t.Errorf("audited %q, want %q", got, want)
	}
	_, err = o.desk.LosePhone(ctx, o.token, lost)
	refused(t, err, account.NotAllowed)
}

// Nobody is left without a second factor and without a way to make one: after the
// last phone there are emergency codes, the password alone opens nothing, and the
// same session connects a new phone.
func TestTheLastPhoneLeavesEmergencyCodes(t *testing.T) {
	for _, left := range []int{10, 0} {
		o := withPhones(newScene(t, nil), "only")
		ctx := context.Background()
		for _, code := range o.codes[left:] {
			o.useUp(code)
		}
		if n := o.view().CodesLeft; n != left {
			t.Fatalf("%d codes are left, want %d", n, left)
		}
		done, err := o.desk.LosePhone(ctx, o.token, o.order[0])
		o.ok(err)
		sheet := append(slices.Clone(o.codes[:left]), done.Codes...)
		if len(sheet) != 10 || !o.verify("alice", "recovery", sheet[0]) || o.active("alice", "totp") != 0 {
			t.Fatalf("%d left: there are %d good codes", left, len(sheet))
		}
		_, err = o.desk.Open(ctx, o.ticket(account.TicketEnroll, "alice"))
		over(t, err)
		o.token = done.Session.Token
		if v := o.view(); len(v.Devices) != 0 || v.Stage != enroll.StageHome || !v.Fresh || v.CodesLeft != 10 {
			t.Errorf("%d left: %+v", left, v)
		}
		id := o.add(devices.Plan{Label: "new"})
		o.move(time.Minute)
		if !o.verify("alice", "totp", o.code(o.keys[id])) || !o.verify("alice", "recovery", sheet[1]) {
			t.Errorf("%d left: the new phone, or a code, does not work", left)
		}
	}
	// Where there are no emergency codes at all, or none that opens the page,
	// another takes its place instead.
	for _, edit := range []func(*enroll.Config){func(c *enroll.Config) { c.Recovery = "" }, func(c *enroll.Config) { c.CodesOpen = false }} {
		o := withPhones(newScene(t, edit), "only")
		_, err := o.desk.LosePhone(context.Background(), o.token, o.order[0])
		refused(t, err, account.NotAllowed)
		if o.active("alice", "totp") != 1 || o.view().MayLoseLast {
			t.Error("the last phone is gone, or the page offers it")
		}
	}
}

// useUp uses an emergency code, as a login does.
func (o *owner) useUp(code account.Secret) {
	o.t.Helper()
	snap := o.load("alice")
	at := slices.IndexFunc(snap.Records, func(r account.Record) bool { return r.Factor == "recovery" })
	rec, no, err := o.cfg.Ask(context.Background(), snap.Records[at:at+1], code)
	if err != nil || no != nil {
		o.t.Fatal(no, err)
	}
	o.ok(o.store.Commit(context.Background(), account.Change{Subject: "id-alice", Version: snap.Version, Put: []account.Record{rec}}))
}
