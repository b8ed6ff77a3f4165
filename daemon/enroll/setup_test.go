package enroll_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

func TestTheWholeSetUp(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	token := s.open(account.TicketEnroll, "alice")
	v, err := s.desk.View(ctx, token)
	if err != nil || v.Stage != enroll.StageBegin || v.Kind != account.TokenSetup || v.Fresh || v.Setup.Secret != "" {
		t.Fatalf("%+v, %v", v, err)
	}
	first := s.begin(token)
	if first.Stage != enroll.StageConfirm || first.Setup.Secret == "" || !strings.Contains(first.Setup.URI.Reveal(), first.Setup.Secret.Reveal()) {
		t.Fatalf("no key: %+v", first)
	}
	_, err = s.desk.Confirm(ctx, token, "abc")
	refused(t, err, account.CodeWrong)
	if again := s.begin(token); again.Setup != first.Setup {
		t.Error("after an error it is another key")
	}
	if s.active("alice", "totp") != 0 {
		t.Error("an unconfirmed key lets in")
	}
	code := s.code(first.Setup.Secret)
	done, err := s.desk.Confirm(ctx, token, code)
	if err != nil || len(done.Codes) != 10 || done.Session.Kind != account.TokenSession {
		t.Fatalf("%d codes, %v", len(done.Codes), err)
	}
	_, err = s.desk.View(ctx, token)
	over(t, err)
	if s.verify("alice", "totp", code) {
		t.Error("the confirming code is good for a login")
	}
	v, err = s.desk.View(ctx, done.Session.Token)
	if err != nil || v.Stage != enroll.StageHome || !v.Fresh || len(v.Devices) != 1 || v.CodesLeft != 10 || v.Setup.Secret != "" {
		t.Errorf("%+v, %v", v, err)
	}
	if len(s.events) != 2 || s.events[0].Act != account.ActEnroll || s.events[1].Act != account.ActIssue {
		t.Errorf("told %v", s.events)
	}
}

func TestAnAbandonedSetUpLeavesTheOldState(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, key := s.setUp("alice")
	before := s.load("alice").Records
	s.begin(done.Session.Token)
	_, err := s.desk.Confirm(ctx, done.Session.Token, "000000")
	refused(t, err, account.CodeWrong)
	s.move(11 * time.Minute)
	_, err = s.desk.Confirm(ctx, done.Session.Token, s.code(key))
	refused(t, err, account.NotAllowed)
	var after []account.Record
	for _, r := range s.load("alice").Records {
		if !r.Pending {
			after = append(after, r)
		}
	}
	if !reflect.DeepEqual(before, after) {
		t.Error("the old records have changed")
	}
	if !s.verify("alice", "totp", s.code(key)) {
		t.Error("the old phone does not work")
	}
}

func TestANewPhoneReplacesTheOldOneAtConfirm(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	done, old := s.setUp("alice")
	other := s.open(account.TicketEntry, "alice")
	s.move(time.Minute)
	key := s.begin(done.Session.Token, s.replacing(done.Session.Token)).Setup.Secret
	if !s.verify("alice", "totp", s.code(old)) {
		t.Fatal("the old phone is dead before the new one works")
	}
	next, err := s.desk.Confirm(ctx, done.Session.Token, s.code(key))
	if err != nil || len(next.Codes) != 0 {
		t.Fatalf("%d codes, %v: there were some already", len(next.Codes), err)
	}
	s.move(time.Minute)
	if s.verify("alice", "totp", s.code(old)) || !s.verify("alice", "totp", s.code(key)) {
		t.Error("the wrong phone works")
	}
	for _, dead := range []account.Secret{done.Session.Token, other} {
		_, err := s.desk.View(ctx, dead)
		over(t, err)
	}
}

func TestASetUpSessionSeesAndDoesNothingElse(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	token := s.open(account.TicketEnroll, "alice")
	full := s.open(account.TicketEntry, "alice") // made behind its back
	if _, err := s.desk.Issue(ctx, full, enroll.Wish{Label: "phone"}); err != nil {
		t.Fatal(err)
	}
	v, err := s.desk.View(ctx, token)
	if err != nil || len(v.Devices)+len(v.AppPasswords) > 0 || v.CodesLeft != -1 {
		t.Errorf("it sees %+v, %v", v, err)
	}
	_, err = s.desk.Issue(ctx, token, enroll.Wish{Label: "x"})
	refused(t, err, account.EnrollRequired)
	_, err = s.desk.Codes(ctx, token)
	refused(t, err, account.EnrollRequired)
	refused(t, s.desk.Revoke(ctx, token, s.load("alice").Records[0].ID), account.EnrollRequired)
	// Emergency codes are a second factor: the password alone adds no phone.
	if _, err := s.desk.Codes(ctx, full); err != nil {
		t.Fatal(err)
	}
	_, err = s.desk.Begin(ctx, token, devices.Plan{})
	over(t, err)
	_, err = s.desk.Open(ctx, s.ticket(account.TicketEnroll, "alice"))
	over(t, err)
}

func TestNeverLetsAResetGiveTheAccountToThePassword(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	s.setUp("alice")
	inv, err := s.support.Reset(ctx, order("alice"))
	if err != nil || inv.Code == "" || inv.Removed != 2 {
		t.Fatalf("%+v, %v", inv, err)
	}
	berts, err := s.support.Reset(ctx, order("bert"))
	if err != nil {
		t.Fatal(err)
	}
	token := s.open(account.TicketEnroll, "alice")
	v, err := s.desk.View(ctx, token)
	if err != nil || v.Stage != enroll.StageInvite {
		t.Fatalf("%+v, %v", v, err)
	}
	_, err = s.desk.Begin(ctx, token, devices.Plan{})
	refused(t, err, account.NotAllowed)
	_, err = s.desk.Confirm(ctx, token, "123456")
	refused(t, err, account.NotAllowed)
	for _, wrong := range []account.Secret{"", "x", "00000-00000-00000", berts.Code} {
		refused(t, s.desk.Invite(ctx, token, wrong), account.CodeWrong)
	}
	// Even a full session, however it came to be, makes and replaces nothing.
	full := s.open(account.TicketEntry, "alice")
	_, err = s.desk.Issue(ctx, full, enroll.Wish{Label: "x"})
	refused(t, err, account.NotAllowed)
	key := s.begin(full).Setup.Secret
	_, err = s.desk.Confirm(ctx, full, s.code(key))
	refused(t, err, account.NotAllowed)
	s.wait = time.Minute
	refused(t, s.desk.Invite(ctx, token, inv.Code), account.Throttled)
	s.wait = 0
	if err := s.desk.Invite(ctx, token, account.Secret(" "+strings.ToUpper(inv.Code.Reveal())+" ")); err != nil {
		t.Fatal(err)
	}
	s.begin(token)
	if !s.load("alice").InviteRequired {
		t.Error("the invite is not needed any more before the set-up is confirmed")
	}
	// An abandoned set-up begins again with the same code.
	token = s.open(account.TicketEnroll, "alice")
	if err := s.desk.Invite(ctx, token, inv.Code); err != nil {
		t.Fatal(err)
	}
	key = s.begin(token).Setup.Secret
	if _, err := s.desk.Confirm(ctx, token, s.code(key)); err != nil || s.load("alice").InviteRequired {
		t.Fatal(err)
	}
	again, err := s.support.Reset(ctx, order("alice"))
	if err != nil {
		t.Fatal(err)
	}
	token = s.open(account.TicketEnroll, "alice")
	refused(t, s.desk.Invite(ctx, token, inv.Code), account.CodeWrong) // used
	s.move(23*time.Hour + 50*time.Minute)
	token = s.open(account.TicketEnroll, "alice")
	if err := s.desk.Invite(ctx, token, again.Code); err != nil {
		t.Fatal(err)
	}
	s.move(6 * time.Minute)
	key = s.begin(token).Setup.Secret
	s.move(5 * time.Minute) // the code ends while the key waits
	_, err = s.desk.Confirm(ctx, token, s.code(key))
	refused(t, err, account.NotAllowed)
	refused(t, s.desk.Invite(ctx, token, again.Code), account.CodeWrong)
}

func TestATicketOpensOneSession(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	for _, kind := range []account.TokenKind{account.TicketEnroll, account.TicketEntry} {
		ticket := s.ticket(kind, "alice")
		var opened atomic.Int64
		var wg sync.WaitGroup
		for range 256 {
			wg.Go(func() {
				if _, err := s.desk.Open(ctx, ticket); err == nil {
					opened.Add(1)
				}
			})
		}
		wg.Wait()
		if opened.Load() != 1 {
			t.Errorf("%s: %d sessions", kind, opened.Load())
		}
	}
	for _, bad := range []account.Secret{"", "forged", s.ticket(account.TicketPassword, "alice")} {
		_, err := s.desk.Open(ctx, bad)
		over(t, err)
	}
	late := s.ticket(account.TicketEntry, "alice")
	s.move(10 * time.Minute)
	_, err := s.desk.Open(ctx, late)
	over(t, err)
}

func TestADoubleConfirmMakesOnePhone(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	token := s.open(account.TicketEnroll, "alice")
	code := s.code(s.begin(token).Setup.Secret)
	var done atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := s.desk.Confirm(ctx, token, code); err == nil {
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 || s.active("alice", "totp") != 1 || s.active("alice", "recovery") != 1 || len(s.load("alice").Records) != 2 {
		t.Errorf("%d were told yes; %d phones, %d sheets", done.Load(), s.active("alice", "totp"), s.active("alice", "recovery"))
	}
}

// liar is a factor that answers what it must not.
type liar struct {
	factor.Factor
	result factor.Result
	err    error
}

func (l *liar) Verify(context.Context, factor.Request) (factor.Result, error) { return l.result, l.err }

func TestAConfirmationBelievesNoLiar(t *testing.T) {
	l := &liar{Factor: totp.Factor{}}
	s := newScene(t, func(c *enroll.Config) {
		f := c.Factors["totp"]
		f.Plugin = l
		c.Factors["totp"] = f
	})
	token := s.open(account.TicketEnroll, "alice")
	s.begin(token)
	own := s.load("alice").Records[0].ID
	for name, c := range map[string]liar{
		"silence": {}, "error": {err: errors.New("x"), result: factor.Result{Verdict: factor.Accept, Record: own}},
		"another record": {result: factor.Result{Verdict: factor.Accept, Record: "other"}},
		"big payload":    {result: factor.Result{Verdict: factor.Accept, Record: own, Payload: make([]byte, factor.MaxPayload+1)}},
		"mad":            {result: factor.Result{Verdict: 9, Record: own}},
		"nothing spent":  {result: factor.Result{Verdict: factor.Accept, Record: own}},
	} {
		l.result, l.err = c.result, c.err
		if _, err := s.desk.Confirm(context.Background(), token, "123456"); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l.err, l.result = nil, factor.Result{Verdict: factor.Deny, Reason: factor.Used}
	_, err := s.desk.Confirm(context.Background(), token, "123456")
	refused(t, err, account.CodeUsed)
	if s.active("alice", "totp") != 0 {
		t.Error("a lie made a phone")
	}
}
