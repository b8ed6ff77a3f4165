package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
)

// fetched is what a program keeps in the end.
type fetched struct{ Server, LoginName, AppPassword string }

// program is one that syncs and knows Login Flow v2: it is told the address of a
// server and nothing else, keeps no cookies and reads no pages.
type program struct {
	client *http.Client
	poll   string // where to look again
	token  string
	login  string // what to open in a browser
}

func (s *site) program() *program {
	return &program{client: &http.Client{Transport: proxied{s.path("run/page.sock")}}}
}

func (p *program) post(where, kind, body string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, where, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("User-Agent", "DAVx5/4.5-ose (dav4jvm; okhttp/5.1.0) Android/16")
	resp, err := p.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	return resp.StatusCode, said, err
}

// begin asks the server that the person typed.
func (p *program) begin(server string) error {
	status, body, err := p.post(strings.TrimSuffix(server, "/")+"/index.php/login/v2", "", "")
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("beginning: %d %s, %v", status, body, err)
	}
	var said struct {
		Poll  struct{ Token, Endpoint string }
		Login string
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return err
	}
	p.poll, p.token, p.login = said.Poll.Endpoint, said.Poll.Token, said.Login
	return nil
}

// fetch looks once whether the person has confirmed.
func (p *program) fetch() (got fetched, status int, err error) {
	status, body, err := p.post(p.poll, "application/x-www-form-urlencoded", "token="+url.QueryEscape(p.token))
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(body, &got)
	}
	return got, status, err
}

// waits expects that there is nothing to fetch.
func (p *program) waits() error {
	if got, status, err := p.fetch(); err != nil || status != http.StatusNotFound {
		return fmt.Errorf("fetching got %d %+v, %v; want 404", status, got, err)
	}
	return nil
}

// withFlow lets programs ask at this site.
func (s *site) withFlow() *site {
	return s.with("[[page.server]]\nservice = \"dav\"\ncalendar = \"https://cloud.example.org/\"\nlogin_flow = \"https://cloud.example.org/\"\n")
}

// with adds to the config.
func (s *site) with(more string) *site {
	f, err := os.OpenFile(s.path("sallyport.toml"), os.O_APPEND|os.O_WRONLY, 0o600)
	s.must("opening the config", err)
	_, err = f.WriteString("\n" + more)
	s.must("writing the config", err)
	s.must("closing the config", f.Close())
	return s
}

// change writes something else into the config.
func (s *site) change(old, fresh string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path("sallyport.toml"))
	s.must("reading the config", err)
	if strings.Count(string(text), old) == 0 {
		s.t.Fatalf("the config does not say %s", old)
	}
	s.must("writing the config", os.WriteFile(s.path("sallyport.toml"), []byte(strings.Replace(string(text), old, fresh, 1)), 0o600))
}

func (s *site) restart() {
	s.t.Helper()
	s.must("stopping", s.daemon.stop())
	s.must("starting again", s.start())
}

// confirm does in a browser what the link of a program asks for.
func (s *site) confirm(b *browser, link, key string) error {
	if err := b.get(link); err != nil {
		return err
	}
	if want := "Did somebody send you this link?"; b.status != http.StatusOK || !strings.Contains(b.String(), want) {
		return fmt.Errorf("the link does not warn:\n%s", b)
	}
	if err := b.submit("/login/v2/flow", nil); err != nil {
		return err
	}
	if b.at.Path == "/" { // not signed in yet
		code, err := s.phones.code(key)
		if err != nil {
			return err
		}
		if err := b.submit("/sign-in", url.Values{"name": {"alice"}, "password": {"alice-password"}}); err != nil {
			return err
		}
		if err := b.submit("/code", url.Values{"code": {code}}); err != nil {
			return err
		}
	}
	if b.at.Path != "/login/v2/grant" || !strings.Contains(b.String(), "Android (DAVx5)") {
		return fmt.Errorf("the sign-in does not lead to the question:\n%s", b)
	}
	return b.submit("/login/v2/grant", url.Values{"label": {"Fairphone"}, "mine": {"yes"}})
}

// TestAProgramFetchesItsAppPassword: told one address, a program has a good app
// password after a sign-in with password and code that it knows nothing of. The
// daemon may be restarted in between; of 64 that ask at once, one gets it.
func TestAProgramFetchesItsAppPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{logLevel: "debug"}).withFlow()
	s.must("starting", s.start())
	alice, err := s.enroll(s.browser(), "alice", "")
	s.must("setting up", err)
	p := s.program()
	s.must("asking", p.begin("https://login.example.org/"))
	s.must("waiting", p.waits())
	s.restart()
	b := s.browser()
	s.must("confirming", s.confirm(b, p.login, alice.key))
	if !strings.Contains(b.String(), "“Fairphone” by itself") {
		t.Fatalf("after confirming:\n%s", b)
	}
	s.restart()
	var one fetched
	var got atomic.Int32
	var all errgroup.Group
	for range 64 {
		all.Go(func() error {
			f, status, err := p.fetch()
			switch {
			case err != nil:
				return err
			case status == http.StatusOK:
				if got.Add(1) == 1 {
					one = f
				}
			case status != http.StatusNotFound:
				return fmt.Errorf("answered %d", status)
			}
			return nil
		})
	}
	s.must("fetching", all.Wait())
	if got.Load() != 1 || one.Server != "https://cloud.example.org" || one.LoginName != "alice" {
		t.Fatalf("%d of 64 got it: %q %q", got.Load(), one.Server, one.LoginName)
	}
	for service, want := range map[string]int{"dav": http.StatusNoContent, "files": http.StatusUnauthorized} {
		a, err := s.check().auth(login{name: one.LoginName, password: one.AppPassword, service: service}, false)
		s.must("asking", err)
		if err := expectStatus(a, want); err != nil {
			t.Errorf("the app password at %s %v", service, err)
		}
	}
	s.must("fetching again", p.waits())
	s.must("opening the link again", b.get(p.login))
	if b.status != http.StatusGone {
		t.Errorf("the link is still good:\n%s", b)
	}
	s.must("removing it", remove(b, "Fairphone"))
	a, err := s.check().auth(login{name: one.LoginName, password: one.AppPassword, service: "dav"}, false)
	s.must("asking", err)
	s.must("after it was removed it", expectStatus(a, http.StatusUnauthorized))
	s.leftNothingOf(p.token, one.AppPassword)
}

// leftNothingOf searches what the daemon wrote for ticket and app password.
func (s *site) leftNothingOf(ticket, password string) {
	s.t.Helper()
	n := needles{}
	n.add("the ticket", ticket)
	n.add("the app password", password)
	for where, hay := range s.everything() {
		if found := n.in(hay); len(found) > 0 {
			s.t.Errorf("%s holds %s", where, strings.Join(found, ", "))
		}
	}
}

// TestAQuestionThatNobodyMayAnswer: where it is off there is no such path; an
// account that was disabled since gets nothing; one that a stranger began goes
// nowhere by itself.
func TestAQuestionThatNobodyMayAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.must("starting", s.start())
	if err := s.program().begin("https://login.example.org"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("off: %v", err)
	}
	alice, err := s.enroll(s.browser(), "alice", "")
	s.must("setting up", err)
	s.withFlow().restart()
	p := s.program()
	s.must("asking", p.begin("https://login.example.org"))
	b := s.browser()
	s.must("opening the link", b.get(p.login))
	s.must("waiting", p.waits())
	s.must("confirming", s.confirm(b, p.login, alice.key))
	s.must("resetting", s.resets("alice"))
	s.must("after the reset", p.waits())
}

// resets has the support desk reset somebody.
func (s *site) resets(name string) error {
	a, err := s.admin().ask(request{method: "POST", path: "/v1/users/" + name + "/reset",
		headers: []string{"Content-Type: application/json"}, body: `{"reason":"phone stolen"}`})
	if err == nil {
		err = expectStatus(a, http.StatusOK)
	}
	return err
}

// programWalk is what DAVx5 opens.
func (o *owner) programWalk() {
	person := o.enrolled()
	p := &program{client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	o.must("asking", p.begin(o.site.url))
	link := strings.TrimPrefix(p.login, o.site.url)
	o.open(link)
	o.look("flow")
	o.says(".cost", "flow.warn")
	o.press(`form[action="/login/v2/flow"] button.main`)
	o.password(o.name + "-password")
	o.write("#code", o.next(person.key))
	o.press(`form[action="/code"] button.main`)
	o.look("grant")
	o.expect(".give", "Android (DAVx5)")
	o.must("before the button", p.waits())
	o.do("ticking", o.finger(`label.tick`))
	o.press(`form[action="/login/v2/grant"] button.main`)
	o.look("granted")
	o.expect(".lead", "Android (DAVx5)")
	got, status, err := p.fetch()
	if err != nil || status != http.StatusOK {
		o.t.Fatalf("%s: fetching: %d, %v", o.dev.name, status, err)
	}
	o.answers(http.StatusNoContent, got.AppPassword)
	o.open(link)
	o.look("flow-over")
	o.says("main", "flow.over")
}
