package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost/answer"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire"
)

// The guarded types are what the rest of the daemon holds instead of a plugin:
// they find the process of the moment, bound each call, look at each answer,
// and report what happened.

// enrollPatience is how many times longer than a verdict a new record may take:
// a sheet of emergency codes is ten slow hashes, somebody waits for it once in
// years, and on a busy machine they shall not be told that it is out of order.
const enrollPatience = 10

// afterLimit bounds what a hook does after an act, such as sending a mail: nobody
// waits for it but the acts that follow.
const afterLimit = time.Minute

type guardedFactor struct{ *supervisor }

var (
	_ factor.Factor   = guardedFactor{}
	_ transfer.Factor = guardedFactor{}
)

// Info answers from memory; it fails while the process is down, so that it can
// serve as a question of health.
func (g guardedFactor) Info(ctx context.Context) (factor.Info, error) {
	if err := ctx.Err(); err != nil {
		return factor.Info{}, err
	}
	if g.running.Load() == nil {
		return factor.Info{}, g.errDown()
	}
	return g.info, nil
}

func (g guardedFactor) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	settings := maps.Clone(g.spec.Settings)
	if settings == nil {
		settings = make(map[string]string)
	}
	maps.Copy(settings, e.Settings)
	e.Settings = settings
	var issued factor.Issued
	err := g.do(ctx, "enroll", func(ctx context.Context, p *process) (err error) {
		issued, err = p.factor.Enroll(ctx, e)
		if err != nil {
			return err
		}
		return answer.Issued(issued)
	})
	if err != nil {
		return factor.Issued{}, err
	}
	return issued, nil
}

func (g guardedFactor) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	r.Floor = g.cfg.Floor
	var result factor.Result
	err := g.do(ctx, "verify", func(ctx context.Context, p *process) (err error) {
		result, err = p.factor.Verify(ctx, r)
		if err != nil {
			return err
		}
		return answer.Result(r, result)
	})
	if err != nil {
		return factor.Result{}, err
	}
	return result, nil
}

func (g guardedFactor) Import(ctx context.Context, a transfer.Arrival) (made transfer.Imported, err error) {
	a.Settings = g.spec.Settings
	err = g.do(ctx, "import", func(ctx context.Context, p *process) (err error) {
		if made, err = p.factor.Import(ctx, a); err != nil {
			return err
		}
		return answer.Imported(made)
	})
	if err != nil {
		return transfer.Imported{}, err
	}
	return made, nil
}

func (g guardedFactor) Export(ctx context.Context, d transfer.Departure) (text string, err error) {
	err = g.do(ctx, "export", func(ctx context.Context, p *process) (err error) {
		if text, err = p.factor.Export(ctx, d); err != nil {
			return err
		}
		return answer.Exported(text)
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

type guardedHook struct{ *supervisor }

var _ hook.Hook = guardedHook{}

func (g guardedHook) Before(ctx context.Context, a hook.Attempt) (hook.Veto, error) {
	var veto hook.Veto
	err := g.do(ctx, "before", func(ctx context.Context, p *process) (err error) {
		veto, err = p.hook.Before(ctx, a)
		return err
	})
	if err != nil {
		return hook.Veto{}, err
	}
	return veto, nil
}

func (g guardedHook) After(ctx context.Context, e hook.Event) error {
	return g.do(ctx, "after", func(ctx context.Context, p *process) error {
		return p.hook.After(ctx, e)
	})
}

// do makes one call within the plugin's time limit. A call that no answer came
// to, and that its caller did not give up, is a sign that the process may hang.
func (s *supervisor) do(ctx context.Context, name string, call func(context.Context, *process) error) error {
	begun := time.Now()
	p := s.running.Load()
	if p == nil {
		err := s.errDown()
		s.cfg.Observe(s.spec.Kind, name, 0, err)
		return err
	}
	limit := s.spec.Timeout
	switch name {
	case "verify":
		limit = 0 // the client of the process knows it and needs no context for it
	case "enroll", "import", "export":
		limit *= enrollPatience
	case "after":
		limit = afterLimit
	}
	limited := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := call(limited, p)
	switch {
	case !errors.Is(err, wire.ErrNoAnswer):
		p.answers.Add(1)
	case !errors.Is(ctx.Err(), context.Canceled):
		s.missed(p)
	}
	if err != nil {
		err = fmt.Errorf("plugin %s: %w", s.spec.Kind, err)
	}
	s.cfg.Observe(s.spec.Kind, name, time.Since(begun), err)
	return err
}

func (s *supervisor) errDown() error { return fmt.Errorf("plugin %s: %w", s.spec.Kind, ErrDown) }
