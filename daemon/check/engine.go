// Package check turns an attempt into a verdict. It is the one place that
// decides: every front end asks Engine.Check and only translates.
//
// It is not a protocol, not a store and not a directory: it declares the small
// interfaces that it needs of those and imports the standard library only.
// Front ends and the mains may call it.
package check

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/explain"
	"github.com/sallyport/sallyport/daemon/check/memory"
	"github.com/sallyport/sallyport/daemon/check/parts"
	"github.com/sallyport/sallyport/daemon/check/patience"
	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/check/roster"
	"github.com/sallyport/sallyport/daemon/check/telling"
	"github.com/sallyport/sallyport/daemon/check/ticket"
	"github.com/sallyport/sallyport/daemon/check/veto"
	"github.com/sallyport/sallyport/daemon/check/way"
	"github.com/sallyport/sallyport/plugins/factor"
)

// DirectoryFactor is the name under which ways list the directory's password.
const DirectoryFactor = way.Directory

// What an engine is told of its config, and tells.
type (
	// Service is what can be logged in to, and how. Each way stands for itself,
	// but where one asks for the directory's password, codes are only looked at
	// after it.
	Service = way.Service
	// Way is a list of factors that must all accept.
	Way = way.Way
	// Factor is one configured factor plugin.
	Factor = roster.Factor
	// Hook is one configured hook.
	Hook = veto.Hook
	// Step is one line of an explanation.
	Step = explain.Step
)

// What the engine needs of the house.
type (
	// Directory answers who somebody is and whether a password is theirs.
	Directory = parts.Directory
	// Store keeps what must survive.
	Store = parts.Store
	// Throttle says who may try now.
	Throttle = parts.Throttle
	// Journal hears of every finished act. It never blocks.
	Journal = parts.Journal
	// Clock is the only time that the engine knows.
	Clock = parts.Clock
)

// Config is everything that an Engine is built from. All fields but Hooks
// and Memory are needed.
type Config struct {
	Services []Service
	Factors  []Factor
	Hooks    []Hook
	// Policy is who owes a second factor; its zero value says everybody.
	Policy policy.Policy
	// NotBefore is a time that is known to be over.
	NotBefore time.Time
	Directory Directory
	Store     Store
	Throttle  Throttle
	Waits     explain.Waits
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
	// Memory is that of the engine before this one; nil begins anew.
	Memory *memory.Memory
}

const (
	// webFrontEnd is that of web applications, which can show a link.
	webFrontEnd = "http"
	// maxGrid leaves the last point of the grid within the time of an answer.
	maxGrid = time.Second
)

// Engine decides. It is safe for concurrent use and keeps no verdicts.
type Engine struct {
	cfg    Config
	roster roster.Roster
	office ticket.Office
	*memory.Memory
}

// New checks the ways and returns the engine. It refuses every combination
// that would be weaker than it looks.
func New(cfg Config) (*Engine, error) {
	if cfg.Directory == nil || cfg.Store == nil || cfg.Throttle == nil || cfg.Waits == nil || cfg.Journal == nil ||
		cfg.Clock == nil || cfg.Rand == nil || cfg.MAC == nil || cfg.Log == nil {
		return nil, errors.New("building the engine: a part is missing")
	}
	if cfg.Grid <= 0 || cfg.Grid > maxGrid || cfg.MaxStale < 0 {
		return nil, errors.New("building the engine: the failure grid must be over 0 and at most 1s, and max_stale must not be negative")
	}
	known, err := roster.New(cfg.Services, cfg.Factors)
	if err != nil {
		return nil, err
	}
	if cfg.Memory == nil {
		cfg.Memory = memory.New(cfg.MAC("stale", nil))
	}
	return &Engine{cfg: cfg, roster: known, office: ticket.Office{Rand: cfg.Rand, MAC: cfg.MAC}, Memory: cfg.Memory}, nil
}

// Check is the verdict on one attempt. It always answers, within four seconds,
// and every answer has left its event behind.
//
// A caller that hangs up changes nothing; see package patience.
func (e *Engine) Check(ctx context.Context, a account.Attempt) account.Answer {
	work, cancel := patience.Work(ctx)
	defer cancel()
	t := &try{Engine: e, Attempt: a, started: e.cfg.Clock.Now()}
	ans := t.judge(work)
	took := e.cfg.Clock.Now().Sub(t.started)
	e.cfg.Journal.Record(t.event(ans, took))
	if ans.Verdict == factor.Deny {
		e.cfg.Clock.WaitUntil(ctx, patience.Leave(t.started, took, e.cfg.Grid))
	}
	return ans
}

// event tells of the attempt without its secrets.
func (t *try) event(ans account.Answer, took time.Duration) account.Event {
	return telling.Event(telling.Attempt{Attempt: t.Attempt, At: t.started, Took: took, Who: t.facts.Subject,
		Nobody: t.barred == account.UnknownUser, Used: t.used, Noted: t.noted, Note: t.note, Owes: t.owes()}, ans)
}

// Explain walks the decision for a name at a service without any secret. It
// counts nothing and changes nothing. The error wraps account.ErrNotFound for a
// service that is not in the config, else account.ErrUnavailable.
func (e *Engine) Explain(ctx context.Context, name, service string) ([]Step, error) {
	return explain.Walker{Services: e.roster.Services, Find: e.cfg.Directory.Find, Load: e.cfg.Store.Load, Leave: e.Leave,
		Waits: e.cfg.Waits, Hooks: e.cfg.Hooks, Now: e.cfg.Clock.Now()}.Walk(ctx, name, service)
}
