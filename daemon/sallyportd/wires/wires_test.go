package wires

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// question is a login as somebody could try it, from an address of its own.
type question struct{ name, secret, service, address string }

// told is what a wire made of it: "accept", "deny" or "unavailable", and the
// reason where the wire has one that peers can read.
type told struct{ verdict, reason string }

// wires are the protocols of one daemon.
type wires struct {
	site *servertest.Site
	web  *http.Client
}

const patience = 30 * time.Second

const manyQuestions = 10_000

// TestOneVerdictOnEveryWire asks ten thousand generated questions over each
// protocol: no wire accepts what another denies.
func TestOneVerdictOnEveryWire(t *testing.T) {
	const words = "spelling = \"any\"\nservice_map = {dav = \"dav\", files = \"files\", ssh = \"ssh\"}"
	s := servertest.Start(t, servertest.Options{More: manyQuestions / 5, HTTP: `spelling = "any"`, Saslauthd: words, Dovecot: words})
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for i := 1; i <= manyQuestions/5; i += 100 {
		s.Revoke(fmt.Sprintf("u%06d", i))
	}
	w := &wires{s, web(s)}
	all := map[string]func(question) (told, error){
		"check": w.overCheck, "auth": w.overAuth, "saslauthd": w.overSaslauthd, "dovecot": w.overDovecot,
	}
	seen := map[told]int{}
	results := make(chan told, manyQuestions)
	var g errgroup.Group
	g.SetLimit(256)
	for i := range manyQuestions {
		q := generate(t, s, random, i)
		g.Go(func() error {
			first, err := settled(w.overCheck, q)
			if err != nil {
				return fmt.Errorf("%+v over check: %w", q, err)
			}
			results <- first
			for wire, ask := range all {
				got, err := settled(ask, q)
				if err != nil {
					return fmt.Errorf("%+v over %s: %w", q, wire, err)
				}
				if got.verdict != first.verdict || got.reason != "" && got.reason != first.reason {
					return fmt.Errorf("%+v: %s says %v, check says %v", q, wire, got, first)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(results)
	for r := range results {
		seen[r]++
	}
	t.Log(seen)
	for _, want := range []told{
		{"accept", "ok"}, {"deny", "bad_credentials"}, {"deny", "app_password_required"}, {"deny", "app_password_typo"},
		{"deny", "app_password_revoked"}, {"deny", "wrong_service"}, {"deny", "code_required"}, {"deny", "code_wrong"},
	} {
		if seen[want] == 0 {
			t.Errorf("no question was answered with %v: the generator misses it", want)
		}
	}
	if seen[told{"accept", "ok"}] < manyQuestions/20 {
		t.Errorf("hardly anybody was let in: %v", seen)
	}
}

// settled asks again where nobody could tell: on a busy machine slapd may be too
// slow for a moment, and that is no verdict.
func settled(ask func(question) (told, error), q question) (told, error) {
	for range 20 {
		if got, err := ask(q); err != nil || got.verdict != "unavailable" {
			return got, err
		}
	}
	return told{}, errors.New("nobody can tell")
}

// generate makes a question. Wrong directory passwords and codes are counted,
// so each of them is asked for somebody of its own.
func generate(t *testing.T, s *servertest.Site, r *rand.Rand, i int) question {
	p := s.Person(fmt.Sprintf("u%06d", i/5+1))
	other := s.Person(fmt.Sprintf("u%06d", (i/5+7)%(manyQuestions/5)+1))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	q := question{
		name:    pick(p.Name, p.Name, p.Name, strings.ToUpper(p.Name), " "+p.Name, p.Name+" ", p.Name+"@example.org", fmt.Sprintf("nobody%d", i)),
		service: pick("dav", "files", "ssh"),
		address: fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), 1+r.IntN(250)),
	}
	counted := q.service == "ssh"
	if !counted && r.IntN(4) == 0 {
		q.name = pick("*", "ｕ000001", "müller", "a)(uid=*", "-u000001", "u\u00a0000001", "ALICE", "dora", strings.Repeat("u", 256))
	}
	switch {
	case counted && i%5 != 0:
		// The other four questions about this person must not be counted ones.
		q.secret = pick(p.App, strings.ToUpper(p.App), "", p.Other, servertest.WrongApp(t))
	default:
		q.secret = pick(p.App, p.App, p.Other, other.App, strings.ReplaceAll(strings.ToUpper(p.App), "-", " "), strings.ReplaceAll(p.App, "-", ""),
			servertest.WrongApp(t), mistyped(p.App), p.App+"123456", p.Password, p.Password+"000000", "wrong", "pässword", "", strings.Repeat("x", 1024))
	}
	return q
}

func mistyped(app string) string { return app[:5] + app[6:7] + app[5:6] + app[7:] }

// web is a client of the check socket that keeps its connections.
func web(s *servertest.Site) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.HTTP)
	}}}
}

func (w *wires) overCheck(q question) (told, error) {
	// The other wires have one field, where a code may follow the password.
	if q.service == "ssh" {
		return w.overAuth(q)
	}
	body, err := json.Marshal(map[string]any{"service": q.service, "username": q.name, "password": q.secret, "client": map[string]string{"ip": q.address}})
	if err != nil {
		return told{}, err
	}
	res, err := w.web.Post("http://sallyport/v1/check", "application/json", bytes.NewReader(body))
	if err != nil {
		return told{}, err
	}
	defer func() { _ = res.Body.Close() }()
	var reply struct{ Verdict, Reason string }
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil {
		return told{}, err
	}
	return outward(told{reply.Verdict, reply.Reason}), nil
}

func (w *wires) overAuth(q question) (told, error) {
	r, err := http.NewRequest(http.MethodGet, "http://sallyport/v1/auth", nil)
	if err != nil {
		return told{}, err
	}
	r.SetBasicAuth(q.name, q.secret)
	r.Header.Set("X-Sallyport-Service", q.service)
	r.Header.Set("X-Forwarded-For", q.address)
	res, err := w.web.Do(r)
	if err != nil {
		return told{}, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	switch reason := res.Header.Get("X-Sallyport-Reason"); res.StatusCode {
	case http.StatusNoContent:
		return told{"accept", "ok"}, nil
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return told{"deny", reason}, nil
	case http.StatusBadRequest, http.StatusForbidden:
		return told{"deny", ""}, nil
	default:
		return told{"unavailable", ""}, nil
	}
}

func (w *wires) overSaslauthd(q question) (told, error) {
	c, err := net.Dial("unix", w.site.Saslauthd)
	if err != nil {
		return told{}, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	var b []byte
	for _, f := range []string{q.name, q.secret, q.service, "", q.address + ";4711"} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(f))), f...)
	}
	if _, err := c.Write(b); err != nil {
		return told{}, err
	}
	reply, err := io.ReadAll(c)
	if err != nil {
		return told{}, err
	}
	switch {
	case len(reply) == 0:
		return told{"unavailable", ""}, nil
	case string(reply[2:]) == "OK":
		return told{"accept", "ok"}, nil
	default:
		return told{"deny", strings.TrimPrefix(string(reply[2:]), "NO ")}, nil
	}
}

func (w *wires) overDovecot(q question) (told, error) {
	c, err := net.Dial("unix", w.site.Dovecot)
	if err != nil {
		return told{}, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c, "VERSION\t1\t1\nCPID\t1\nAUTH\t1\tPLAIN\tservice=%s\trip=%s\tresp=%s\n", q.service, q.address,
		base64.StdEncoding.EncodeToString([]byte("\x00"+q.name+"\x00"+q.secret))); err != nil {
		return told{}, err
	}
	var said strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		said.Write(buf[:n])
		_, reply, _ := strings.Cut(said.String(), "\nDONE\n")
		switch {
		case strings.HasPrefix(reply, "OK\t1\t") && strings.HasSuffix(reply, "\n"):
			return told{"accept", ""}, nil
		case strings.HasPrefix(reply, "FAIL\t1") && strings.HasSuffix(reply, "\n"):
			return told{"deny", ""}, nil
		case err == io.EOF:
			return told{"unavailable", ""}, nil
		case err != nil:
			return told{}, err
		}
	}
}

// outward is what every wire tells of the reasons that a stranger must not tell
// apart.
func outward(t told) told {
	switch t.reason {
	case "unknown_user", "account_disabled", "account_locked_by_directory":
		t.reason = "bad_credentials"
	}
	return t
}
