package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire"
)

// The guarded types are what the rest of the daemon holds instead of a plugin:
// they find the process of the moment, bound each call, look at each answer,
// and report what happened.

// maxSecret bounds what a plugin may show to a person, in bytes.
const maxSecret = 8 << 10

// enrollPatience is how many times longer than a verdict a new record may take:
// a sheet of emergency codes is ten slow hashes, somebody waits for it once in
// years, and on a busy machine they shall not be told that it is out of order.
const enrollPatience = 10

// afterLimit bounds what a hook does after an act, such as sending a mail: nobody
// waits for it but the acts that follow.
const afterLimit = time.Minute

type guardedFactor struct{ *supervisor }

var _ factor.Factor = guardedFactor{}

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
		return checkIssued(issued)
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
		return checkResult(r, result)
	})
	if err != nil {
		return factor.Result{}, err
	}
	return result, nil
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
	case "enroll":
		limit *= enrollPatience
	case "after":
		limit = afterLimit
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	err := call(limited, p)
	cancel()
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

// checkResult refuses an answer that the contract does not allow.
func checkResult(r factor.Request, got factor.Result) error {
	if got.Verdict > factor.Accept {
		return errors.New("the answer has a verdict that does not exist")
	}
	if len(got.Payload) > factor.MaxPayload {
		return fmt.Errorf("the answer has a payload of %d bytes, over the limit of %d", len(got.Payload), factor.MaxPayload)
	}
	if got.Uses < 0 {
		return errors.New("the answer has a negative number of uses")
	}
	if got.Record == "" {
		if got.Verdict == factor.Accept || got.Payload != nil {
			return errors.New("the answer names no record")
		}
		return nil
	}
	for _, rec := range r.Records {
		if rec.ID == got.Record {
			return nil
		}
	}
	return errors.New("the answer names a record that was not asked about")
}

// checkIssued refuses a new record that the contract does not allow.
func checkIssued(i factor.Issued) error {
	switch {
	case len(i.Payload) > factor.MaxPayload:
		return fmt.Errorf("the new record has a payload of %d bytes, over the limit of %d", len(i.Payload), factor.MaxPayload)
	case len(i.Secret)+len(i.URI) > maxSecret:
		return errors.New("the new record has a secret over the limit")
	case i.Uses < 0:
		return errors.New("the new record has a negative number of uses")
	}
	return nil
}
