package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
)

// fromSupport are the records that support made for somebody.
func (s *scene) fromSupport(name string) []account.Record {
	s.t.Helper()
	return slices.DeleteFunc(s.load(name).Records, func(r account.Record) bool { return !r.FromSupport("recovery") })
}

func (s *scene) give(o enroll.Order) enroll.Invite {
	s.t.Helper()
	inv, err := s.support.Code(context.Background(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	return inv
}

// A code from support stands in for the phone for an hour, or as long as was
// said, and leaves everything that is set up. A new one ends the last.
func TestACodeFromSupport(t *testing.T) {
	s := newScene(t, nil)
	s.setUp("alice")
	first := s.give(order("alice"))
	if !s.verify("alice", "recovery", first.Code) || !first.Expires.Equal(s.clock().Add(time.Hour)) || len(first.Code) != 11 {
		t.Errorf("expires %s, %d characters", first.Expires, len(first.Code))
	}
	if strings.Contains(fmt.Sprintf("%v %+v", first, first), first.Code.Reveal()) {
		t.Error("it prints itself")
	}
	o := order("alice")
	o.Life = 24 * time.Hour
	second := s.give(o)
	if s.verify("alice", "recovery", first.Code) || !s.verify("alice", "recovery", second.Code) || len(s.fromSupport("alice")) != 1 {
		t.Error("a new code leaves the last one good")
	}
	if s.active("alice", "totp") != 1 || len(s.cfg.Sheets(s.load("alice"))) != 1 {
		t.Error("the phone or the sheet is gone")
	}
	r := s.fromSupport("alice")[0]
	ev := s.events[len(s.events)-1]
	if ev.Act != account.ActCode || ev.Record != r.ID || ev.Note != "lost phone" || ev.Ticket != "T-1" || ev.Actor != "root(0)" || r.Uses != 1 {
		t.Errorf("the audit says %+v of a record with %d uses", ev, r.Uses)
	}
	s.move(24 * time.Hour)
	if s.verify("alice", "recovery", second.Code) {
		t.Error("it outlives its end")
	}
	if _, err := s.support.Reset(context.Background(), order("alice")); err != nil || len(s.fromSupport("alice")) != 0 {
		t.Errorf("a reset leaves it, %v", err)
	}
}

func TestHowLongACodeMayHold(t *testing.T) {
	s := newScene(t, nil)
	s.setUp("alice")
	for _, life := range []time.Duration{-time.Hour, time.Minute, 24*time.Hour + 1} {
		o := order("alice")
		o.Life = life
		_, err := s.support.Code(context.Background(), o)
		refused(t, err, account.Malformed)
	}
	o := order("alice")
	o.Reason = "?"
	_, err := s.support.Code(context.Background(), o)
	refused(t, err, account.Malformed)
}

// A code is no set-up, no reset and no way around the directory.
func TestWhereACodeWouldNotHelp(t *testing.T) {
	s := newScene(t, nil)
	code := func() error { _, err := s.support.Code(context.Background(), order("alice")); return err }
	s.barred("code", code(), "no phone")
	s.setUp("alice")
	f := s.facts["alice"]
	f.Fitness = account.Disabled
	s.facts["alice"] = f
	s.barred("code", code(), "lets alice not sign in")
	bare := newScene(t, func(c *enroll.Config) { c.Recovery = "" })
	bare.setUp("alice")
	_, err := bare.support.Code(context.Background(), order("alice"))
	bare.barred("code", err, "not set up for codes")
	if _, err := s.support.Code(context.Background(), order("nobody")); !errors.Is(err, account.ErrNotFound) {
		t.Error(err)
	}
}

// To the owner a code from support is no sheet: it is not counted as emergency
// codes, a new sheet leaves it, it removes no phone, and losing the last phone
// makes the sheet that is missing.
func TestACodeIsNoSheet(t *testing.T) {
	ctx := context.Background()
	s := newScene(t, nil)
	done, _ := s.setUp("alice")
	given := s.give(order("alice"))
	if v, err := s.desk.View(ctx, done.Session.Token); err != nil || v.CodesLeft != 10 {
		t.Errorf("%d codes left, %v", v.CodesLeft, err)
	}
	if _, err := s.desk.Codes(ctx, done.Session.Token); err != nil || !s.verify("alice", "recovery", given.Code) {
		t.Errorf("a new sheet ends the code from support: %v", err)
	}
	s.move(time.Minute)
	second := s.begin(done.Session.Token)
	done, err := s.desk.Confirm(ctx, done.Session.Token, s.code(second.Setup.Secret))
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.desk.View(ctx, done.Session.Token)
	if err != nil || len(v.Devices) != 2 {
		t.Fatalf("%d phones, %v", len(v.Devices), err)
	}
	_, err = s.desk.RemovePhone(ctx, done.Session.Token, devices.Removal{Record: v.Devices[0].ID, Code: given.Code})
	refused(t, err, account.CodeWrong)
}
