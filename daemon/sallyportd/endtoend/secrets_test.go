package endtoend

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// needles are the secrets of a story, by name, in every form that somebody
// might have written them down in.
type needles map[string][][]byte

func (n needles) add(name, secret string) {
	if len(secret) < 10 {
		panic(name + " is too short to be searched for")
	}
	bare := strings.NewReplacer("-", "", " ", "").Replace(secret)
	for _, s := range []string{secret, bare, strings.ToLower(bare), strings.ToUpper(bare), url.QueryEscape(secret)} {
		n[name] = append(n[name], []byte(s), []byte(hex.EncodeToString([]byte(s))),
			[]byte(base64.StdEncoding.EncodeToString([]byte(s))), []byte(base64.RawURLEncoding.EncodeToString([]byte(s))))
	}
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(bare); err == nil && len(raw) >= 16 {
		n[name] = append(n[name], raw, []byte(hex.EncodeToString(raw)))
	}
}

// in names the secrets that a text holds.
func (n needles) in(hay []byte) []string {
	var found []string
	for name, forms := range n {
		if slices.ContainsFunc(forms, func(f []byte) bool { return bytes.Contains(hay, f) }) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// TestNoSecretIsLeft searches everything that the daemon writes, says or passes
// on, for every secret that it was given or made.
func TestNoSecretIsLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{logLevel: "debug"})
	const password, wrong = "Kennwort-sentinel-4711 ü", "Wrong-sentinel-0815-x"
	s.people.Modify(directorytest.PersonDN("alice"), "userPassword", password)
	s.must("starting", s.start())
	n := needles{}
	n.add("the password", password)
	n.add("the wrong password", wrong)
	n.add("the password of the service account", directorytest.BindPassword)
	s.liveWith(n, password, wrong)

	texts := s.everything()
	kek, err := os.ReadFile(s.path("kek"))
	s.must("reading the key", err)
	n["the master key"] = [][]byte{kek, []byte(hex.EncodeToString(kek)), []byte(base64.StdEncoding.EncodeToString(kek))}
	for where, hay := range texts {
		if found := n.in(hay); len(found) > 0 {
			t.Errorf("%s holds %s", where, strings.Join(found, ", "))
		}
	}
	if len(texts) < 12 {
		t.Errorf("only %d places were searched", len(texts))
	}
	// A search that finds nothing must be able to find something.
	if len(n.in([]byte("x"+base64.StdEncoding.EncodeToString([]byte(password))+"y"))) != 1 || len(n) < 12 {
		t.Error("the search would find nothing")
	}
}

// liveWith does all that handles secrets, and notes each.
func (s *site) liveWith(n needles, password, wrong string) {
	b := s.browser()
	noteCookies := func(when string) {
		for _, c := range b.client.Jar.Cookies(b.base) {
			if len(c.Value) >= 10 {
				n.add("cookie "+c.Name+" "+when, c.Value)
				if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimLeft(c.Value, "cs.")); err == nil && len(raw) >= 10 {
					n.add("cookie "+c.Name+" "+when+", decoded", string(raw))
				}
			}
		}
	}
	s.must("opening the page", b.get("/"))
	s.must("a wrong password", b.submit("/sign-in", url.Values{"name": {"alice"}, "password": {wrong}}))
	s.must("signing in", b.submit("/sign-in", url.Values{"name": {"alice"}, "password": {password}}))
	noteCookies("at the set-up")
	s.must("beginning", b.submit("/setup/begin", nil))
	key, err := b.read("key")
	s.must("reading the key", err)
	n.add("the set-up key", key)
	code, err := s.phones.code(key)
	s.must("computing a code", err)
	s.must("confirming", b.submit("/setup/confirm", url.Values{"code": {code}}))
	for i, c := range b.emergencyCodes() {
		n.add(fmt.Sprintf("emergency code %d", i+1), c)
	}
	noteCookies("signed in")
	app, err := issue(b, "My laptop")
	s.must("making an app password", err)
	n.add("the app password", app)
	for _, l := range []login{
		{name: "alice", password: app, service: "dav"}, {name: "alice", password: password, service: "dav"},
		{name: "alice", password: password + code, service: "web"}, {name: "alice", password: wrong, service: "web"},
		{name: "nobody", password: wrong, service: "web"}, {name: "alice", password: app, service: "web"},
	} {
		_, err := s.check().auth(l, false)
		s.must("asking", err)
		_, err = s.check().verdict(l)
		s.must("asking", err)
	}
	// The directory is away in the middle of it: errors are where secrets leak.
	s.people.Kill()
	_, err = s.check().verdict(login{name: "alice", password: password, service: "web", code: code})
	s.must("asking", err)
	s.people.Restart()
	s.must("removing", remove(b, "My laptop"))
	a, err := s.admin().ask(request{method: "POST", path: "/v1/users/alice/reset", headers: []string{"Content-Type: application/json"}, body: `{"reason":"lost phone"}`})
	s.must("resetting", errors200(a, err))
	_, invite, _ := strings.Cut(a.body, `"invite":"`)
	invite, _, _ = strings.Cut(invite, `"`)
	n.add("the invite code", invite)
	var ticket string
	s.must("asking for a link", within(patience, func() (err error) {
		var ok bool
		a, err = s.check().verdict(login{name: "alice", password: password, service: "web"})
		if _, ticket, ok = strings.Cut(a.body, "ticket="); err == nil && !ok {
			err = fmt.Errorf("no ticket in %s", a)
		}
		return err
	}))
	ticket, _, _ = strings.Cut(ticket, `"`)
	n.add("the ticket", ticket)
}

func errors200(a answer, err error) error {
	if err != nil {
		return err
	}
	return expectStatus(a, 200)
}

// everything is all that the daemon has written or says of itself, by where.
func (s *site) everything() map[string][]byte {
	texts := map[string][]byte{}
	ask := func(where string, c client, path string) {
		a, err := c.ask(request{method: "GET", path: path})
		s.must(where, errors200(a, err))
		texts[where] = []byte(a.String())
	}
	ask("the metrics", s.metrics(), "/metrics")
	ask("the support screen", s.admin(), "/v1/users/alice")
	ask("the audit", s.admin(), "/v1/audit?limit=1000")
	ask("the status", s.admin(), "/v1/status")
	for _, pid := range append(s.pluginPIDs(), s.daemon.cmd.Process.Pid) {
		for _, what := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, what))
			if errors.Is(err, fs.ErrPermission) {
				continue // where not even its owner may look, nobody else can
			}
			s.must("reading "+what, err)
			texts[fmt.Sprintf("%s of process %d", what, pid)] = b
		}
	}
	s.collect(texts, "while it runs")
	s.must("stopping", s.daemon.stop())
	s.collect(texts, "after the end")
	return texts
}

// collect reads every file that is not a secret by its purpose.
func (s *site) collect(texts map[string][]byte, when string) {
	s.must("reading the files", filepath.WalkDir(s.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "kek" || d.Name() == "ldap-password" {
			return err
		}
		b, err := os.ReadFile(p)
		texts[d.Name()+" "+when] = b
		return err
	}))
	if len(texts["state.db "+when]) == 0 || len(texts["daemon.log "+when]) == 0 {
		s.t.Errorf("the state and the log were not searched %s", when)
	}
}
