package house

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/daemon/sallyportd/clock"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// inProcess are the factors without the processes around them.
type inProcess map[string]factor.Factor

func (p inProcess) Info(kind string) factor.Info {
	i, err := p[kind].Info(context.Background())
	if err != nil {
		panic(err)
	}
	return i
}

func (p inProcess) Factor(kind string) factor.Factor { return p[kind] }
func (p inProcess) Hook(string) hook.Hook            { return nil }
func (p inProcess) Status() []pluginhost.Status      { return nil }

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// scene is a house of real parts, wired as in the daemon, with a real directory
// beside it and its factors in process.
type scene struct {
	t       *testing.T
	people  *directorytest.Server
	cfg     *config.Config
	plugins inProcess
	log     *lines
	*House
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{
		t: t, people: directorytest.Start(t, directorytest.Options{}), log: &lines{},
		plugins: inProcess{"totp": totp.Factor{}, "app-password": apppassword.Factor{}, "recovery": recovery.New()},
	}
	dir := t.TempDir()
	s.must(os.WriteFile(filepath.Join(dir, "password"), []byte(directorytest.BindPassword), 0o400))
	s.must(seal.CreateKEK(filepath.Join(dir, "kek")))
	s.cfg = &config.Config{
		Issuer: "Example", State: filepath.Join(dir, "state"), Store: filepath.Join(dir, "state", "state.db"), KEK: filepath.Join(dir, "kek"),
		Directory: config.Directory{
			Servers: []string{s.people.URL}, BindDN: directorytest.BindDN, BindPasswordFile: filepath.Join(dir, "password"),
			Base: directorytest.PeopleDN, Filter: "(uid={name})", FactTTL: time.Nanosecond, MaxStale: -1, CoolDown: time.Millisecond,
		},
		Factors: []config.Factor{{Kind: "totp"}, {Kind: "app-password", Standalone: true}, {Kind: "recovery"}},
		Services: []config.Service{
			{Name: "web", Accept: []config.Way{{Factors: []string{"totp", "directory"}}, {Factors: []string{"recovery", "directory"}}}},
			{Name: "dav", Accept: []config.Way{{Factors: []string{"app-password"}}}},
		},
		Throttle: config.Throttle{
			SourcePerMinute: 1000, FirstFactorQuick: 10, FirstFactorMaxWait: time.Second, FirstFactorPerHour: 1000,
			SecondFactorQuick: 10, SecondFactorPerDay: 100, SecondFactorPerMonth: 100, FailureGrid: time.Millisecond,
		},
	}
	s.open()
	t.Cleanup(func() { s.must(s.Close()) })
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// open builds the house but for its plugin processes, sockets and the page.
func (s *scene) open() {
	s.t.Helper()
	h := &House{log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), clock: clock.New(), standIns: s.plugins}
	h.cfg.Store(s.cfg)
	s.House = h
	for _, build := range []func(context.Context) error{
		h.buildMetrics, h.buildStore, h.buildThrottle, h.buildEvents, h.buildShift,
	} {
		s.must(build(s.t.Context()))
	}
}

// restart closes the house, changes its database behind its back, and opens it
// again.
func (s *scene) restart(statement string) {
	s.t.Helper()
	s.must(s.Close())
	s.behind(statement)
	s.open()
}

func (s *scene) behind(statement string) {
	s.t.Helper()
	// The daemon is writing, too.
	db, err := sql.Open("sqlite", s.cfg.Store+"?_pragma=busy_timeout(10000)")
	s.must(err)
	_, err = db.Exec(statement)
	s.must(errors.Join(err, db.Close()))
}

// person is who the directory says that somebody is.
func (s *scene) person(name string) account.Subject {
	s.t.Helper()
	facts, err := s.duty.Now().Directory.Find(s.t.Context(), name)
	s.must(err)
	return facts.Subject
}

// enroll gives somebody a record, and returns what is shown of it.
func (s *scene) enroll(who account.Subject, kind string, edit func(*account.Record)) account.Secret {
	s.t.Helper()
	entropy := make([]byte, factor.EntropySize)
	_, err := rand.Read(entropy)
	s.must(err)
	issued, err := s.plugins[kind].Enroll(s.t.Context(), factor.Enrollment{Account: who.Name, Issuer: "Example", Entropy: entropy, Now: s.clock.Now()})
	s.must(err)
	r := account.Record{ID: rand.Text(), Subject: who.ID, Factor: kind, Label: kind, Created: s.clock.Now(), Uses: -1, Format: issued.Format, Payload: issued.Payload}
	if issued.Uses > 0 {
		r.Uses = issued.Uses
	}
	if edit != nil {
		edit(&r)
	}
	snap, err := s.store.Load(s.t.Context(), who.ID)
	s.must(err)
	s.must(s.store.Commit(s.t.Context(), account.Change{Subject: who.ID, Version: snap.Version, Put: []account.Record{r},
		Events: []account.Event{{Act: account.ActIssue, At: s.clock.Now(), Subject: who.ID, Name: who.Name, Record: r.ID}}}))
	return account.Secret(issued.Secret)
}

// try asks the engine, as a front end would.
func (s *scene) try(service, name string, password, code account.Secret) account.Answer {
	return s.duty.Now().Engine.Check(context.Background(), account.Attempt{
		Service: service, FrontEnd: "http", Name: name, Password: password, Code: code,
		Client: account.Client{Addr: netip.MustParseAddr("192.0.2.7"), Agent: "test"},
	})
}

// alarms are those in the audit.
func (s *scene) alarms() []account.Event {
	s.t.Helper()
	events, err := s.store.Events(s.t.Context(), 0, 1000)
	s.must(err)
	var found []account.Event
	for _, e := range events {
		if e.Act == account.ActAlarm {
			found = append(found, e)
		}
	}
	return found
}

// metric reads a line of the metrics, by its name and labels.
func (s *scene) metric(name string) string {
	w := httptest.NewRecorder()
	s.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return value
		}
	}
	return "missing: " + name
}

// eventually asks until it is so, or the time is up.
func (s *scene) eventually(what string, is func() bool) {
	s.t.Helper()
	limit, tick := time.After(10*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-limit:
			s.t.Fatalf("not within 10 s: %s\n%s", what, s.log)
		case <-tick.C:
		}
	}
}

// rows are all rows of a table, each as one text.
func (s *scene) rows(table, columns string) []string {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.cfg.Store+"?_pragma=busy_timeout(10000)")
	s.must(err)
	defer func() { s.must(db.Close()) }()
	found, err := db.Query("SELECT " + columns + " FROM " + table)
	s.must(err)
	defer func() { s.must(found.Close()) }()
	names, err := found.Columns()
	s.must(err)
	var list []string
	for found.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		s.must(found.Scan(values...))
		row := table
		for _, v := range values {
			row += fmt.Sprintf(" %v", *v.(*any))
		}
		list = append(list, row)
	}
	s.must(found.Err())
	return list
}
