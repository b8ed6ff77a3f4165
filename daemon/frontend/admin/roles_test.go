package admin_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/admin/keeping"
	"github.com/sallyport/sallyport/daemon/listen"
)

// The test binary can be started as another user, to send one request.
const (
	childPath = "SALLYPORT_TEST_SOCKET"
	childSays = "SALLYPORT_TEST_REQUEST"
)

func TestMain(m *testing.M) {
	path := os.Getenv(childPath)
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		os.Exit(1)
	}
	c.SetDeadline(time.Now().Add(5 * time.Second))
	head, body, _ := strings.Cut(os.Getenv(childSays), "\n")
	fmt.Fprintf(c, "%s HTTP/1.0\r\nHost: sallyport\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
	io.Copy(os.Stdout, c)
	os.Exit(0)
}

// asks is one good request for every route.
func asks() map[string]string {
	why := "\n" + `{"reason":"lost phone"}`
	return map[string]string{
		"GET /v1/status":                     "GET /v1/status",
		"GET /v1/users/{name}":               "GET /v1/users/alice",
		"GET /v1/users/{name}/explain":       "GET /v1/users/alice/explain?service=web",
		"POST /v1/users/{name}/reset":        "POST /v1/users/alice/reset" + why,
		"POST /v1/users/{name}/code":         "POST /v1/users/alice/code" + why,
		"POST /v1/users/{name}/unlock":       "POST /v1/users/alice/unlock" + why,
		"POST /v1/users/{name}/revoke":       "POST /v1/users/alice/revoke\n" + `{"reason":"lost phone","all":true}`,
		"POST /v1/users/{name}/end-sessions": "POST /v1/users/alice/end-sessions" + why,
		"POST /v1/users/{name}/app-password": "POST /v1/users/alice/app-password\n" + `{"reason":"a new scanner","label":"Copy room"}`,
		"POST /v1/check":                     "POST /v1/check\n" + `{"service":"web","username":"alice","password":"pass"}`,
		"GET /v1/audit":                      "GET /v1/audit",
		"GET /v1/audit/verify":               "GET /v1/audit/verify",
		"POST /v1/audit/verify":              "POST /v1/audit/verify\n" + `{"anchors":"x"}`,
		"GET /v1/audit/export":               "GET /v1/audit/export",
		"GET /v1/report":                     "GET /v1/report",
		"GET /v1/users/{name}/export":        "GET /v1/users/alice/export",
		"POST /v1/users/{name}/erase":        "POST /v1/users/alice/erase" + why,
		"POST /v1/backup":                    "POST /v1/backup",
		"POST /v1/keys/rotate":               "POST /v1/keys/rotate",
	}
}

func peer(uid, gid int, groups ...int) listen.Peer {
	return listen.Peer{Peer: account.Peer{UID: uid, GID: gid, PID: 1}, Groups: groups}
}

// Every route is closed to whoever lacks the role, and what is closed is not
// done: for peers made up, so that nobody need be root to see it.
func TestEveryRouteAsksForItsRole(t *testing.T) {
	people := map[string]struct {
		peer listen.Peer
		role string // "operator", "desk" or none
	}{
		"root":                       {peer(0, 0), "operator"},
		"the daemon's own user":      {peer(os.Geteuid(), 4999), "operator"},
		"an operator":                {peer(4242, 4999), "operator"},
		"the desk by first group":    {peer(4444, 4343), "desk"},
		"the desk by further group":  {peer(4444, 4999, 1, 4343), "desk"},
		"a stranger":                 {peer(4555, 4555, 1, 2), ""},
		"a group with a user's uid":  {peer(4556, 4242, 4242), ""},
		"a user with the desk's gid": {peer(4343, 4999), ""},
		"nobody known":               {peer(-1, 4343, 4343), ""},
	}
	want := admin.RoutesTaking()
	if len(asks()) != len(want) {
		t.Fatalf("%d requests for %d routes", len(asks()), len(want))
	}
	for route, ask := range asks() {
		operatorOnly, known := want[route]
		if !known {
			t.Fatalf("%s is no route", route)
		}
		for who, p := range people {
			allowed := p.role == "operator" || p.role == "desk" && !operatorOnly
			if status, d := askAs(t, ask, p.peer, true); (status == http.StatusOK) != allowed || !allowed && (status != http.StatusForbidden || d.touched()) {
				t.Errorf("%s as %s: %d, done %v", route, who, status, d.done)
			}
		}
		if status, d := askAs(t, ask, listen.Peer{}, false); status != http.StatusForbidden || d.touched() {
			t.Errorf("%s without a peer: %d, done %v", route, status, d.done)
		}
	}
	// Whatever is not named here is for operators: a new route has to be named before
	// the desk may use it.
	open := []string{"GET /v1/status", "POST /v1/check", "GET /v1/users/{name}", "GET /v1/users/{name}/explain",
		"POST /v1/users/{name}/reset", "POST /v1/users/{name}/code", "POST /v1/users/{name}/unlock",
		"POST /v1/users/{name}/revoke", "POST /v1/users/{name}/end-sessions"}
	for route, operatorOnly := range want {
		if operatorOnly == slices.Contains(open, route) {
			t.Errorf("%s takes the wrong role", route)
		}
	}
}

// The rules learn which of the roles asks, and under which login.
func TestTheRulesLearnWhoAsks(t *testing.T) {
	for full, p := range map[bool]listen.Peer{true: peer(4242, 4999), false: peer(4444, 4343)} {
		p.Login = "anna"
		for _, verb := range []string{"reset", "code", "unlock", "end-sessions"} {
			_, d := askAs(t, "POST /v1/users/alice/"+verb+"\n"+`{"reason":"lost phone"}`, p, true)
			if d.order.Full != full || d.order.Login != "anna" {
				t.Errorf("%s: %+v, want full %v", verb, d.order, full)
			}
		}
	}
}

// keeperOf notes what it was asked for, and by whom.
type keeperOf struct{ d *desk }

func (k keeperOf) Backup(_ context.Context, operator string, w io.Writer) error {
	k.d.done = append(k.d.done, "backup by "+operator)
	_, err := io.WriteString(w, "copy")
	return err
}

func (k keeperOf) Rotate(_ context.Context, operator string, tell func(keeping.Progress) error) error {
	k.d.done = append(k.d.done, "rotate by "+operator)
	return tell(keeping.Progress{Stage: "done"})
}

func (d *desk) touched() bool { return len(d.done) > 0 || d.tried.Name != "" }

// askAs sends one request as the kernel would present the peer.
func askAs(t *testing.T, ask string, p listen.Peer, known bool) (int, *desk) {
	t.Helper()
	d := &desk{}
	h, err := admin.NewFor(admin.Config{Support: d, Issuer: d, Engine: d, System: d, Keeper: keeperOf{d}, Ledger: ledgerOf{d}, Text: said(t), Now: time.Now,
		Desk: []string{"@4343"}, Operators: []string{"4242"}},
		func(context.Context) (listen.Peer, bool) { return p, known })
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(ask, "\n")
	method, path, _ := strings.Cut(head, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = admin.HostName
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, d
}

// needRoot leaves a test that has to be somebody else; where CI=true it fails.
func needRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("only root can %s, and CI=true: run the tests as root", what)
	}
	t.Skipf("only root can %s", what)
}

// The same over a real socket, with real processes of other users.
func TestRoles(t *testing.T) {
	needRoot(t, "ask as somebody else")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := serve(t, &desk{})
	exe := filepath.Join(filepath.Dir(path), "client")
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Fatal(err)
	}
	people := map[string]syscall.Credential{
		"root":     {Uid: 0},
		"operator": {Uid: 4242, Gid: 4242},
		"desk":     {Uid: 4444, Gid: 4444, Groups: []uint32{4343}},
		"stranger": {Uid: 4555, Gid: 4555},
	}
	for route, ask := range asks() {
		allowed := "root operator desk"
		if admin.RoutesTaking()[route] {
			allowed = "root operator"
		}
		for who, cred := range people {
			cmd := exec.Command(exe)
			cmd.Dir = "/"
			cmd.Env = []string{childPath + "=" + path, childSays + "=" + ask, "GORACE=atexit_sleep_ms=0"}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &cred}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			want := "HTTP/1.0 403"
			if strings.Contains(allowed, who) {
				want = "HTTP/1.0 200"
			}
			if !strings.HasPrefix(string(out), want) {
				t.Errorf("%s as %s: %.120q, want %s", route, who, out, want)
			}
		}
	}
}

// The written description and the code name the same places.
func TestTheDescriptionNamesEveryRoute(t *testing.T) {
	code, err := os.ReadFile("admin.go")
	if err != nil {
		t.Fatal(err)
	}
	yaml, err := os.ReadFile("../../../contrib/openapi/admin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inCode := map[string]bool{}
	for _, m := range regexp.MustCompile(`\{"(GET|POST) (/v1/\S+)", `).FindAllStringSubmatch(string(code), -1) {
		inCode[m[1]+" "+m[2]] = true
	}
	inYAML := map[string]bool{}
	place := ""
	for _, line := range strings.Split(string(yaml), "\n") {
		if m := regexp.MustCompile(`^  (/v1/\S+):$`).FindStringSubmatch(line); m != nil {
			place = m[1]
		}
		if m := regexp.MustCompile(`^    (get|post):$`).FindStringSubmatch(line); m != nil {
			inYAML[strings.ToUpper(m[1])+" "+place] = true
		}
	}
	if len(inCode) < 10 {
		t.Fatalf("only %d routes found in the code", len(inCode))
	}
	for r := range inCode {
		if !inYAML[r] {
			t.Errorf("%s is not described", r)
		}
	}
	for r := range inYAML {
		if !inCode[r] {
			t.Errorf("%s is described, but is not there", r)
		}
	}
}
