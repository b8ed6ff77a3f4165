package enroll_test

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
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// scene is a desk and a support side over a real store.
type scene struct {
	t       testing.TB
	store   *sqlite.Store
	mac     func(string, []byte) []byte
	mu      sync.Mutex
	now     time.Time
	facts   map[string]account.Facts
	away    error
	wait    time.Duration
	counted int
	events  []account.Event
	desk    *enroll.Desk
	support *enroll.Support
	cfg     enroll.Config
}

func newScene(t testing.TB, edit func(*enroll.Config)) *scene {
	t.Helper()
	s := &scene{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), facts: map[string]account.Facts{}}
	for _, name := range []string{"alice", "bert"} {
		s.facts[name] = account.Facts{Subject: account.Subject{ID: account.ID("id-" + name), Name: name}, Fitness: account.Fit}
	}
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(t.TempDir(), "state.db"), Now: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ring, _, err := seal.NewRing(bytes.Repeat([]byte{1, 2}, 16), db.Instance())
	if err != nil {
		t.Fatal(err)
	}
	s.store, s.mac = db.Store(ring), ring.MAC
	s.cfg = enroll.Config{
		Store: s.store, Directory: s, Throttle: s, Journal: s,
		Factors: map[string]enroll.Factor{
			"totp": {Info: info(t, totp.Factor{}), Plugin: totp.Factor{}}, "recovery": {Info: info(t, recovery.New()), Plugin: &printer{Factor: recovery.New()}},
			"app-password": {Info: info(t, apppassword.Factor{}), Plugin: apppassword.Factor{}},
		},
		Code: "totp", App: "app-password", Recovery: "recovery", CodesOpen: true, AppServices: []string{"dav", "card"},
		Issuer: "Example", MAC: s.mac, Rand: rand.Reader, Now: s.clock,
	}
	if edit != nil {
		edit(&s.cfg)
	}
	if s.desk, s.support, err = enroll.New(s.cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

// printer is the real factor with sheets that are drawn once for all scenes: ten
// hashes each are most of what a set-up costs. No two of a scene are the same, and
// none may be wanted from the same random bytes as another.
type printer struct {
	*recovery.Factor
	mu   sync.Mutex
	from []string
}

// drawn are the sheets so far.
var drawn struct {
	sync.Mutex
	sheets []factor.Issued
}

func (p *printer) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	if len(e.Settings) > 0 || len(e.Entropy) != factor.EntropySize {
		return p.Factor.Enroll(ctx, e) // a single code, or nothing that is right
	}
	p.mu.Lock()
	if slices.Contains(p.from, string(e.Entropy)) {
		p.mu.Unlock()
		return factor.Issued{}, errors.New("two sheets of the same random bytes")
	}
	p.from = append(p.from, string(e.Entropy))
	n := len(p.from)
	p.mu.Unlock()
	drawn.Lock()
	defer drawn.Unlock()
	for len(drawn.sheets) < n {
		sheet, err := p.Factor.Enroll(ctx, e)
		if err != nil {
			return sheet, err
		}
		drawn.sheets = append(drawn.sheets, sheet)
	}
	sheet := drawn.sheets[n-1]
	sheet.Payload = bytes.Clone(sheet.Payload)
	return sheet, nil
}

func info(t testing.TB, f factor.Factor) factor.Info {
	t.Helper()
	i, err := f.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (s *scene) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *scene) move(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Find is the scripted directory.
func (s *scene) Find(_ context.Context, name string) (account.Facts, error) {
	if s.away != nil {
		return account.Facts{}, s.away
	}
	f, ok := s.facts[name]
	if !ok {
		return f, account.ErrNotFound
	}
	return f, nil
}

// Second, Wait and Buckets are the scripted throttle.
func (s *scene) Second(context.Context, account.ID, string) (int64, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wait > 0 {
		return 0, s.wait, nil
	}
	s.counted++
	return int64(s.counted), 0, nil
}

func (s *scene) Wait(context.Context, account.ID, string) (time.Duration, int, error) {
	return s.wait, s.counted, nil
}

func (s *scene) WaitAlone(context.Context, account.ID, string) (time.Duration, int, error) {
	return 0, 0, nil
}

func (s *scene) Buckets(id account.ID, kinds []string) []string {
	return append([]string{"first " + string(id)}, kinds...)
}

func (s *scene) Record(e account.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// ticket puts a ticket as the engine does.
func (s *scene) ticket(kind account.TokenKind, name string) account.Secret {
	s.t.Helper()
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		s.t.Fatal(err)
	}
	secret := account.Secret(strings.ToValidUTF8(string(random[:]), "x"))
	err := s.store.Commit(context.Background(), account.Change{Subject: account.ID("id-" + name), Version: -1, PutTokens: []account.Token{{
		Kind: kind, Hash: account.HashToken(s.mac, kind, secret), Subject: account.ID("id-" + name),
		Data: []byte("web\x00" + name + "\x00192.0.2.7"), Created: s.clock(), Expires: s.clock().Add(10 * time.Minute),
	}}})
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}

func (s *scene) open(kind account.TokenKind, name string) account.Secret {
	s.t.Helper()
	got, err := s.desk.Open(context.Background(), s.ticket(kind, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return got.Token
}

// begin shows the key of a phone: one more, unless a plan says otherwise.
func (s *scene) begin(token account.Secret, plan ...devices.Plan) enroll.View {
	s.t.Helper()
	v, err := s.desk.Begin(context.Background(), token, append(plan, devices.Plan{})[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *scene) code(key account.Secret) account.Secret {
	s.t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key.Reveal())
	if err != nil {
		s.t.Fatal(err)
	}
	mac := hmac.New(sha1.New, seed)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(s.clock().Unix()/30)))
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[19]&15:]) &^ (1 << 31)
	return account.Secret(fmt.Sprintf("%06d", number%1_000_000))
}

// setUp takes somebody through the whole set-up.
func (s *scene) setUp(name string) (enroll.Confirmed, account.Secret) {
	s.t.Helper()
	token := s.open(account.TicketEnroll, name)
	key := s.begin(token).Setup.Secret
	done, err := s.desk.Confirm(context.Background(), token, s.code(key))
	if err != nil {
		s.t.Fatal(err)
	}
	return done, key
}

// replacing plans that a new phone takes the place of the person's only one.
func (s *scene) replacing(token account.Secret) devices.Plan {
	s.t.Helper()
	v, err := s.desk.View(context.Background(), token)
	if err != nil || len(v.Devices) != 1 {
		s.t.Fatalf("%d phones, %v", len(v.Devices), err)
	}
	return devices.Plan{Replaces: v.Devices[0].ID}
}

func (s *scene) load(name string) account.Snapshot {
	s.t.Helper()
	snap, err := s.store.Load(context.Background(), account.ID("id-"+name), "totp", "app-password", "recovery")
	if err != nil {
		s.t.Fatal(err)
	}
	return snap
}

func (s *scene) active(name, kind string) (n int) {
	for _, r := range s.load(name).Records {
		if r.Factor == kind && r.Active(s.clock()) {
			n++
		}
	}
	return n
}

// verify asks the real factor about a person's active records.
func (s *scene) verify(name, kind string, input account.Secret) bool {
	s.t.Helper()
	req := factor.Request{Input: input.Reveal(), Now: s.clock()}
	for _, r := range s.load(name).Records {
		if r.Factor == kind && r.Active(s.clock()) {
			req.Records = append(req.Records, factor.Record{ID: r.ID, Format: r.Format, Payload: r.Payload})
		}
	}
	res, err := s.cfg.Factors[kind].Plugin.Verify(context.Background(), req)
	return err == nil && res.Verdict == factor.Accept
}

// refused fails unless the error is a refusal for the reason.
func refused(t testing.TB, err error, want account.Reason) {
	t.Helper()
	var no *enroll.Refusal
	if !errors.As(err, &no) || no.Reason != want {
		t.Fatalf("got %v, want a refusal: %s", err, want)
	}
}

// over fails unless the error says that the session or thing is gone.
func over(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, account.ErrNotFound) {
		t.Fatalf("got %v, want not found", err)
	}
}

func order(name string) enroll.Order {
	return enroll.Order{Operator: "root(0)", Login: "root", Full: true, Name: name, Reason: "lost phone", Ticket: "T-1"}
}
