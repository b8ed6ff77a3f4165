package check_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/plugins/factor"
)

// scripted is a factor that says one thing.
type scripted struct{ verdict factor.Verdict }

func (s *scripted) Info(context.Context) (factor.Info, error) { return factor.Info{}, nil }

func (s *scripted) Enroll(context.Context, factor.Enrollment) (factor.Issued, error) {
	return factor.Issued{}, account.ErrUnavailable
}

func (s *scripted) Verify(_ context.Context, r factor.Request) (factor.Result, error) {
	res := factor.Result{Verdict: s.verdict, Reason: factor.Wrong}
	if s.verdict == factor.Accept && len(r.Records) > 0 {
		res.Record = r.Records[0].ID
		res.Payload, res.Format = append([]byte("used "), r.Records[0].Payload...), 1
	} else if s.verdict == factor.Accept {
		res.Verdict = factor.Deny
	}
	return res, nil
}

// world answers for everybody but the factors: one fit or unfit person, one
// password, records of every kind, no limits.
type world struct {
	facts    account.Facts
	findErr  error
	password factor.Verdict
	now      time.Time
	binds    int
}

func (w *world) Find(context.Context, string) (account.Facts, error) { return w.facts, w.findErr }

func (w *world) Bind(context.Context, account.Facts, account.Secret) (account.Reason, error) {
	w.binds++
	switch w.password {
	case factor.Accept:
		return account.OK, nil
	case factor.Deny:
		return account.BadCredentials, nil
	default:
		return "", account.ErrUnavailable
	}
}

func (w *world) Decoy(context.Context, account.Secret) error {
	if w.password == factor.Unavailable {
		return account.ErrUnavailable
	}
	return nil
}

func (w *world) Load(_ context.Context, id account.ID, _ ...string) (account.Snapshot, error) {
	snap := account.Snapshot{Subject: id}
	for _, kind := range []string{"code-a", "code-b", "claim"} {
		snap.Records = append(snap.Records, account.Record{ID: "of-" + kind, Subject: id, Factor: kind, Uses: -1})
	}
	return snap, nil
}

func (w *world) LoadOne(ctx context.Context, id account.ID, record string) (account.Snapshot, error) {
	snap, err := w.Load(ctx, id)
	snap.Records = slices.DeleteFunc(snap.Records, func(r account.Record) bool { return r.ID != record })
	return snap, err
}

func (w *world) Commit(context.Context, account.Change) error { return nil }

func (w *world) Token(context.Context, account.TokenRef) (account.Token, error) {
	return account.Token{}, account.ErrNotFound
}

func (w *world) MaySend(account.Client, string, string) time.Duration { return 0 }
func (w *world) Slow(account.Client, string, string)                  {}
func (w *world) Idle(account.Client) time.Duration                    { return 0 }

func (w *world) First(context.Context, account.ID, bool) (int64, time.Duration, error) {
	return 1, 0, nil
}

func (w *world) Second(context.Context, account.ID, string) (int64, time.Duration, error) {
	return 2, 0, nil
}

func (w *world) SecondAlone(context.Context, account.ID, string) (int64, time.Duration, error) {
	return 2, 0, nil
}

func (w *world) Wait(context.Context, account.ID, string) (time.Duration, int, error) {
	return 0, 0, nil
}

func (w *world) WaitAlone(context.Context, account.ID, string) (time.Duration, int, error) {
	return 0, 0, nil
}

func (w *world) Record(account.Event)                     {}
func (w *world) Used(account.Record)                      {}
func (w *world) Now() time.Time                           { return w.now }
func (w *world) Safe() bool                               { return true }
func (w *world) WaitUntil(_ context.Context, _ time.Time) {}

func (w *world) engine(t *testing.T, plugins map[string]*scripted, ways [][]string) (*check.Engine, error) {
	t.Helper()
	s := check.Service{Name: "s", SingleFactor: "the table"}
	for _, f := range ways {
		s.Ways = append(s.Ways, check.Way{Factors: f})
	}
	return check.New(check.Config{
		Services: []check.Service{s}, Directory: w, Store: w, Throttle: w, Waits: w, Journal: w, Clock: w,
		Factors: []check.Factor{
			{Info: factor.Info{Kind: "code-a", Shape: `.*`, Guessable: true}, Plugin: plugins["code-a"]},
			{Info: factor.Info{Kind: "code-b", Shape: `.*`}, Plugin: plugins["code-b"]},
			{Info: factor.Info{Kind: "claim", Shape: `claim-.*`, Claims: true}, Plugin: plugins["claim"], Standalone: true},
		},
		Rand: rand.Reader, Grid: time.Second, MaxStale: 15 * time.Minute, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		MAC: func(purpose string, data []byte) []byte {
			h := sha256.Sum256(append([]byte(purpose), data...))
			return h[:]
		},
	})
}

// oracle is the rule in one line: yes if the account is fit and some way all
// accepts; otherwise not now, if somebody who was asked could not tell;
// otherwise no. A fact of ten minutes ago serves the claiming factor, and leaves
// all others unavailable. Who is asked: nobody while the account cannot be judged; the
// claiming factor, and only that, for an input of its form; the directory
// before any code; codes after a right password, or where no way has one; all
// codes of the service, as each is shown the one code.
func oracle(ways [][]string, fit string, claimed bool, says map[string]factor.Verdict) factor.Verdict {
	if fit == "unknown" || fit == "away" || fit == "stale" {
		return factor.Unavailable
	}
	if fit == "old" && !claimed && slices.ContainsFunc(ways, func(w []string) bool { return !slices.Equal(w, []string{"claim"}) }) {
		return factor.Unavailable // an old fact serves the claiming factor alone
	}
	if fit == "old" {
		fit = "fit"
	}
	directory, asked := false, []string{}
	for _, w := range ways {
		directory = directory || slices.Contains(w, "directory")
		for _, f := range w {
			if f != "claim" && f != "directory" {
				asked = append(asked, f)
			}
		}
	}
	switch {
	case claimed:
		asked = []string{"claim"}
	case directory && (says["directory"] != factor.Accept || fit != "fit"):
		asked = []string{"directory"} // a wrong password asks for no code; a decoy never accepts
	case directory && slices.ContainsFunc(ways, func(w []string) bool { return len(w) == 1 && w[0] == "directory" }):
		asked = []string{"directory"}
	case directory && fit == "fit":
		asked = append(asked, "directory")
	}
	for _, w := range ways {
		all := fit == "fit"
		for _, f := range w {
			all = all && slices.Contains(asked, f) && says[f] == factor.Accept
		}
		if all {
			return factor.Accept
		}
	}
	for _, f := range asked {
		if says[f] == factor.Unavailable {
			return factor.Unavailable
		}
	}
	return factor.Deny
}

// admitted is the rule of loading: a claiming factor stands alone, no factor
// twice in a way, and codes without the directory only where no way has it.
func admitted(ways [][]string) bool {
	directory, codesAlone := false, false
	for _, w := range ways {
		has := slices.Contains(w, "directory")
		claim := slices.Contains(w, "claim")
		if len(w) == 2 && (w[0] == w[1] || claim) {
			return false
		}
		directory = directory || has
		codesAlone = codesAlone || !has && !claim
	}
	return !directory || !codesAlone
}

func TestTableOfWaysVerdictsAndFitness(t *testing.T) {
	kinds := []string{"directory", "code-a", "code-b", "claim"}
	var single [][]string
	for _, a := range kinds {
		single = append(single, []string{a})
		for _, b := range kinds {
			single = append(single, []string{a, b})
		}
	}
	var all [][][]string
	for _, a := range single {
		all = append(all, [][]string{a})
		for _, b := range single {
			all = append(all, [][]string{a, b})
		}
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rows := 0
	for _, ways := range all {
		w := &world{now: now}
		plugins := map[string]*scripted{"code-a": {}, "code-b": {}, "claim": {}}
		engine, err := w.engine(t, plugins, ways)
		if (err == nil) != admitted(ways) {
			t.Fatalf("%v: loading says %v", ways, err)
		}
		if err != nil {
			continue
		}
		attempt := 0
		for n := range 81 {
			says := map[string]factor.Verdict{}
			for i, m := 0, n; i < 4; i, m = i+1, m/3 {
				says[kinds[i]] = factor.Verdict(m % 3)
			}
			for kind, p := range plugins {
				p.verdict = says[kind]
			}
			w.password = says["directory"]
			for _, fit := range []string{"fit", "disabled", "locked", "unknown", "none", "away", "stale", "old"} {
				w.be(fit, now)
				for _, claimed := range []bool{false, true} {
					attempt++ // another secret each time: no refusal is remembered
					password := fmt.Sprint("password-", attempt)
					if claimed {
						password = fmt.Sprint("claim-", attempt)
					}
					got := engine.Check(context.Background(), account.Attempt{Service: "s", Name: "alice", Password: account.Secret(password), Code: "123456"})
					if want := oracle(ways, fit, claimed, says); got.Verdict != want {
						t.Fatalf("%v, %s, claimed %t, %v: %s %s, want %s", ways, fit, claimed, says, got.Verdict, got.Reason, want)
					}
					rows++
				}
			}
		}
	}
	t.Logf("%d rows", rows)
}

func (w *world) be(fit string, now time.Time) {
	w.findErr = nil
	w.facts = account.Facts{Subject: account.Subject{ID: "id", Name: "alice"}, Fitness: account.Fit, AsOf: now}
	switch fit {
	case "disabled":
		w.facts.Fitness = account.Disabled
	case "locked":
		w.facts.Fitness = account.Locked
	case "unknown":
		w.facts.Fitness = account.Unknown
	case "none":
		w.findErr = account.ErrNotFound
	case "away":
		w.findErr = account.ErrUnavailable
	case "old":
		w.facts.AsOf = now.Add(-10 * time.Minute)
	case "stale":
		w.facts.AsOf = now.Add(-16 * time.Minute)
	}
}
