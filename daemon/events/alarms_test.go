package events

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

func anAlarm(name, note string) account.Event {
	return account.Event{Act: account.ActAlarm, Name: name, Note: note}
}

// TestAnAlarmIsAudited: one alarm is a line, a count, a row of the audit with
// its clear name, and something that hooks hear of. Nobody else commits it.
func TestAnAlarmIsAudited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{}
		w, b := newWorldWith(Config{Hooks: []Named{{Name: "notify", Hook: l}}, Cursor: Files{Dir: t.TempDir()}})
		stop := start(t, b)
		b.Record(anAlarm("carla", "two entries of one login"))
		b.Record(account.Event{Act: account.ActAlarm, Subject: "id", Note: "rows of another"})
		<-time.After(2 * flushEvery)
		got := w.audited()
		if len(got) != 2 || got[0].Name != "carla" || got[0].Actor != "daemon" || got[0].At.IsZero() || got[1].Subject != "id" {
			t.Errorf("the audit holds %+v", got)
		}
		if heard := l.got(); len(heard) != 2 {
			t.Errorf("the hook heard of %v", heard)
		}
		stop()
		lines := w.lines(t)
		if len(w.seen) != 2 || len(lines) != 2 || lines[0]["subject"] != "p5" || lines[1]["subject"] != "p2" || lines[0]["note"] != "two entries of one login" {
			t.Errorf("counted %d, logged %v", len(w.seen), lines)
		}
		if strings.Contains(w.out.String(), "carla") {
			t.Errorf("the log names a person: %s", w.out.String())
		}
	})
}

// TestAnAlarmOfTheLastMomentIsAudited: what comes while the bus stops, too.
func TestAnAlarmOfTheLastMomentIsAudited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		b.Record(anAlarm("", "late"))
		start(t, b)()
		if got := w.audited(); len(got) != 1 {
			t.Errorf("the audit holds %v", got)
		}
	})
}

// TestTheEndBreaksOffNoWrite: a stop in the middle of a write neither loses nor
// doubles what is being written.
func TestTheEndBreaksOffNoWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		w.gate = make(chan struct{})
		stop := start(t, b)
		b.Record(try(1))
		b.Record(anAlarm("", "in the middle"))
		synctest.Wait()
		go func() {
			<-time.After(time.Second)
			close(w.gate)
		}()
		stop()
		if got := w.audited(); len(got) != 1 || len(w.tries) != 1 || strings.Contains(w.out.String(), "trying again") {
			t.Errorf("audited %v, kept %v, logged %s", got, w.tries, w.out.String())
		}
	})
}

// TestAlarmsCannotFillTheAudit: the same one is audited once a minute, and says
// then how many it stands for; different ones are bounded. All are counted.
func TestAlarmsCannotFillTheAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		stop := start(t, b)
		for range 1000 {
			b.Record(anAlarm("", "again"))
		}
		<-time.After(alarmEvery)
		b.Record(anAlarm("", "again"))
		<-time.After(2 * flushEvery)
		if got := w.audited(); len(got) != 2 || got[0].Count > 1 || got[1].Count != 1000 {
			t.Errorf("the audit holds %+v", got)
		}
		for i := range 10_000 {
			b.Record(anAlarm(fmt.Sprint("name ", i), "of many"))
		}
		<-time.After(2 * flushEvery)
		if n := len(w.audited()) - 2; n == 0 || n > maxAlarms {
			t.Errorf("%d of 10,000 different alarms are audited", n)
		} else if w.lost["alarms"] != 10_000-n {
			t.Errorf("%d are audited, and %d counted as lost", n, w.lost["alarms"])
		}
		<-time.After(alarmEvery)
		n := len(w.audited())
		b.Record(anAlarm("", "something else"))
		<-time.After(2 * flushEvery)
		if got := w.audited(); len(got) != n+1 {
			t.Errorf("after a flood %d new alarms are audited, want 1", len(got)-n)
		}
		stop()
		if len(w.seen) != 11_002 {
			t.Errorf("%d are counted", len(w.seen))
		}
	})
}

// TestAnAlarmOutlivesAnOutage: the store that an alarm is about may be away.
func TestAnAlarmOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld()
		w.broken = errors.New("disk full")
		stop := start(t, b)
		b.Record(anAlarm("", "first"))
		<-time.After(3 * flushEvery)
		b.Record(anAlarm("", "second"))
		<-time.After(3 * flushEvery)
		w.set(nil)
		<-time.After(2 * flushEvery)
		if got := w.audited(); len(got) != 2 || got[0].Note != "first" || got[1].Note != "second" {
			t.Errorf("the audit holds %+v", got)
		}
		stop()
	})
}
