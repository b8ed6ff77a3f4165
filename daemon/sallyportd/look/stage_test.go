package look

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/handover"
	"github.com/sallyport/sallyport/enrollweb"
	"github.com/sallyport/sallyport/enrollweb/back"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/plugins/factor"
)

// stage is the page with fixed answers behind it. What a state of the page needs
// and the stage does not know is a nil interface, and the test falls over it.
type stage struct {
	enrollweb.Desk
	url string
	// mail is the socket of the web application whose address is app.
	mail string

	mu   sync.Mutex
	view enroll.View
}

// many is the name of one more than there may be.
const many = "one more"

const (
	seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	link = "otpauth://totp/Uni%20Musterstadt:alice?secret=" + seed + "&issuer=Uni%20Musterstadt&algorithm=SHA1&digits=6&period=30"
)

// app is a web application that people come from. It answers that there is
// nothing to show: so a browser that goes there stays on the page that sent it,
// and that page can be looked at.
const app = "https://mail.example.org"

func now() time.Time { return time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC) }

// newStage opens the page over TLS; edit may change its config.
func newStage(t *testing.T, edit func(*enrollweb.Config)) *stage {
	t.Helper()
	st := &stage{}
	server := httptest.NewUnstartedServer(nil)
	st.url = "https://" + server.Listener.Addr().String()
	cfg := enrollweb.Config{
		Judge: st, Desk: st, Service: "web", BaseURL: st.url, Operator: "Uni Musterstadt",
		Support: look.Support{Phone: "+49 30 123 456", Hours: "Mo–Fr 8–18 Uhr", Mail: "hilfe@example.org"},
		Servers: []recipe.Server{{Service: "dav", Calendar: "https://dav.example.org/", Contacts: "https://dav.example.org/",
			Login: "{name}", LoginFlow: "https://cloud.example.org"},
			{Service: "imap", IMAP: "imaps://mail.example.org:993", SMTP: "smtp://mail.example.org:587", Login: "{name}@example.org"}},
		ReturnTo: []string{app}, Now: now, Rand: &counter{}, Log: slog.New(slog.DiscardHandler),
	}
	mail := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(mail.Close)
	st.mail = mail.Listener.Addr().String()
	if edit != nil {
		edit(&cfg)
	}
	page, err := enrollweb.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = withAxe(page)
	server.StartTLS()
	t.Cleanup(server.Close)
	return st
}

// counter stands for randomness: every read differs.
type counter struct {
	mu sync.Mutex
	n  uint16
}

func (c *counter) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	for i := range p {
		p[i] = byte(c.n >> (8 * (i % 2)))
	}
	return len(p), nil
}

// cookie is what a browser of this level holds.
func (st *stage) cookie(t *testing.T, l guard.Level) *http.Cookie {
	t.Helper()
	site, err := guard.New(st.url, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	site.SetCookie(w, l, "proof")
	return w.Result().Cookies()[0]
}

// errand is what a browser holds that came from the web application.
func (st *stage) errand(t *testing.T) *http.Cookie {
	t.Helper()
	site, err := guard.New(st.url, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	site.SetNote(w, back.Cookie, back.Way{Address: app + "/inbox"}.Pack(), 60)
	return w.Result().Cookies()[0]
}

// set is what the person sees from now on.
func (st *stage) set(l guard.Level, edit func(*enroll.View)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.view = enroll.View{Subject: account.Subject{ID: "a-1", Name: "alice", DisplayName: "Alice Ahrens"},
		Kind: account.TokenSetup, Stage: enroll.StageBegin, Fresh: true, Services: []string{"dav"}, CodesLeft: 10, MostDevices: 5, MayLoseLast: true}
	if l == guard.Full {
		st.view.Kind, st.view.Stage = account.TokenSession, enroll.StageHome
		st.view.Devices = []account.Record{{ID: "d1", Factor: "totp", Created: now().AddDate(0, -2, 0), LastUsed: now().Add(-75 * time.Minute)}}
	}
	if edit != nil {
		edit(&st.view)
	}
}

func (st *stage) View(context.Context, account.Secret) (enroll.View, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.view, nil
}

// Check knows one right password and one right code.
func (st *stage) Check(_ context.Context, a account.Attempt) account.Answer {
	deny := account.Answer{Verdict: factor.Deny, Reason: account.BadCredentials}
	switch {
	case a.Password == "disturbed":
		return account.Answer{Reason: account.DirectoryUnavailable, RetryAfter: 20 * time.Second}
	case a.Password == "tired":
		return account.Answer{Verdict: factor.Deny, Reason: account.Throttled, RetryAfter: 90 * time.Second}
	case a.Password == "owes":
		deny.Reason, deny.Ticket = account.EnrollRequired, "setup"
	case a.Password == "right":
		deny.Reason, deny.Ticket = account.CodeRequired, "proof"
	case a.Ticket == "proof" && a.Code == "123456":
		return account.Answer{Verdict: factor.Accept, Reason: account.OK, Ticket: "full"}
	case a.Ticket == "proof" && a.Code == "222222":
		deny.Reason, deny.Ticket, deny.Drift = account.CodeWrong, "proof", -12*time.Minute
	case a.Ticket == "proof" && a.Code == "333333":
		deny.Reason, deny.Ticket, deny.RetryAfter = account.Throttled, "proof", 20*time.Minute
	case a.Ticket == "proof":
		deny.Reason, deny.Ticket = account.CodeWrong, "proof"
	}
	return deny
}

func (st *stage) Open(_ context.Context, ticket account.Secret) (enroll.Session, error) {
	switch ticket {
	case "setup":
		st.set(guard.Setup, nil)
		return enroll.Session{Kind: account.TokenSetup, Token: "proof", Expires: now().Add(time.Hour)}, nil
	case "old":
		return enroll.Session{}, account.ErrNotFound
	}
	st.set(guard.Full, nil)
	return enroll.Session{Kind: account.TokenSession, Token: "proof", Expires: now().Add(time.Hour)}, nil
}

// waiting is a set-up that waits for its first code.
func waiting(v *enroll.View) {
	v.Setup = enroll.Setup{Secret: seed, URI: link, Expires: now().Add(10 * time.Minute)}
	if v.Kind == account.TokenSetup {
		v.Stage = enroll.StageConfirm
	}
}

func (st *stage) Confirm(_ context.Context, _, code account.Secret) (enroll.Confirmed, error) {
	switch code {
	case "123456":
	case "222222":
		return enroll.Confirmed{}, &enroll.Refusal{Reason: account.CodeWrong, Drift: 4 * time.Minute}
	default:
		return enroll.Confirmed{}, &enroll.Refusal{Reason: account.CodeWrong}
	}
	st.set(guard.Full, nil)
	return enroll.Confirmed{Session: enroll.Session{Kind: account.TokenSession, Token: "proof"}, Codes: sheet()}, nil
}

// sheet is ten emergency codes of the longest kind.
func sheet() []account.Secret {
	return []account.Secret{"k7m2x9qxvdhz4tw", "3fnr85jbpw2mkx7", "vd4tz9q3c8nhw2m", "7xk5pj8rtb3fz4q", "9wmc2dv6hn8x3kt",
		"qz4rt7b5fj9mw3p", "h2x8kn6vc4d9qzt", "mw5p3jb7rf2tz8x", "c6vd9h4nkq3xw7m", "t8z2fr5bp9j3m4w"}
}

func (st *stage) Codes(context.Context, account.Secret) ([]account.Secret, error) {
	return sheet(), nil
}

func (st *stage) Issue(_ context.Context, _ account.Secret, w enroll.Wish) (enroll.Issued, error) {
	if w.Label == many {
		return enroll.Issued{}, &enroll.Refusal{Reason: account.NotAllowed}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.view.AppPasswords = append(st.view.AppPasswords, account.Record{ID: "new", Label: w.Label, Services: []string{"dav"}, Created: now()})
	return enroll.Issued{Record: "new", Secret: "k7m2-9qxv-dhz4-tw3c-8fnr-5jbp"}, nil
}

func (st *stage) RemovePhone(context.Context, account.Secret, devices.Removal) (enroll.Session, error) {
	return enroll.Session{}, &enroll.Refusal{Reason: account.CodeWrong}
}

// LosePhone is about the last one, of somebody without emergency codes.
func (st *stage) LosePhone(context.Context, account.Secret, string) (enroll.Confirmed, error) {
	return enroll.Confirmed{Session: enroll.Session{Kind: account.TokenSession, Token: "proof"}, Codes: sheet()}, nil
}

// Begin refuses a phone more, because of its name or because there are many.
func (st *stage) Begin(_ context.Context, _ account.Secret, plan devices.Plan) (enroll.View, error) {
	if plan.Label == many {
		return enroll.View{}, &enroll.Refusal{Reason: account.NotAllowed}
	}
	return enroll.View{}, &enroll.Refusal{Reason: account.Malformed}
}

func (st *stage) Invite(context.Context, account.Secret, account.Secret) error {
	return &enroll.Refusal{Reason: account.CodeWrong}
}

func (st *stage) Rename(context.Context, account.Secret, string, string) error {
	return &enroll.Refusal{Reason: account.Malformed}
}

// Tries are two that went wrong, each in its way; none of somebody who has nothing.
func (st *stage) Tries(context.Context, account.Secret) ([]account.Event, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.view.Devices) == 0 {
		return nil, nil
	}
	return []account.Event{
		{At: now().Add(-3 * time.Minute), Service: "dav", Agent: "iOS/17.1 dataaccessd/1.0", Address: "192.0.2.9", Reason: account.AppPasswordRequired, Count: 4},
		{At: now().Add(-2 * time.Hour), Service: "dav", Agent: "Thunderbird/128.0", Address: "2001:db8:1:2::3", Reason: account.AppPasswordRevoked},
	}, nil
}

func (st *stage) Revoke(context.Context, account.Secret, string) error { return nil }

func (st *stage) End(context.Context, account.Secret) error { return nil }

func (st *stage) Flow(_ context.Context, link account.Secret) (handover.Asked, error) {
	if link == "old" {
		return handover.Asked{}, handover.ErrOver
	}
	return handover.Asked{Client: account.Client{Addr: netip.MustParseAddr("192.0.2.7"), Agent: "DAVx5/4.3.1-ose"}, At: now().Add(-time.Minute)}, nil
}

func (st *stage) GrantFlow(context.Context, account.Secret, account.Secret, enroll.Wish) error {
	return nil
}
