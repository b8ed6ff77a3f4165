package enroll_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/visits"
)

const (
	wiki    = "https://wiki.example.org"
	mail    = "https://mail.example.org"
	browser = account.Secret("what the browser keeps")
)

// spoken is the scripted directory, heard a moment ago or longer.
type spoken struct {
	*scene
	ago time.Duration
}

func (d *spoken) Find(ctx context.Context, name string) (account.Facts, error) {
	f, err := d.scene.Find(ctx, name)
	f.AsOf = d.clock().Add(-d.ago)
	return f, err
}

// lobby is a scene with a person who has signed in on the page.
type lobby struct {
	*scene
	visits  *visits.Visits
	heard   *spoken
	session account.Secret
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	s := newScene(t, nil)
	l := &lobby{scene: s, heard: &spoken{scene: s}}
	cfg := s.cfg
	cfg.Directory = l.heard
	l.visits = visits.New(cfg)
	done, _ := s.setUp("alice")
	l.session = done.Session.Token
	return l
}

func (l *lobby) hand(origin string) account.Secret {
	l.t.Helper()
	code, err := l.visits.Hand(context.Background(), l.session, origin, visits.Proof(browser))
	l.ok(err)
	return code
}

func (l *lobby) enter(origin string) account.Secret {
	l.t.Helper()
	visit, err := l.visits.Enter(context.Background(), origin, l.hand(origin), browser)
	l.ok(err)
	return visit
}

func (l *lobby) see(visit account.Secret) error {
	who, err := l.visits.See(context.Background(), wiki, visit)
	if err == nil && who.ID != "id-alice" {
		l.t.Errorf("the visit is %s's", who.ID)
	}
	return err
}

func TestVisit(t *testing.T) {
	l := newLobby(t)
	visit := l.enter(wiki)
	if visit == l.session || len(visit.Reveal()) < 43 {
		t.Errorf("a visit of %d characters", len(visit.Reveal()))
	}
	l.ok(l.see(visit))
	// It is good for its origin and nowhere else, and nothing passes for it.
	_, err := l.visits.See(context.Background(), mail, visit)
	over(t, err)
	for _, other := range []account.Secret{l.session, l.hand(wiki), "", "x", browser} {
		over(t, l.see(other))
	}
	// Nor does it open anything on the page, or beget another.
	for _, secret := range []account.Secret{visit, l.hand(wiki), "full." + visit, "setup." + visit} {
		_, err = l.desk.View(context.Background(), secret)
		over(t, err)
		_, err = l.desk.Open(context.Background(), secret)
		over(t, err)
		_, err = l.visits.Hand(context.Background(), secret, mail, visits.Proof(browser))
		over(t, err)
	}
	_, err = l.visits.Enter(context.Background(), wiki, visit, browser)
	over(t, err)
}

func TestCodeOfAVisit(t *testing.T) {
	ctx := context.Background()
	for name, try := range map[string]func(l *lobby, code account.Secret) (account.Secret, error){
		"twice": func(l *lobby, code account.Secret) (account.Secret, error) {
			_, err := l.visits.Enter(ctx, wiki, code, browser)
			l.ok(err)
			return l.visits.Enter(ctx, wiki, code, browser)
		},
		"in another browser": func(l *lobby, code account.Secret) (account.Secret, error) {
			return l.visits.Enter(ctx, wiki, code, "another")
		},
		"without a browser": func(l *lobby, code account.Secret) (account.Secret, error) {
			return l.visits.Enter(ctx, wiki, code, "")
		},
		"at another origin": func(l *lobby, code account.Secret) (account.Secret, error) {
			return l.visits.Enter(ctx, mail, code, browser)
		},
		"made up": func(l *lobby, _ account.Secret) (account.Secret, error) {
			return l.visits.Enter(ctx, wiki, "x", browser)
		},
		"the session itself": func(l *lobby, _ account.Secret) (account.Secret, error) {
			return l.visits.Enter(ctx, wiki, l.session, browser)
		},
		"a minute later": func(l *lobby, code account.Secret) (account.Secret, error) {
			l.move(time.Minute)
			return l.visits.Enter(ctx, wiki, code, browser)
		},
		"after the sign-out": func(l *lobby, code account.Secret) (account.Secret, error) {
			l.ok(l.desk.End(ctx, l.session))
			return l.visits.Enter(ctx, wiki, code, browser)
		},
		"with its hash, not it": func(l *lobby, code account.Secret) (account.Secret, error) {
			return l.visits.Enter(ctx, wiki, code, account.Secret(visits.Proof(browser)))
		},
		"without any proof": func(l *lobby, _ account.Secret) (account.Secret, error) {
			code, err := l.visits.Hand(ctx, l.session, wiki, "")
			l.ok(err)
			return l.visits.Enter(ctx, wiki, code, "")
		},
	} {
		l := newLobby(t)
		code := l.hand(wiki)
		l.move(59 * time.Second)
		visit, err := try(l, code)
		if !errors.Is(err, account.ErrNotFound) || visit != "" {
			t.Errorf("%s: %q, %v", name, visit, err)
		}
		// Whatever was wrong, the code is of no use any more.
		if name != "made up" && name != "the session itself" && name != "without any proof" {
			_, err = l.visits.Enter(ctx, wiki, code, browser)
			over(t, err)
		}
	}
	// A set-up that is not finished hands nobody over.
	l := newLobby(t)
	_, err := l.visits.Hand(ctx, l.open(account.TicketEnroll, "bert"), wiki, visits.Proof(browser))
	over(t, err)
}

func TestOneCodeOneVisit(t *testing.T) {
	l := newLobby(t)
	code := l.hand(wiki)
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := l.visits.Enter(context.Background(), wiki, code, browser); err == nil {
				in.Add(1)
			} else if !errors.Is(err, account.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d visits of one code", in.Load())
	}
}

// A visit is over the moment its session is, however that ended.
func TestEndOfAVisit(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(l *lobby){
		"sign-out":       func(l *lobby) { l.ok(l.desk.End(ctx, l.session)) },
		"reset":          func(l *lobby) { _, err := l.support.Reset(ctx, order("alice")); l.ok(err) },
		"ended sessions": func(l *lobby) { l.ok(l.support.EndSessions(ctx, order("alice"))) },
		"another phone": func(l *lobby) {
			l.move(time.Minute) // a code of its own
			key := l.begin(l.session, l.replacing(l.session)).Setup.Secret
			_, err := l.desk.Confirm(ctx, l.session, l.code(key))
			l.ok(err)
		},
		"disabled": func(l *lobby) { f := l.facts["alice"]; f.Fitness = account.Disabled; l.facts["alice"] = f },
		"removed":  func(l *lobby) { delete(l.facts, "alice") },
		"recycled": func(l *lobby) { f := l.facts["alice"]; f.ID = "id-another"; l.facts["alice"] = f },
		"idle":     func(l *lobby) { l.move(30 * time.Minute) },
	} {
		l := newLobby(t)
		visit := l.enter(wiki)
		l.ok(l.see(visit))
		end(l)
		if err := l.see(visit); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("after %s: %v", name, err)
		}
	}
	// Another browser's session is another's.
	l := newLobby(t)
	visit := l.enter(wiki)
	second, err := l.desk.Open(ctx, l.ticket(account.TicketEntry, "alice"))
	l.ok(err)
	l.ok(l.desk.End(ctx, second.Token))
	l.ok(l.see(visit))
}

// Work in the application keeps the session awake, until its absolute end and
// not a moment longer.
func TestVisitKeepsAwake(t *testing.T) {
	l := newLobby(t)
	visit := l.enter(wiki)
	for at := time.Duration(0); at < 8*time.Hour-25*time.Minute; at += 25 * time.Minute {
		if err := l.see(visit); err != nil {
			t.Fatalf("after %s: %v", at, err)
		}
		l.move(25 * time.Minute)
	}
	l.move(5*time.Minute - 1)
	l.ok(l.see(visit))
	l.move(1)
	over(t, l.see(visit))
	_, err := l.desk.View(context.Background(), l.session)
	over(t, err)
	_, err = l.visits.Hand(context.Background(), l.session, wiki, visits.Proof(browser))
	over(t, err)
}

// What is under way on the page is not undone by the application's requests.
func TestVisitLosesNothingOfTheSession(t *testing.T) {
	l := newLobby(t)
	visit := l.enter(wiki)
	l.move(2 * time.Minute)
	key := l.begin(l.session, l.replacing(l.session)).Setup.Secret
	var wg sync.WaitGroup
	for range 8 {
		l.move(90 * time.Second / 8)
		wg.Go(func() { l.ok(l.see(visit)) })
	}
	wg.Wait()
	if v, err := l.desk.View(context.Background(), l.session); err != nil || v.Setup.Secret != key {
		t.Errorf("the key that waits is another: %v", err)
	}
}

func TestVisitInAnOutage(t *testing.T) {
	l := newLobby(t)
	visit := l.enter(wiki)
	l.heard.ago = 5 * time.Minute
	l.ok(l.see(visit))
	for name, broken := range map[string]func(){
		"old facts": func() { l.heard.ago = 5*time.Minute + 1 },
		"away":      func() { l.away = account.ErrUnavailable },
	} {
		broken()
		if err := l.see(visit); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		l.heard.ago, l.away = 0, nil
		l.ok(l.see(visit))
	}
	f := &flaky{Store: l.store}
	cfg := l.cfg
	cfg.Store, cfg.Directory = f, l.heard
	v := visits.New(cfg)
	code := l.hand(wiki)
	for _, f.fail = range []string{"Token session", "Token visit", "Token visit_ticket", "Commit"} {
		_, err := v.See(context.Background(), wiki, visit)
		if f.fail == "Token session" || f.fail == "Token visit" {
			unavailable(t, f.fail, err)
		}
		_, err = v.Hand(context.Background(), l.session, wiki, visits.Proof(browser))
		if f.fail == "Token session" || f.fail == "Commit" {
			unavailable(t, f.fail, err)
		}
		if _, err = v.Enter(context.Background(), wiki, code, browser); f.fail != "Token visit" {
			unavailable(t, f.fail, err)
			continue
		}
		l.ok(err) // nothing of it was asked for
		code = l.hand(wiki)
	}
}

func unavailable(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, account.ErrUnavailable) || errors.Is(err, account.ErrNotFound) {
		t.Errorf("without %s: %v", what, err)
	}
}
