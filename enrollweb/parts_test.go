package enrollweb

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/visits"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/daemon/throttle"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// The parts that can be away, by a letter each.
const (
	people   = "d" // the directory
	codeApp  = "t" // the plugins
	apps     = "a"
	recovers = "r"
	reading  = "s" // the store, for everything
	writing  = "w" // a full disk: what is there can be read
	allParts = people + codeApp + apps + recovers + reading + writing
)

// parts are what really stands behind the page, but for the directory, which has
// alice and nobody else, and for the plugins, which are in process. Each can be
// away.
type parts struct {
	t       *testing.T
	mu      sync.Mutex
	away    string
	now     time.Time
	events  []account.Event
	file    string
	key     account.Secret // of alice's newest phone
	codes   []string
	store   *sqlite.Store
	engine  *check.Engine
	support *enroll.Support
	page    *handler
	b       *browser
}

func (p *parts) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// without takes parts away; none brings all back.
func (p *parts) without(which string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = which
}

// gone is the error of the first of the parts that is away.
func (p *parts) gone(which string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.ContainsAny(p.away, which) {
		return fmt.Errorf("nobody is there: %w", account.ErrUnavailable)
	}
	return nil
}

// sheetOnce makes emergency codes, the same for everybody: ten slow hashes are
// enough for one test.
func sheetOnce() factor.Factor {
	real := recovery.New()
	return &sheet{Factor: real, made: sync.OnceValues(func() (factor.Issued, error) {
		return real.Enroll(context.Background(), factor.Enrollment{Account: "alice", Issuer: "Example", Entropy: bytes.Repeat([]byte{7}, factor.EntropySize), Now: now()})
	})}
}

type sheet struct {
	factor.Factor
	made func() (factor.Issued, error)
}

func (s *sheet) Enroll(context.Context, factor.Enrollment) (factor.Issued, error) { return s.made() }

// newParts has all parts there.
func newParts(t *testing.T, codes factor.Factor) *parts {
	t.Helper()
	p := &parts{t: t, now: now(), file: filepath.Join(t.TempDir(), "state.db")}
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: p.file, Now: p.Now})
	p.must(err)
	t.Cleanup(func() { p.must(db.Close()) })
	ring, _, err := seal.NewRing(bytes.Repeat([]byte{1, 2}, 16), db.Instance())
	p.must(err)
	p.store = db.Store(ring)
	limits := throttle.Defaults()
	rules, err := throttle.New(limits, leaky{p.store, p}, p.Now)
	p.must(err)
	cfg := enroll.Config{
		Store: leaky{p.store, p}, Directory: p, Throttle: rules, Journal: p, Factors: map[string]enroll.Factor{},
		Code: "totp", App: "app-password", Recovery: "recovery", CodesOpen: true, AppServices: []string{"dav"},
		Issuer: "Example", MAC: ring.MAC, Rand: rand.Reader, Now: p.Now,
	}
	judge := check.Config{
		Services: []check.Service{
			{Name: "web", Ways: []check.Way{{Factors: []string{"totp", "directory"}}, {Factors: []string{"recovery", "directory"}}}},
			{Name: "dav", Ways: []check.Way{{Factors: []string{"app-password"}}}},
		},
		Directory: p, Store: leaky{p.store, p}, Throttle: rules, Waits: rules, Journal: p, Clock: p,
		Rand: rand.Reader, MAC: ring.MAC, Grid: time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
	for letter, f := range map[string]factor.Factor{codeApp: totp.Factor{}, apps: apppassword.Factor{}, recovers: codes} {
		info, err := f.Info(t.Context())
		p.must(err)
		f = plugin{f, p, letter}
		cfg.Factors[info.Kind] = enroll.Factor{Info: info, Plugin: f}
		judge.Factors = append(judge.Factors, check.Factor{Info: info, Plugin: f, Standalone: letter == apps})
	}
	p.engine, err = check.New(judge)
	p.must(err)
	desk, support, err := enroll.New(cfg)
	p.must(err)
	p.support = support
	page := asking().config()
	page.Judge, page.Desk, page.Visits, page.Origins = p.engine, desk, visits.New(cfg), []string{"https://app.example.org"}
	page.Now, page.Rand = p.Now, rand.Reader
	h, err := New(page)
	p.must(err)
	p.page = h.(*handler)
	p.b = &browser{t: t, h: h, cookies: map[string]*http.Cookie{}, lang: "en"}
	return p
}

// Now, Safe and WaitUntil are the clock.
func (p *parts) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *parts) Safe() bool                           { return true }
func (p *parts) WaitUntil(context.Context, time.Time) {}

// Find, Bind and Decoy are the directory.
func (p *parts) Find(_ context.Context, name string) (account.Facts, error) {
	if err := p.gone(people); err != nil {
		return account.Facts{}, err
	}
	if name != "alice" {
		return account.Facts{}, account.ErrNotFound
	}
	return account.Facts{Subject: alice(), Fitness: account.Fit, AsOf: p.Now()}, nil
}

func (p *parts) Bind(_ context.Context, _ account.Facts, password account.Secret) (account.Reason, error) {
	if password != "alice-password" {
		return account.BadCredentials, p.gone(people)
	}
	return account.OK, p.gone(people)
}

func (p *parts) Decoy(context.Context, account.Secret) error { return p.gone(people) }

// Record and Used are the journal.
func (p *parts) Record(e account.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

func (p *parts) Used(account.Record) {}

// leaky is the store, which can be away or full.
type leaky struct {
	*sqlite.Store
	p *parts
}

func (l leaky) Load(ctx context.Context, id account.ID, open ...string) (account.Snapshot, error) {
	if err := l.p.gone(reading); err != nil {
		return account.Snapshot{}, err
	}
	return l.Store.Load(ctx, id, open...)
}

func (l leaky) Token(ctx context.Context, ref account.TokenRef) (account.Token, error) {
	if err := l.p.gone(reading); err != nil {
		return account.Token{}, err
	}
	return l.Store.Token(ctx, ref)
}

func (l leaky) Tries(ctx context.Context, id account.ID, limit int) ([]account.Event, error) {
	if err := l.p.gone(reading); err != nil {
		return nil, err
	}
	return l.Store.Tries(ctx, id, limit)
}

func (l leaky) Commit(ctx context.Context, c account.Change) error {
	if err := l.p.gone(reading + writing); err != nil {
		return err
	}
	return l.Store.Commit(ctx, c)
}

func (l leaky) Fail(ctx context.Context, t account.Try) (int64, time.Duration, error) {
	if err := l.p.gone(reading + writing); err != nil {
		return 0, 0, err
	}
	return l.Store.Fail(ctx, t)
}

// plugin is a factor whose process can be away.
type plugin struct {
	factor.Factor
	p      *parts
	letter string
}

func (f plugin) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	if f.p.gone(f.letter) != nil {
		return factor.Issued{}, errors.New("the process is gone")
	}
	return f.Factor.Enroll(ctx, e)
}

func (f plugin) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	if f.p.gone(f.letter) != nil {
		return factor.Result{}, errors.New("the process is gone")
	}
	return f.Factor.Verify(ctx, r)
}

// ledger is every row of the store and everything that the journal has heard, but
// for logins that were no yes and no no.
func (p *parts) ledger() string {
	p.t.Helper()
	db, err := sql.Open("sqlite", p.file+"?_pragma=busy_timeout(10000)")
	p.must(err)
	defer func() { p.must(db.Close()) }()
	var all strings.Builder
	for _, table := range []string{"subject", "record", "grants", "setups", "sessions", "sources", "attempt", "try", "event", "head"} {
		rows, err := db.Query("SELECT * FROM " + table)
		p.must(err)
		names, err := rows.Columns()
		p.must(err)
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			p.must(rows.Scan(values...))
			fmt.Fprint(&all, table)
			for i, v := range values {
				fmt.Fprintf(&all, " %s=%.40v", names[i], *v.(*any))
			}
			fmt.Fprintln(&all)
		}
		p.must(errors.Join(rows.Err(), rows.Close()))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Act != account.ActCheck || e.Verdict != factor.Unavailable {
			fmt.Fprintf(&all, "heard %s %v %s\n", e.Act, e.Verdict, e.Reason)
		}
	}
	return all.String()
}

// code is the next one of the newest phone; half a minute goes by for it.
func (p *parts) code() string {
	p.t.Helper()
	p.mu.Lock()
	p.now = p.now.Add(30 * time.Second)
	at := p.now
	p.mu.Unlock()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.key.Reveal())
	p.must(err)
	mac := hmac.New(sha1.New, seed)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&(1<<31-1)%1_000_000)
}

// shown takes the key, or the emergency codes, from the page.
func (p *parts) shown() {
	p.t.Helper()
	if m := regexp.MustCompile(`secret=([A-Z2-7]{32,})`).FindStringSubmatch(p.b.body); m != nil {
		p.key = account.Secret(m[1])
	}
	for _, m := range regexp.MustCompile(`<li class="secret">(.+?)</li>`).FindAllStringSubmatch(p.b.body, -1) {
		p.codes = append(p.codes, regexp.MustCompile(`<[^>]+>`).ReplaceAllString(m[1], ""))
	}
}
