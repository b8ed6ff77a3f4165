package house

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
)

// liar says yes with a record that it was never shown.
type liar struct{ factor.Factor }

func (liar) Verify(context.Context, factor.Request) (factor.Result, error) {
	return factor.Result{Verdict: factor.Accept, Record: "none"}, nil
}

// TestEveryAlarmIsAuditedAndCounted: a plugin that lies, a row copied to another
// person, and two entries of one login. Each lets nobody in, and is in the
// audit, the metrics and the log, which has no clear name.
func TestEveryAlarmIsAuditedAndCounted(t *testing.T) {
	s := newScene(t)
	alice, bert, carla := s.person("alice"), s.person("bert"), s.person("carla")
	ofAlice := s.enroll(alice, "app-password", nil)
	s.enroll(bert, "app-password", nil)
	ofCarla := s.enroll(carla, "app-password", nil)
	if a := s.try("dav", "alice", ofAlice, ""); a.Verdict != factor.Accept {
		t.Fatalf("before anything happened: %s %s", a.Verdict, a.Reason)
	}
	if n := s.metric(`sallyport_acts_total{act="alarm"}`); n != "0" || len(s.alarms()) != 0 {
		t.Fatalf("%s alarms before anything happened: %v", n, s.alarms())
	}

	// Carla's app password is pasted into the row of bert.
	s.restart("UPDATE record SET payload = (SELECT payload FROM record WHERE subject = '" + string(carla.ID) + "') WHERE subject = '" + string(bert.ID) + "'")
	if a := s.try("dav", "bert", ofCarla, ""); a.Verdict == factor.Accept {
		t.Error("carla's app password is bert's")
	}
	// Somebody else gets the login of carla.
	second := s.people.AddPerson(directorytest.Person{Name: "other"})
	s.people.Modify(second, "uid", "other", "carla")
	if a := s.try("dav", "carla", ofCarla, ""); a.Verdict != factor.Deny {
		t.Errorf("one of two carlas: %s %s", a.Verdict, a.Reason)
	}
	// The plugin is swapped for one that lies.
	if n := s.metric(`sallyport_acts_total{act="alarm"}`); n != "2" {
		t.Errorf("%s alarms are counted, want 2", n)
	}
	s.must(s.Close())
	s.plugins["app-password"] = liar{apppassword.Factor{}}
	s.open()
	if a := s.try("dav", "alice", ofAlice, ""); a.Verdict != factor.Unavailable {
		t.Errorf("by a lying plugin: %s %s", a.Verdict, a.Reason)
	}
	if n := s.metric(`sallyport_acts_total{act="alarm"}`); n != "1" {
		t.Errorf("%s alarms are counted after a new start, want 1", n)
	}
	s.eventually("three alarms are audited", func() bool { return len(s.alarms()) == 3 })
	got := s.alarms()
	for i, want := range []account.Event{
		{Subject: bert.ID, Note: "not as the store wrote them"},
		{Name: "carla", Note: "more than one entry"},
		{Subject: alice.ID, Name: "alice"},
	} {
		e := got[i]
		if e.Subject != want.Subject || e.Name != want.Name || !strings.Contains(e.Note, want.Note) || e.Note == "" || e.Actor != "daemon" || e.At.IsZero() {
			t.Errorf("alarm %d is %+v", i+1, e)
		}
	}
	if n := strings.Count(s.log.String(), "msg=alarm"); n != 3 {
		t.Errorf("%d lines: %s", n, s.log)
	}
	for _, name := range []string{"alice", "bert", "carla", "uid="} {
		if strings.Contains(s.log.String(), name) {
			t.Errorf("the log names %s: %s", name, s.log)
		}
	}
}
