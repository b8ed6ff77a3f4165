package directory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// nosy is a name that no log line may hold; an entry of it has the DN nosyDN.
const (
	nosy   = "nosy-sentinel"
	nosyDN = "uid=" + nosy + ",dc=org"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// logged makes a config whose log, at its most talkative, and whose alarms are
// kept.
func logged(cfg directory.Config) (directory.Config, *lockedBuffer, func() []account.Event) {
	var log lockedBuffer
	var mu sync.Mutex
	var alarms []account.Event
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Alarm = func(e account.Event) {
		mu.Lock()
		defer mu.Unlock()
		alarms = append(alarms, e)
	}
	return cfg, &log, func() []account.Event {
		mu.Lock()
		defer mu.Unlock()
		return alarms
	}
}

// TestTwoEntriesOfOneNameAreNobodyAndAnAlarm: the alarm has the clear name, for
// the audit, and the log has it not.
func TestTwoEntriesOfOneNameAreNobodyAndAnAlarm(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	s.AddPerson(directorytest.Person{Name: nosy})
	second := s.AddPerson(directorytest.Person{Name: "other"})
	s.Modify(second, "uid", "other", nosy)
	cfg, log, alarms := logged(s.Config())
	d := open(t, cfg)
	f, err := d.Find(context.Background(), nosy)
	if !errors.Is(err, account.ErrNotFound) || f.ID != "" {
		t.Errorf("got %v, %v; want not found", f, err)
	}
	got := alarms()
	if len(got) != 1 || got[0].Act != account.ActAlarm || got[0].Name != nosy || strings.Contains(got[0].Note, nosy) ||
		!strings.Contains(got[0].Note, "more than one entry") {
		t.Errorf("alarms: %+v", got)
	}
	if strings.Contains(log.String(), nosy) {
		t.Errorf("the log names a person: %s", log)
	}
	find(t, d, "alice") // the server is still good
}

// TestAnAlarmThatNobodyTakesIsLoggedWithoutAName: where no house is around.
func TestAnAlarmThatNobodyTakesIsLoggedWithoutAName(t *testing.T) {
	f := startFake(t, searching(func(id int64) []byte {
		one := person(id, nosyDN, map[string]string{"entryUUID": "1", "uid": nosy})
		return append(append(one, one...), message(id, ldap.ApplicationSearchResultDone, 0, "")...)
	}))
	cfg, log, _ := logged(f.config())
	cfg.Alarm = nil
	if _, err := open(t, cfg).Find(context.Background(), nosy); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "more than one entry") || strings.Contains(text, nosy) {
		t.Errorf("the log: %s", text)
	}
}

// searching answers every search alike, and every bind with a yes.
func searching(answer func(id int64) []byte) func(c net.Conn, tag ber.Tag, id int64) bool {
	return func(c net.Conn, tag ber.Tag, id int64) bool {
		said := message(id, ldap.ApplicationBindResponse, 0, "")
		if tag == ldap.ApplicationSearchRequest {
			said = answer(id)
		}
		_, err := c.Write(said)
		return err == nil
	}
}

// TestNoErrorOfTheDirectoryNamesAPerson: whatever goes wrong, with texts of the
// directory that repeat what it was asked, neither the log nor an error nor the
// status names anybody. Errors end in other packages' log lines.
func TestNoErrorOfTheDirectoryNamesAPerson(t *testing.T) {
	entry := func(id int64, attributes map[string]string) []byte { return person(id, nosyDN, attributes) }
	done := func(id, code int64) []byte {
		return message(id, ldap.ApplicationSearchResultDone, code, "problem with "+nosyDN)
	}
	whole := map[string]string{"entryUUID": "1", "uid": nosy}
	never := func(net.Conn, int64) bool { return true }
	for name, tt := range map[string]struct {
		change func(*directory.Config)
		// answers to the searches, in order; the last one goes on.
		search []func(id int64) []byte
		bind   func(c net.Conn, id int64) bool
	}{
		"refused":       {search: []func(int64) []byte{func(id int64) []byte { return done(id, 50) }}},
		"busy":          {search: []func(int64) []byte{func(id int64) []byte { return done(id, 51) }}},
		"no base":       {search: []func(int64) []byte{func(id int64) []byte { return done(id, 32) }}},
		"referral":      {search: []func(int64) []byte{func(id int64) []byte { return done(id, 10) }}},
		"cut":           {search: []func(int64) []byte{func(id int64) []byte { return append(entry(id, whole), done(id, 4)...) }}},
		"no id":         {search: []func(int64) []byte{func(id int64) []byte { return append(entry(id, map[string]string{"uid": nosy}), done(id, 0)...) }}},
		"no DN":         {search: []func(int64) []byte{func(id int64) []byte { return append(person(id, "", whole), done(id, 0)...) }}},
		"half an entry": {search: []func(int64) []byte{func(id int64) []byte { return entry(id, whole)[:40] }}},
		"no end":        {search: []func(int64) []byte{func(id int64) []byte { return entry(id, whole) }}},
		"a short GUID": {
			change: func(c *directory.Config) { c.IDAttribute = "objectGUID" },
			search: []func(int64) []byte{func(id int64) []byte { return append(entry(id, map[string]string{"objectGUID": nosy}), done(id, 0)...) }},
		},
		"the account filter": {
			change: func(c *directory.Config) { c.AccountFilter = "(cn=*)" },
			search: []func(int64) []byte{
				func(id int64) []byte { return append(entry(id, whole), done(id, 0)...) },
				func(id int64) []byte { return done(id, 50) },
			},
		},
		"groups": {
			change: func(c *directory.Config) { c.GroupBase, c.GroupFilter = "dc=org", "(member={dn})" },
			search: []func(int64) []byte{
				func(id int64) []byte { return append(entry(id, whole), done(id, 0)...) },
				func(id int64) []byte { return done(id, 11) },
			},
		},
		"a bind refused": {bind: func(c net.Conn, id int64) bool {
			_, err := c.Write(message(id, ldap.ApplicationBindResponse, 53, "problem with "+nosyDN))
			return err == nil
		}},
		"a bind when busy": {bind: func(c net.Conn, id int64) bool {
			_, err := c.Write(message(id, ldap.ApplicationBindResponse, 51, "problem with "+nosyDN))
			return err == nil
		}},
		"a bind without an answer": {bind: never},
		"a bind, closed":           {bind: func(net.Conn, int64) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			asked := 0
			f := startFake(t, func(c net.Conn, tag ber.Tag, id int64) bool {
				if tag == ldap.ApplicationBindRequest {
					return tt.bind == nil || tt.bind(c, id)
				}
				if len(tt.search) == 0 {
					return true
				}
				mu.Lock()
				answer := tt.search[min(asked, len(tt.search)-1)]
				asked++
				mu.Unlock()
				_, err := c.Write(answer(id))
				return err == nil
			})
			cfg := f.config()
			if tt.change != nil {
				tt.change(&cfg)
			}
			cfg, log, _ := logged(cfg)
			d := open(t, cfg)
			var err error
			if tt.bind != nil {
				_, err = d.Bind(context.Background(), account.Facts{DN: nosyDN, Subject: account.Subject{Name: nosy}}, "password")
			} else {
				_, err = d.Find(context.Background(), nosy)
			}
			wantUnavailable(t, name, "", err)
			if !strings.Contains(log.String(), "directory search failed") && !strings.Contains(log.String(), "directory bind failed") {
				t.Errorf("nothing was logged: %s", log)
			}
			for what, text := range map[string]string{
				"log": log.String(), "error": fmt.Sprintf("%v %+v", err, err), "status": fmt.Sprint(d.Status(context.Background())),
			} {
				if strings.Contains(text, nosy) {
					t.Errorf("the %s names a person: %s", what, text)
				}
			}
		})
	}
}

// TestNoOutageNamesAPerson: with a real directory that goes away in the middle.
func TestNoOutageNamesAPerson(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	s.AddPerson(directorytest.Person{Name: nosy})
	cfg, log, _ := logged(always(s.Config()))
	cfg.MaxStale, cfg.Timeout = -1, 300*time.Millisecond
	d := open(t, cfg)
	facts := find(t, d, nosy)
	for what, end := range map[string]func(){"frozen": s.Freeze, "killed": s.Kill} {
		end()
		_, err := d.Find(context.Background(), nosy)
		wantUnavailable(t, what, "", err)
		_, bound := d.Bind(context.Background(), facts, "password")
		wantUnavailable(t, what, "", bound)
		if text := fmt.Sprint(err, bound, log.String()); strings.Contains(text, nosy) {
			t.Errorf("%s: %s", what, text)
		}
		s.Restart()
		eventually(t, 5*time.Second, "the server is back", func() bool { return up(d)[0] })
	}
	if log.String() == "" {
		t.Error("nothing was logged")
	}
}
