package wires

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/contrib/servertest"
)

const manyQuestions = 10_000

// TestOneVerdictOnEveryWire asks ten thousand generated questions over each
// protocol: no wire accepts what another denies, be it that password and code
// come in one field or in two.
func TestOneVerdictOnEveryWire(t *testing.T) {
	const words = "spelling = \"any\"\nservice_map = {dav = \"dav\", files = \"files\", ssh = \"ssh\"}"
	s := servertest.Start(t, servertest.Options{More: manyQuestions / 5, HTTP: `spelling = "any"`, Saslauthd: words, Dovecot: words})
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for i := 1; i <= manyQuestions/5; i += 100 {
		s.Revoke(fmt.Sprintf("u%06d", i))
	}
	w := newWires(s)
	sum := tally{seen: map[told]int{}, first: map[string]int{}}
	var g errgroup.Group
	g.SetLimit(256)
	for i := range manyQuestions {
		if i%5 == 0 && random.IntN(12) == 0 {
			q := w.withCode(random, i)
			g.Go(func() error { return w.askOnce(q, i%len(w.all), &sum) })
			continue
		}
		q := generate(t, s, random, i)
		g.Go(func() error { return w.askAll(q, &sum) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	sum.judge(t)
}

// tally is what came of the questions.
type tally struct {
	mu sync.Mutex
	// seen counts the answers of the check socket, first who was let in with a
	// code, by the wire.
	seen  map[told]int
	first map[string]int
}

func (s *tally) judge(t *testing.T) {
	t.Log(s.seen, s.first)
	for _, want := range []told{
		{"accept", "ok"}, {"deny", "bad_credentials"}, {"deny", "app_password_required"}, {"deny", "app_password_typo"},
		{"deny", "app_password_revoked"}, {"deny", "wrong_service"}, {"deny", "code_required"}, {"deny", "code_wrong"},
	} {
		if s.seen[want] == 0 {
			t.Errorf("no question was answered with %v: the generator misses it", want)
		}
	}
	if s.seen[told{"accept", "ok"}] < manyQuestions/20 {
		t.Errorf("hardly anybody was let in: %v", s.seen)
	}
	for _, wire := range []string{"check", "auth", "saslauthd", "dovecot"} {
		if s.first[wire] == 0 {
			t.Errorf("nobody was let in with a code over %s", wire)
		}
	}
}

// askAll asks every wire and wants one verdict, and one reason where the wires
// have the same to tell apart.
func (w *wires) askAll(q question, sum *tally) error {
	want, err := settled(w.overCheck, q)
	if err != nil {
		return fmt.Errorf("%+v over check: %w", q, err)
	}
	sum.mu.Lock()
	sum.seen[want]++
	sum.mu.Unlock()
	for _, wire := range w.all {
		got, err := settled(wire.ask, q)
		if err != nil {
			return fmt.Errorf("%+v over %s: %w", q, wire.name, err)
		}
		if got.verdict != want.verdict || got.reason != "" && got.reason != want.reason && !q.blurred() {
			return fmt.Errorf("%+v: %s says %v, check says %v", q, wire.name, got, want)
		}
	}
	return nil
}

// askOnce asks with a right code: the wire that is asked first lets in, and then
// none does again, itself included.
func (w *wires) askOnce(q question, first int, sum *tally) error {
	name := w.all[first].name
	switch got, err := w.all[first].ask(q); {
	case err != nil:
		return fmt.Errorf("%+v over %s: %w", q, name, err)
	case got.verdict == "unavailable":
		return nil // nobody can tell whether the code is used up now
	case got.verdict != "accept":
		return fmt.Errorf("%+v, with a right code: %s says %v", q, name, got)
	}
	sum.mu.Lock()
	sum.first[name]++
	sum.mu.Unlock()
	for i := range w.all {
		wire := w.all[(first+1+i)%len(w.all)]
		got, err := settled(wire.ask, q)
		if err != nil {
			return fmt.Errorf("%+v over %s: %w", q, wire.name, err)
		}
		if got.verdict != "deny" || got.reason != "" && got.reason != "code_used" {
			return fmt.Errorf("%+v, let in over %s: %s says %v", q, name, wire.name, got)
		}
	}
	return nil
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

// withCode makes a question with a right code that nobody has used.
func (w *wires) withCode(r *rand.Rand, i int) question {
	p := w.site.Person(fmt.Sprintf("u%06d", i/5+1))
	w.site.Code(p.Name) // the next one is good for half a minute more
	q := question{name: p.Name, secret: p.Password, code: w.site.Code(p.Name), service: "ssh", address: address(r)}
	if r.IntN(2) == 0 {
		q.name = strings.ToUpper(p.Name)
	}
	return q
}

func address(r *rand.Rand) string {
	return fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), 1+r.IntN(250))
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
		address: address(r),
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
			servertest.WrongApp(t), mistyped(p.App), p.Password, p.Password, p.Password, "wrong", "pässword", "", strings.Repeat("x", 1024))
		if len(q.secret) < 1024 && (counted || r.IntN(10) == 0) {
			q.code = pick("", "", "", "000000", "000000", "12345", "1234567", " 123456", "１２３４５６")
		}
	}
	return q
}

func mistyped(app string) string { return app[:5] + app[6:7] + app[5:6] + app[7:] }
