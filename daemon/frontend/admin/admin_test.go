package admin_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/enrollweb/words"
	"github.com/sallyport/sallyport/plugins/factor"
)

// desk remembers what it was told to do and fails as it is told to.
type desk struct {
	mu    sync.Mutex
	err   error
	done  []string
	order enroll.Order
	tried account.Attempt
}

func (d *desk) note(what string, o enroll.Order) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done, d.order = append(d.done, what+" "+o.Name), o
	return d.err
}

func (d *desk) User(_ context.Context, name string) (enroll.Overview, error) {
	return enroll.Overview{Facts: account.Facts{Subject: account.Subject{ID: "1", Name: name}, Fitness: account.Fit},
		Snapshot: account.Snapshot{Records: []account.Record{{ID: "r1", Factor: "totp", Uses: -1, Payload: []byte("sealed-secret")}}},
	}, d.note("user", enroll.Order{Name: name})
}

func (d *desk) Reset(_ context.Context, o enroll.Order) (enroll.Invite, error) {
	return enroll.Invite{Code: "ABCD", Expires: time.Unix(1700000000, 0), Removed: 2}, d.note("reset", o)
}
func (d *desk) Unlock(_ context.Context, o enroll.Order) error { return d.note("unlock", o) }
func (d *desk) Revoke(_ context.Context, o enroll.Order) (int, error) {
	return 1, d.note("revoke", o)
}
func (d *desk) Issue(_ context.Context, o enroll.Order, w enroll.Wish) (records.Made, error) {
	return records.Made{Record: account.Record{ID: "r9"}, Secret: "k7m2-9qxv"}, d.note("issue "+w.Label+" for "+strings.Join(w.Services, ",")+" to", o)
}

func (d *desk) Code(_ context.Context, o enroll.Order) (enroll.Invite, error) {
	return enroll.Invite{Code: "k7m3p-9x2qr", Expires: time.Unix(1700000000, 0)}, d.note("code", o)
}
func (d *desk) EndSessions(_ context.Context, o enroll.Order) error { return d.note("end-sessions", o) }

func (d *desk) Check(_ context.Context, a account.Attempt) account.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried = a
	return account.Answer{Verdict: factor.Deny, Reason: account.EnrollRequired, Ticket: "the-ticket",
		Subject: account.Subject{ID: "1", Name: "alice"}}
}

func (d *desk) Explain(context.Context, string, string) ([]check.Step, error) { return nil, d.err }
func (d *desk) Status(context.Context) (api.Status, error) {
	return api.Status{Store: api.Store{AuditSeq: 70}}, d.err
}

func (d *desk) Events(_ context.Context, after int64, limit int) ([]account.Event, error) {
	d.note(fmt.Sprintf("events after %d limit", after), enroll.Order{Name: fmt.Sprint(limit)})
	return []account.Event{{Seq: after + 1}}, d.err
}
func (d *desk) VerifyAudit(_ context.Context, log string) (api.AuditReport, error) {
	return api.AuditReport{OK: true, Anchors: len(log)}, d.err
}

// said are the sentences that the daemon hands to its front ends.
func said(t testing.TB) func(account.Reason) account.Text {
	t.Helper()
	text, err := words.Reasons("", "")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func serve(t *testing.T, d *desk) string {
	t.Helper()
	h, err := admin.New(admin.Config{Support: d, Issuer: d, Engine: d, System: d, Keeper: keeperOf{d}, Ledger: ledgerOf{d}, Text: said(t), Now: time.Now, Desk: []string{"@4343"}, Operators: []string{"4242"}})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o755)
	path := filepath.Join(dir, "s")
	l, err := listen.Unix(listen.Config{Path: path, Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	srv := admin.Server(h, nil)
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close(); os.RemoveAll(dir) })
	return path
}

// say sends a request as it stands and returns status and body.
func say(t *testing.T, path, request string) (int, string) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	head, body, _ := strings.Cut(request, "\n\n")
	if body != "" {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	io.WriteString(c, strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%q: headers %v", request, resp.Header)
	}
	if later := resp.StatusCode == 429 || resp.StatusCode == 503; later != (resp.Header.Get("Retry-After") != "") {
		t.Errorf("%q: %d, headers %v", request, resp.StatusCode, resp.Header)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func order(verb, body string) string {
	return "POST /v1/users/alice/" + verb + " HTTP/1.1\nHost: sallyport\nContent-Type: application/json\n\n" + body
}

func TestWhatABrowserSendsIsRefused(t *testing.T) {
	d := &desk{}
	path := serve(t, d)
	for _, line := range []string{"Origin: http://sallyport", "Origin: null", "Referer: http://sallyport/", "Sec-Fetch-Site: none", "X-Forwarded-For: 127.0.0.1"} {
		req := "POST /v1/users/alice/reset HTTP/1.1\nHost: sallyport\nContent-Type: application/json\n" + line + "\n\n" + `{"reason":"lost phone"}`
		if status, body := say(t, path, req); status != 403 {
			t.Errorf("%s: %d %s", line, status, body)
		}
	}
	for _, host := range []string{"evil.example", "127.0.0.1:8080", "sallyport.evil.example", "sallyport:80"} {
		if status, body := say(t, path, "GET /v1/status HTTP/1.1\nHost: "+host+"\n"); status != 403 {
			t.Errorf("Host %s: %d %s", host, status, body)
		}
	}
	if len(d.done) != 0 {
		t.Errorf("done: %v", d.done)
	}
	if status, _ := say(t, path, "GET /v1/status HTTP/1.1\nHost: sallyport\n"); status != 200 {
		t.Errorf("an honest question: %d", status)
	}
}

func TestOrdersNameTheOperator(t *testing.T) {
	d := &desk{}
	path := serve(t, d)
	for verb, body := range map[string]string{
		"reset": `{"reason":" lost phone ","ticket":"4711"}`, "unlock": `{"reason":" lost phone ","ticket":"4711"}`,
		"end-sessions": `{"reason":" lost phone ","ticket":"4711"}`, "revoke": `{"reason":"lost phone","ticket":"4711","record":"r1"}`,
		"code": `{"reason":"lost phone","ticket":"4711","for":"2h"}`,
	} {
		status, answer := say(t, path, order(verb, body))
		want := enroll.Order{Name: "alice", Reason: "lost phone", Ticket: "4711", Operator: d.order.Operator, Login: d.order.Login, Full: true}
		if verb == "revoke" {
			want.Record = "r1"
		}
		if verb == "code" {
			want.Life = 2 * time.Hour
		}
		if status != 200 || d.order != want || !strings.HasSuffix(d.order.Operator, fmt.Sprintf("(%d)", os.Getuid())) ||
			d.order.Login == "" || !strings.HasPrefix(d.order.Operator, d.order.Login+"(") {
			t.Errorf("%s: %d %s, order %+v", verb, status, answer, d.order)
		}
		if strings.Contains(answer, "ABCD") != (verb == "reset") || strings.Contains(answer, "k7m3p-9x2qr") != (verb == "code") {
			t.Errorf("%s: %s", verb, answer)
		}
	}
}

// Both sides of an order count characters, so that what the front end lets
// through is never refused behind it.
func TestATicketOf64CharactersIsTaken(t *testing.T) {
	d := &desk{}
	ticket := strings.Repeat("ä", 64)
	status, answer := say(t, serve(t, d), order("reset", `{"reason":"lost phone","ticket":"`+ticket+`"}`))
	if status != 200 || d.order.Ticket != ticket {
		t.Errorf("%d %s, ticket %q", status, answer, d.order.Ticket)
	}
}

func TestOrdersThatCannotBeTaken(t *testing.T) {
	d := &desk{}
	path := serve(t, d)
	for _, c := range []struct{ verb, body string }{
		{"reset", `{}`}, {"reset", ``}, {"reset", `{"reason":"  x  "}`}, {"reset", `{"reason":"` + strings.Repeat("ü", 501) + `"}`},
		{"reset", `{"reason":"lost phone","Reason":"x"}`}, {"reset", `{"reason":"lost phone","reason":"lost phone"}`},
		{"reset", `{"reason":"lost phone","operator":"root(0)"}`}, {"reset", `{"reason":"two\nlines"}`},
		{"reset", `{"reason":"lost phone","record":"r1"}`}, {"reset", `{"reason":"lost phone","ticket":"` + strings.Repeat("1", 65) + `"}`},
		{"reset", `{"reason":"lost phone","ticket":"` + strings.Repeat("ä", 65) + `"}`},
		{"code", `{}`}, {"code", `{"reason":"lost phone","for":"25h"}`}, {"code", `{"reason":"lost phone","for":"1m"}`},
		{"code", `{"reason":"lost phone","for":60}`}, {"code", `{"reason":"lost phone","for":""}`},
		{"unlock", `{"reason":""}`}, {"end-sessions", `{"reason":null}`},
		{"revoke", `{"reason":"lost phone"}`}, {"revoke", `{"reason":"lost phone","all":false}`},
		{"revoke", `{"reason":"lost phone","all":true,"record":"r1"}`}, {"revoke", `{"reason":"lost phone","all":"yes"}`},
		{"revoke", `{"reason":"lost phone","all":true` + strings.Repeat(" ", 17000) + `}`},
	} {
		if status, answer := say(t, path, order(c.verb, c.body)); status != 400 || !strings.HasPrefix(answer, `{"error":"`) {
			t.Errorf("%s %.80s: %d %s", c.verb, c.body, status, answer)
		}
	}
	if status, _ := say(t, path, "POST /v1/users/alice/reset HTTP/1.1\nHost: sallyport\nContent-Type: text/plain\n\n"+`{"reason":"lost phone"}`); status != 400 {
		t.Errorf("text/plain: %d", status)
	}
	if len(d.done) != 0 {
		t.Errorf("done: %v", d.done)
	}
}

func TestTroublesKeepTheirNames(t *testing.T) {
	cases := []struct {
		err    error
		status int
	}{
		{account.ErrNotFound, 404},
		{fmt.Errorf("searching: %w", account.ErrNotFound), 404},
		{account.ErrConflict, 409},
		{&enroll.Refusal{Reason: account.Malformed}, 400},
		{&enroll.Refusal{Reason: account.AccountDisabled}, 409},
		{&bylaws.Refusal{Sentence: "Not you.", Hint: "Ask."}, 403},
		{errors.Join(&bylaws.Refusal{Sentence: "No ticket.", Hint: "Add one.", Mendable: true}, nil), 400},
		{&bylaws.Refusal{Sentence: "Too many.", Hint: "Wait.", RetryAfter: time.Minute}, 429},
		{&enroll.Refusal{Reason: account.Throttled, RetryAfter: time.Minute}, 429},
		{fmt.Errorf("store at /secret/place: %w", account.ErrUnavailable), 503},
		{errors.New("something at /secret/place nobody foresaw"), 503},
	}
	for _, c := range cases {
		path := serve(t, &desk{err: c.err})
		for _, req := range []string{order("reset", `{"reason":"lost phone"}`), "GET /v1/users/alice HTTP/1.1\nHost: sallyport\n"} {
			status, body := say(t, path, req)
			if status != c.status || status != 400 && !strings.Contains(body, `"hint"`) || strings.Contains(body, "secret") || strings.Contains(body, "ABCD") {
				t.Errorf("%v: %d %s", c.err, status, body)
			}
		}
	}
}

func TestNoSecretLeaves(t *testing.T) {
	d := &desk{}
	path := serve(t, d)
	_, body := say(t, path, "GET /v1/users/alice HTTP/1.1\nHost: sallyport\n")
	if !strings.Contains(body, `"r1"`) || strings.Contains(body, "sealed") {
		t.Errorf("user: %s", body)
	}
	status, body := say(t, path, "POST /v1/check HTTP/1.1\nHost: sallyport\nContent-Type: application/json\n\n"+
		`{"service":"web","username":"alice","password":"pass"}`)
	if status != 200 || strings.Contains(body, "ticket") || strings.Contains(body, `"name"`) || !strings.Contains(body, `"enroll_required"`) {
		t.Errorf("check: %d %s", status, body)
	}
	if d.tried.FrontEnd != "admin" || d.tried.Peer.UID != os.Getuid() || d.tried.Password != "pass" {
		t.Errorf("tried %#v", d.tried)
	}
}

func TestAuditPages(t *testing.T) {
	cases := []struct {
		query  string
		status int
		asked  string
	}{
		{"", 200, "events after 20 limit 50"},
		{"?limit=100", 200, "events after 0 limit 100"},
		{"?after=0&limit=5", 200, "events after 0 limit 5"},
		{"?after=69", 200, "events after 69 limit 50"},
		{"?limit=0", 400, ""}, {"?limit=1001", 400, ""}, {"?after=-1", 400, ""}, {"?after=x", 400, ""},
	}
	for _, c := range cases {
		d := &desk{}
		status, body := say(t, serve(t, d), "GET /v1/audit"+c.query+" HTTP/1.1\nHost: sallyport\n")
		if status != c.status || c.asked != strings.Join(d.done, "") {
			t.Errorf("%s: %d %s, asked %v", c.query, status, body, d.done)
		}
	}
}
