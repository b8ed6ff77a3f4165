package enrollweb

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/handover"
)

// The questions of programs, as package handover keeps them: a number stands for
// ticket and link.
type question struct {
	asked   handover.Asked
	granted *enroll.Wish
	done    bool
}

func (w *world) AskFlow(c account.Client) (handover.Question, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["AskFlow"]; err != nil {
		return handover.Question{}, err
	}
	w.asks = append(w.asks, &question{asked: handover.Asked{Client: c, At: now()}})
	n := len(w.asks) - 1
	return handover.Question{Ticket: account.Secret(fmt.Sprintf("ticket-%d", n)), Link: fmt.Sprintf("link-%d", n)}, nil
}

func (w *world) question(text, kind string) (*question, error) {
	for n, q := range w.asks {
		if text == fmt.Sprintf("%s-%d", kind, n) {
			return q, nil
		}
	}
	return nil, handover.ErrOver
}

func (w *world) Flow(_ context.Context, link account.Secret) (handover.Asked, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["Flow"]; err != nil {
		return handover.Asked{}, err
	}
	q, err := w.question(link.Reveal(), "link")
	if err != nil || q.granted != nil {
		return handover.Asked{}, handover.ErrOver
	}
	return q.asked, nil
}

func (w *world) GrantFlow(_ context.Context, session, link account.Secret, wish enroll.Wish) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.act("GrantFlow", session); err != nil {
		return err
	}
	q, err := w.question(link.Reveal(), "link")
	if err != nil || q.granted != nil {
		return handover.ErrOver
	}
	if wish.Label == "" {
		return &enroll.Refusal{Reason: account.Malformed}
	}
	q.granted = &wish
	return nil
}

func (w *world) FetchFlow(_ context.Context, ticket account.Secret, _ account.Client) (handover.Fetched, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail["FetchFlow"]; err != nil {
		return handover.Fetched{}, err
	}
	q, err := w.question(ticket.Reveal(), "ticket")
	if err != nil || q.granted == nil || q.done {
		return handover.Fetched{}, handover.ErrOver
	}
	q.done = true
	return handover.Fetched{Name: "alice", Secret: "k7m2-9qxv-dhz4-tw3c-8fnr-5jbp"}, nil
}

// asking is a world in which programs may ask.
func asking() *world {
	w := newWorld()
	w.servers[0].Login, w.servers[0].LoginFlow = "{name}@example.org", "https://cloud.example.org"
	return w
}

// davx5 is a program that asks, with the address and the name that it has.
type davx5 struct {
	t           *testing.T
	h           http.Handler
	from, agent string
}

func (d davx5) send(method, path, kind, body string) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(d.from), 4000).String()
	r.Header.Set("User-Agent", d.agent)
	rec := httptest.NewRecorder()
	d.h.ServeHTTP(rec, r)
	return rec
}

// ask begins, and returns ticket and link.
func (d davx5) ask() (string, string) {
	d.t.Helper()
	rec := d.send("POST", "https://login.example.org/index.php/login/v2", "", "")
	var said struct {
		Poll  struct{ Token, Endpoint string }
		Login string
	}
	err := json.Unmarshal(rec.Body.Bytes(), &said)
	if rec.Code != 200 || err != nil || said.Poll.Endpoint != "https://login.example.org/login/v2/poll" || rec.Header().Get("Content-Type") != "application/json" {
		d.t.Fatalf("%d %s, %v", rec.Code, rec.Body, err)
	}
	link, ok := strings.CutPrefix(said.Login, "https://login.example.org")
	if !ok || strings.Contains(link, said.Poll.Token) {
		d.t.Fatalf("the link is %q", said.Login)
	}
	return said.Poll.Token, link
}

func (d davx5) poll(ticket string) *httptest.ResponseRecorder {
	d.t.Helper()
	return d.send("POST", "https://login.example.org/login/v2/poll", "application/x-www-form-urlencoded", url.Values{"token": {ticket}}.Encode())
}

// program is a DAVx5 in the network of the browsers of these tests.
func (b *browser) program() davx5 {
	return davx5{b.t, b.h, "192.0.2.1", "DAVx5/4.4.5-ose (2025/09/01; dav4jvm; okhttp/5.1.0) Android/16"}
}

// FuzzPoll: whatever a stranger posts, the answer is one of the few, and says
// nothing of it.
func FuzzPoll(f *testing.F) {
	w := asking()
	h, err := New(w.config())
	if err != nil {
		f.Fatal(err)
	}
	for _, kind := range []string{"application/x-www-form-urlencoded", "application/json", "text/plain", ";", ""} {
		for _, body := range []string{"token=x", `{"token":"x"}`, `{"token":{}}`, "token=%", "a=b;c", "\x00"} {
			f.Add(kind, body)
		}
	}
	n := 0
	f.Fuzz(func(t *testing.T, kind, body string) {
		n++ // a new network each time, so that none has to wait
		p := davx5{t, h, fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255), "fuzz"}
		rec := p.send("POST", "https://login.example.org/login/v2/poll", kind, body)
		switch rec.Code {
		case 400, 404, 413, 415, 429:
		default:
			t.Errorf("%q %q: %d", kind, body, rec.Code)
		}
		if strings.TrimSpace(rec.Body.String()) != "[]" {
			t.Errorf("%q %q: %s", kind, body, rec.Body)
		}
	})
}
