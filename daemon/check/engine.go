package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

// DirectoryFactor is the name under which ways list the directory's password.
const DirectoryFactor = "directory"

// Directory answers who somebody is and whether a password is theirs.
type Directory interface {
	// Find returns account.ErrNotFound for a name nobody has.
	Find(ctx context.Context, name string) (account.Facts, error)
	// Bind returns account.OK, or the reason of a deny; an error means that
	// nobody could tell.
	Bind(ctx context.Context, f account.Facts, password account.Secret) (account.Reason, error)
	// Decoy costs what Bind costs and tells nothing.
	Decoy(ctx context.Context, password account.Secret) error
}

// Store keeps what must survive.
type Store interface {
	Load(ctx context.Context, id account.ID, factors ...string) (account.Snapshot, error)
	Commit(ctx context.Context, c account.Change) error
	Token(ctx context.Context, ref account.TokenRef) (account.Token, error)
}

// Throttle says who may try now.
type Throttle interface {
	MaySend(c account.Client, service, name string) time.Duration
	Slow(c account.Client, service, name string)
	First(ctx context.Context, id account.ID, familiar bool) (int64, time.Duration, error)
	Second(ctx context.Context, id account.ID, kind string) (int64, time.Duration, error)
}

// Journal hears of every finished act. It never blocks.
type Journal interface {
	Record(e account.Event)
	Used(r account.Record)
}

// Clock is the only time that the engine knows.
type Clock interface {
	Now() time.Time
	// Safe says whether codes may be judged by this clock.
	Safe() bool
	// WaitUntil returns at the given time, or when the context ends.
	WaitUntil(ctx context.Context, at time.Time)
}

// Factor is one configured factor plugin.
type Factor struct {
	Info   factor.Info
	Plugin factor.Factor
	// Standalone lets the factor be a way of its own.
	Standalone bool
}

// Hook is one configured hook.
type Hook struct {
	Name string
	Hook hook.Hook
	// AllowOnError lets an attempt go on when the hook cannot tell.
	AllowOnError bool
}

// Config is everything that an Engine is built from. All fields but Hooks
// are needed.
type Config struct {
	Services  []Service
	Factors   []Factor
	Hooks     []Hook
	Directory Directory
	Store     Store
	Throttle  Throttle
	Journal   Journal
	Clock     Clock
	// Rand makes tickets.
	Rand io.Reader
	// MAC is a keyed hash of 32 bytes, separate for every purpose.
	MAC func(purpose string, data []byte) []byte
	// MaxStale is how old a fact may be while the directory is away.
	MaxStale time.Duration
	// Grid is the raster on which refusals leave, so that their time tells
	// nothing; 250 ms unless the config says otherwise.
	Grid time.Duration
	Log  *slog.Logger
}

// Engine decides. It is safe for concurrent use and keeps no verdicts.
type Engine struct {
	cfg      Config
	services map[string]Service
	factors  map[string]plugin
	stale    *staleSecrets
}

// plugin is a factor with its shape compiled.
type plugin struct {
	Factor
	shape *regexp.Regexp
}

// New checks the ways and returns the engine. It refuses every combination
// that would be weaker than it looks.
func New(cfg Config) (*Engine, error) {
	e := &Engine{cfg: cfg, services: map[string]Service{}, factors: map[string]plugin{}, stale: newStaleSecrets()}
	if cfg.Grid <= 0 || cfg.MaxStale < 0 {
		return nil, errors.New("building the engine: the failure grid must be positive and max_stale must not be negative")
	}
	for _, f := range cfg.Factors {
		shape, err := regexp.Compile(f.Info.Shape)
		if err != nil {
			return nil, fmt.Errorf("reading the shape of factor %s: %w", f.Info.Kind, err)
		}
		shape.Longest()
		e.factors[f.Info.Kind] = plugin{Factor: f, shape: shape}
	}
	for _, s := range cfg.Services {
		if err := e.admit(s); err != nil {
			return nil, fmt.Errorf("service %q: %w", s.Name, err)
		}
		e.services[s.Name] = s
	}
	return e, nil
}

// fits tells whether the whole input has the factor's shape.
func (p plugin) fits(input string) bool {
	at := p.shape.FindStringIndex(input)
	return at != nil && at[0] == 0 && at[1] == len(input)
}

// Check is the verdict on one attempt. It always answers, and every answer has
// left its event behind.
func (e *Engine) Check(ctx context.Context, a account.Attempt) account.Answer {
	started := e.cfg.Clock.Now()
	t := &try{Engine: e, Attempt: a, started: started}
	ans := t.judge(ctx)
	done := e.cfg.Clock.Now()
	e.cfg.Journal.Record(t.event(ans, done.Sub(started)))
	if ans.Verdict == factor.Deny {
		// A refusal leaves on the next point of the grid, counted from the
		// start of the attempt: how long the work took does not show.
		points := (done.Sub(started) + e.cfg.Grid - 1) / e.cfg.Grid
		e.cfg.Clock.WaitUntil(ctx, started.Add(max(1, points)*e.cfg.Grid))
	}
	return ans
}

// event tells of the attempt without its secrets.
func (t *try) event(ans account.Answer, took time.Duration) account.Event {
	ev := account.Event{
		At: t.started, Act: account.ActCheck, Actor: "user",
		Subject: t.facts.ID, Name: t.facts.Name,
		Service: t.Service, FrontEnd: t.FrontEnd,
		Verdict: ans.Verdict, Reason: ans.Reason,
		Record: t.used.ID, Label: t.used.Label, Factor: t.used.Factor,
		Agent: t.Client.Agent, Took: took,
	}
	if ev.Name == "" {
		ev.Name = t.Name
	}
	if t.Client.Addr.IsValid() {
		ev.Address = t.Client.Addr.String()
	}
	return ev
}

// alarm tells the operator of something that should never happen.
func (t *try) alarm(note string) {
	t.cfg.Log.Error("alarm", "note", note, "service", t.Service)
	t.cfg.Journal.Record(account.Event{
		At: t.started, Act: account.ActAlarm, Actor: "daemon",
		Subject: t.facts.ID, Name: t.facts.Name, Service: t.Service, Note: note,
	})
}

func accept() account.Answer {
	return account.Answer{Verdict: factor.Accept, Reason: account.OK}
}

func deny(r account.Reason) account.Answer {
	return account.Answer{Verdict: factor.Deny, Reason: r}
}

// unavailable suggests half a minute: long enough for a fail-over, short
// enough for a person.
func unavailable(r account.Reason) account.Answer {
	return account.Answer{Verdict: factor.Unavailable, Reason: r, RetryAfter: 30 * time.Second}
}

func throttled(wait time.Duration) account.Answer {
	return account.Answer{Verdict: factor.Deny, Reason: account.Throttled, RetryAfter: wait}
}
