package check_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/throttle"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// clock is moved by hand and notes until when it was told to wait.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	unsafe bool
	waited []time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Safe() bool { return !c.unsafe }

func (c *clock) WaitUntil(_ context.Context, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waited = append(c.waited, at)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// people is a scripted directory.
type people struct {
	mu       sync.Mutex
	facts    map[string]account.Facts
	password map[string]string
	findErr  error
	bindErr  error
	// forbidden fails the test at any bind or decoy.
	forbidden func(string)
	// during runs inside each bind.
	during func()
	// says is the answer to everybody, where it is not empty.
	says   account.Reason
	bound  []string
	decoys []string
}

func (p *people) Find(_ context.Context, name string) (account.Facts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.findErr != nil {
		return account.Facts{}, p.findErr
	}
	if name != strings.TrimSpace(name) {
		return account.Facts{}, account.ErrNotFound // it cannot be a name
	}
	folded := strings.ToLower(strings.Map(narrow, name))
	f, ok := p.facts[folded]
	if !ok {
		return account.Facts{Subject: account.Subject{Name: folded}}, account.ErrNotFound
	}
	return f, nil
}

// narrow makes the full-width form of a letter the usual one.
func narrow(r rune) rune {
	if r >= 'ａ' && r <= 'ｚ' {
		return r - 'ａ' + 'a'
	}
	return r
}

func (p *people) Bind(ctx context.Context, f account.Facts, password account.Secret) (account.Reason, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forbidden != nil {
		p.forbidden("bind")
	}
	if p.during != nil {
		p.during()
	}
	p.bound = append(p.bound, password.Reveal())
	if err := errors.Join(p.bindErr, ctx.Err()); err != nil {
		return "", err
	}
	if p.says != "" {
		return p.says, nil
	}
	if want := p.password[f.Name]; want != "" && want == password.Reveal() {
		return account.OK, nil
	}
	return account.BadCredentials, nil
}

func (p *people) Decoy(_ context.Context, password account.Secret) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forbidden != nil {
		p.forbidden("decoy")
	}
	p.decoys = append(p.decoys, password.Reveal())
	return p.bindErr
}

// journal keeps what it hears.
type journal struct {
	mu     sync.Mutex
	events []account.Event
	used   []account.Record
}

func (j *journal) Record(e account.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

func (j *journal) Used(r account.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.used = append(j.used, r)
}

func (j *journal) count(act account.Act) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, e := range j.events {
		if e.Act == act {
			n++
		}
	}
	return n
}

func (j *journal) last() account.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.events[len(j.events)-1]
}

// keeper is what the engine and the throttle need of a store.
type keeper interface {
	check.Store
	throttle.Store
}

// scene is an engine over a real store, with scripted people.
type scene struct {
	t        testing.TB
	cfg      check.Config
	limits   throttle.Limits
	store    keeper
	real     *sqlite.Store
	ring     *seal.Ring
	clock    *clock
	people   *people
	journal  *journal
	logged   *bytes.Buffer
	throttle *throttle.Throttle
	engine   *check.Engine
}

func services() []check.Service {
	return []check.Service{
		{Name: "web", Ways: []check.Way{{Factors: []string{"totp", "directory"}, Config: "c.toml:8 accept"}, {Factors: []string{"recovery", "directory"}, Config: "c.toml:8 accept"}}, Config: "c.toml:7 service"},
		{Name: "dav", Ways: []check.Way{{Factors: []string{"app-password"}}}},
		{Name: "card", Ways: []check.Way{{Factors: []string{"app-password"}}}},
		{Name: "mail", Ways: []check.Way{{Factors: []string{"app-password"}}, {Factors: []string{"totp", "directory"}}}},
		{Name: "plain", Ways: []check.Way{{Factors: []string{"directory"}}}, SingleFactor: "an old printer"},
		{Name: "door", Ways: []check.Way{{Factors: []string{"totp"}}}, SingleFactor: "a keypad"},
	}
}

// roomy are limits that never get into the way.
func roomy() throttle.Limits {
	return throttle.Limits{SourcePerMinute: 1e6, FirstQuick: 1e6, FirstMaxWait: time.Second, FirstPerHour: 1e6,
		SecondQuick: 1e6, SecondPerDay: 1e6, SecondPerMonth: 1e6}
}

// newScene builds everything; edit may change the scene before the engine is
// made.
func newScene(t testing.TB, edit func(*scene)) *scene {
	t.Helper()
	s := &scene{t: t, limits: throttle.Defaults(), journal: &journal{}, logged: &bytes.Buffer{},
		clock:  &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		people: &people{facts: map[string]account.Facts{}, password: map[string]string{}},
	}
	s.openStore(filepath.Join(t.TempDir(), "state.db"))
	for _, name := range []string{"alice", "bert", "carla"} {
		s.person(name, account.Fit)
	}
	s.cfg = check.Config{
		Services: services(),
		Factors: []check.Factor{
			{Info: info(t, totp.Factor{}), Plugin: totp.Factor{}},
			{Info: info(t, recovery.New()), Plugin: recovery.New()},
			{Info: info(t, apppassword.Factor{}), Plugin: apppassword.Factor{}, Standalone: true},
		},
		Directory: s.people, Journal: s.journal, Clock: s.clock, Rand: rand.Reader, MAC: s.ring.MAC,
		MaxStale: 15 * time.Minute, Grid: 250 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(s.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if edit != nil {
		edit(s)
	}
	var err error
	if s.throttle, err = throttle.New(s.limits, s.store, s.clock.Now); err != nil {
		t.Fatal(err)
	}
	s.cfg.Store, s.cfg.Throttle, s.cfg.Waits = s.store, s.throttle, s.throttle
	if s.engine, err = check.New(s.cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) openStore(path string) {
	s.t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: path, Now: s.clock.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			s.t.Error(err)
		}
	})
	if s.ring, _, err = seal.NewRing(bytes.Repeat([]byte{1, 2}, 16), db.Instance()); err != nil {
		s.t.Fatal(err)
	}
	s.real = db.Store(s.ring)
	s.store = s.real
}

func info(t testing.TB, f factor.Factor) factor.Info {
	t.Helper()
	i, err := f.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// person adds somebody, with the password "NAME-password".
func (s *scene) person(name string, fit account.Fitness) {
	s.people.facts[name] = account.Facts{
		Subject: account.Subject{ID: account.ID("id-" + name), Name: name, DisplayName: name, Mail: name + "@example.org"},
		DN:      "uid=" + name, Fitness: fit, AsOf: s.clock.now,
	}
	s.people.password[name] = name + "-password"
}

// fresh makes all facts as new as the clock.
func (s *scene) fresh() {
	s.people.mu.Lock()
	defer s.people.mu.Unlock()
	for name, f := range s.people.facts {
		f.AsOf = s.clock.Now()
		s.people.facts[name] = f
	}
}

func (s *scene) move(d time.Duration) {
	s.clock.move(d)
	s.fresh()
}

// enroll gives somebody an active record and returns what is shown of it.
func (s *scene) enroll(name string, f factor.Factor, edit func(*account.Record)) (record account.Record, secret string) {
	s.t.Helper()
	entropy := make([]byte, factor.EntropySize)
	if _, err := rand.Read(entropy); err != nil {
		s.t.Fatal(err)
	}
	issued, err := f.Enroll(context.Background(), factor.Enrollment{Account: name, Issuer: "Example", Entropy: entropy, Now: s.clock.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
	r := account.Record{ID: "rec-" + randomID(entropy), Subject: account.ID("id-" + name),
		Factor: info(s.t, f).Kind, Label: "label", Created: s.clock.Now(), Uses: -1, Format: issued.Format, Payload: issued.Payload}
	if issued.Uses > 0 {
		r.Uses = issued.Uses
	}
	if edit != nil {
		edit(&r)
	}
	s.put(r)
	return r, issued.Secret
}

func randomID(entropy []byte) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for _, c := range entropy[40:56] {
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

func (s *scene) put(r account.Record) {
	s.t.Helper()
	ctx := context.Background()
	snap, err := s.real.Load(ctx, r.Subject)
	if err == nil {
		err = s.real.Commit(ctx, account.Change{Subject: r.Subject, Version: snap.Version, Put: []account.Record{r}})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// code is the code of the app right now (RFC 6238).
func (s *scene) code(secret string) account.Secret {
	s.t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		s.t.Fatal(err)
	}
	mac := hmac.New(sha1.New, seed)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(s.clock.Now().Unix()/30)))
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[19]&15:]) &^ (1 << 31)
	return account.Secret(fmt.Sprintf("%06d", number%1_000_000))
}

func home() account.Client {
	return account.Client{Addr: netip.MustParseAddr("192.0.2.7"), Agent: "test"}
}

func (s *scene) try(service, name string, password, code account.Secret) account.Answer {
	return s.engine.Check(context.Background(), account.Attempt{
		Service: service, FrontEnd: "test", Name: name, Password: password, Code: code, Client: home(),
	})
}

// want fails unless the answer is as said.
func want(t testing.TB, got account.Answer, v factor.Verdict, r account.Reason) {
	t.Helper()
	if got.Verdict != v || got.Reason != r {
		t.Fatalf("got %s %s, want %s %s", got.Verdict, got.Reason, v, r)
	}
}

var errOutage = errors.Join(errors.New("broken on purpose"), account.ErrUnavailable)
