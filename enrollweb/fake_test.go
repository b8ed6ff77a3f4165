package enrollweb

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/plugins/factor"
)

// world is what stands behind the page in these tests: it keeps sessions the
// way that package enroll does, and says what the script tells it to.
type world struct {
	mu       sync.Mutex
	answer   map[string]account.Answer // by password, or by code
	attempts []account.Attempt
	tickets  map[account.Secret]enroll.Session
	sessions map[account.Secret]*enroll.View
	fail     map[string]error // by method
	did      []string
	next     int
	codes    []account.Secret
	wishes   []enroll.Wish
	servers  []recipe.Server
	tries    []account.Event
	asks     []*question
	apps     []string // where people may be sent back to
	gates    []string // and whose hosts take them over
	renewed  int      // how often a session was kept from idling out
}

const (
	seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	link = "otpauth://totp/Uni%20Musterstadt:alice?secret=" + seed + "&issuer=Uni%20Musterstadt&algorithm=SHA1&digits=6&period=30"
)

func now() time.Time { return time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC) }

func newWorld() *world {
	w := &world{apps: []string{"https://app.example.org"}, servers: []recipe.Server{{Service: "dav", Calendar: "https://dav.example.org/", Contacts: "https://dav.example.org/", Login: "{name}"}}, tickets: map[account.Secret]enroll.Session{}, sessions: map[account.Secret]*enroll.View{}, fail: map[string]error{}}
	w.answer = map[string]account.Answer{
		"right":   {Verdict: factor.Deny, Reason: account.CodeRequired, Ticket: "proof"},
		"single":  {Verdict: factor.Accept, Reason: account.OK, Ticket: "entry"},
		"owes":    {Verdict: factor.Deny, Reason: account.EnrollRequired, Ticket: "enroll"},
		"invited": {Verdict: factor.Deny, Reason: account.EnrollRequired, Ticket: "invited"},
		"wrong":   {Verdict: factor.Deny, Reason: account.BadCredentials},
		"nobody":  {Verdict: factor.Deny, Reason: account.UnknownUser},
		"off":     {Verdict: factor.Deny, Reason: account.AccountDisabled},
		"locked":  {Verdict: factor.Deny, Reason: account.AccountLockedByDirectory},
		"vetoed":  {Verdict: factor.Deny, Reason: account.Vetoed},
		"slow":    {Verdict: factor.Deny, Reason: account.Throttled, RetryAfter: 90 * time.Second},
		"down":    {Reason: account.DirectoryUnavailable, RetryAfter: 20 * time.Second},
		"123456":  {Verdict: factor.Accept, Reason: account.OK, Ticket: "entry"},
		"000000":  {Verdict: factor.Deny, Reason: account.CodeWrong},
		"111111":  {Verdict: factor.Deny, Reason: account.CodeUsed},
		"222222":  {Verdict: factor.Deny, Reason: account.CodeWrong, Drift: -3 * time.Minute},
		"333333":  {Verdict: factor.Deny, Reason: account.BadCredentials},
		"444444":  {Verdict: factor.Deny, Reason: account.Throttled, RetryAfter: 10 * time.Minute},
		"555555":  {Reason: account.StoreUnavailable},
	}
	for i := range 10 {
		w.codes = append(w.codes, account.Secret(fmt.Sprintf("k7m2%x-9qxvd-hz4t%x", i, i)))
	}
	return w
}

// edit changes what every session sees.
func (w *world) edit(do func(*enroll.View)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.sessions {
		do(v)
	}
}

// only is what the one session sees.
func (w *world) only(t *testing.T) (view enroll.View) {
	t.Helper()
	n := 0
	w.edit(func(v *enroll.View) { view, n = *v, n+1 })
	if n != 1 {
		t.Fatalf("there are %d sessions", n)
	}
	return view
}

func (w *world) config() Config {
	return Config{Judge: w, Desk: w, Service: "web", BaseURL: "https://login.example.org",
		Operator: "Uni Musterstadt", Support: look.Support{Phone: "+49 30 123 456", Hours: "Mo–Fr 8–18 Uhr", Mail: "hilfe@example.org"},
		Servers: w.servers, ReturnTo: w.apps, Visits: w, Origins: w.gates, Now: now, Rand: &counter{}, Log: slog.New(slog.DiscardHandler)}
}

// counter stands for randomness: every read differs.
type counter struct {
	mu sync.Mutex
	n  byte
}

func (c *counter) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	for i := range p {
		p[i] = c.n
	}
	return len(p), nil
}

func (w *world) Check(_ context.Context, a account.Attempt) account.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts = append(w.attempts, a)
	if a.Ticket != "" && a.Ticket != "proof" {
		return account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}
	}
	key := a.Password.Reveal() + a.Code.Reveal()
	ans, ok := w.answer[key]
	if !ok {
		return account.Answer{Verdict: factor.Deny, Reason: account.CodeWrong}
	}
	switch {
	case ans.Ticket == "entry":
		w.tickets["entry"] = enroll.Session{Kind: account.TokenSession}
	case ans.Ticket != "" && ans.Ticket != "proof":
		w.tickets[ans.Ticket] = enroll.Session{Kind: account.TokenSetup}
	}
	return ans
}

// Hand is the taking over by the host of an application.
func (w *world) Hand(_ context.Context, session account.Secret, origin, proof string) (account.Secret, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.act("Hand", session); err != nil {
		return "", err
	}
	return account.Secret("code-for-" + strings.TrimPrefix(origin, "https://") + "-" + proof), nil
}

func alice() account.Subject {
	return account.Subject{ID: "a-1", Name: "alice", DisplayName: "Alice Ahrens"}
}

// open starts a session of a kind; the caller holds the lock.
func (w *world) open(kind account.TokenKind) enroll.Session {
	w.next++
	s := enroll.Session{Kind: kind, Token: account.Secret(fmt.Sprintf("%s-%d", kind, w.next)), Expires: now().Add(time.Hour)}
	v := &enroll.View{Subject: alice(), Kind: kind, Stage: enroll.StageBegin, Fresh: true, Services: []string{"dav"}}
	if kind == account.TokenSession {
		v.Stage, v.CodesLeft, v.MostDevices, v.MayLoseLast = enroll.StageHome, 10, 5, true
		v.Devices = []account.Record{{ID: "d1", Factor: "totp", Created: now().AddDate(0, -2, 0), LastUsed: now().Add(-75 * time.Minute)}}
	}
	w.sessions[s.Token] = v
	return s
}

func (w *world) Open(_ context.Context, ticket account.Secret) (enroll.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["Open"]; err != nil {
		return enroll.Session{}, err
	}
	t, ok := w.tickets[ticket]
	if !ok {
		return t, account.ErrNotFound
	}
	delete(w.tickets, ticket)
	s := w.open(t.Kind)
	if ticket == "invited" {
		w.sessions[s.Token].Stage = enroll.StageInvite
	}
	return s, nil
}

// act is the start of every method of a session.
func (w *world) act(what string, session account.Secret) (*enroll.View, error) {
	v, ok := w.sessions[session]
	if !ok {
		return nil, account.ErrNotFound
	}
	if err := w.fail[what]; err != nil {
		return nil, err
	}
	if what != "View" {
		w.did = append(w.did, what)
	}
	return v, nil
}

func (w *world) View(ctx context.Context, session account.Secret) (enroll.View, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("View", session)
	if err != nil {
		return enroll.View{}, err
	}
	if !records.IsUnasked(ctx) {
		w.renewed++
	}
	return *v, nil
}

func (w *world) Invite(_ context.Context, session, code account.Secret) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("Invite", session)
	switch {
	case err != nil:
		return err
	case code != "open-sesame":
		return &enroll.Refusal{Reason: account.CodeWrong}
	}
	v.Stage = enroll.StageBegin
	return nil
}

func (w *world) Begin(_ context.Context, session account.Secret, plan devices.Plan) (enroll.View, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("Begin", session)
	if err != nil {
		return enroll.View{}, err
	}
	v.Setup = enroll.Setup{Secret: seed, URI: link, Expires: now().Add(10 * time.Minute), Plan: plan}
	if v.Kind == account.TokenSetup {
		v.Stage = enroll.StageConfirm
	}
	return *v, nil
}

func (w *world) Confirm(_ context.Context, session, code account.Secret) (enroll.Confirmed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("Confirm", session)
	switch {
	case err != nil:
		return enroll.Confirmed{}, err
	case code == "222222":
		return enroll.Confirmed{}, &enroll.Refusal{Reason: account.CodeWrong, Drift: -3 * time.Minute}
	case code != "123456" || v.Setup.URI == "":
		return enroll.Confirmed{}, &enroll.Refusal{Reason: account.CodeWrong}
	}
	delete(w.sessions, session)
	done := enroll.Confirmed{Session: w.open(account.TokenSession)}
	if v.Kind == account.TokenSetup {
		done.Codes = w.codes
	}
	return done, nil
}

func (w *world) Issue(_ context.Context, session account.Secret, wish enroll.Wish) (enroll.Issued, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("Issue", session)
	if err != nil {
		return enroll.Issued{}, err
	}
	w.wishes = append(w.wishes, wish)
	id := fmt.Sprintf("p%d", len(v.AppPasswords)+1)
	v.AppPasswords = append(v.AppPasswords, account.Record{ID: id, Label: wish.Label, Services: []string{"dav"}, Created: now()})
	return enroll.Issued{Record: id, Secret: "k7m2-9qxv-dhz4-tw3c-8fnr-5jbp"}, nil
}

func (w *world) Rename(_ context.Context, session account.Secret, record, label string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("Rename", session)
	if err != nil {
		return err
	}
	if strings.TrimSpace(label) == "" {
		return &enroll.Refusal{Reason: account.Malformed}
	}
	for i := range v.AppPasswords {
		if v.AppPasswords[i].ID == record {
			v.AppPasswords[i].Label = label
		}
	}
	return nil
}

func (w *world) RevokeUnused(_ context.Context, session account.Secret) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("RevokeUnused", session)
	if err != nil {
		return 0, err
	}
	before := len(v.AppPasswords)
	v.AppPasswords = slices.DeleteFunc(slices.Clone(v.AppPasswords), func(r account.Record) bool { return enroll.Unused(r, now()) })
	return before - len(v.AppPasswords), nil
}

func (w *world) Codes(_ context.Context, session account.Secret) ([]account.Secret, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.act("Codes", session)
	return w.codes, err
}

func (w *world) Revoke(_ context.Context, session account.Secret, record string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := w.act("Revoke", session)
	if err != nil {
		return err
	}
	v.AppPasswords = slices.DeleteFunc(slices.Clone(v.AppPasswords), func(r account.Record) bool { return r.ID == record })
	return nil
}

func (w *world) End(_ context.Context, session account.Secret) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.act("End", session); err != nil {
		return err
	}
	delete(w.sessions, session)
	return nil
}
