package check

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/hint"
	"github.com/sallyport/sallyport/daemon/check/telling"
	"github.com/sallyport/sallyport/daemon/check/verdict"
	"github.com/sallyport/sallyport/daemon/check/witness"
	"github.com/sallyport/sallyport/plugins/factor"
)

// judgeClaimed deals with a password that has the form of an app password: it
// is judged as one and as nothing else, on every service, so that it never
// reaches the directory. What only resembles one, its check character being
// wrong, goes on as an ordinary password.
func (t *try) judgeClaimed(ctx context.Context) (claimed bool, ans account.Answer) {
	if t.redeemed != nil {
		return false, ans
	}
	typo := false
	for _, f := range t.cfg.Factors {
		if !f.Info.Claims || !t.form.Fits(t.roster, f.Info.Kind, t.Password) {
			continue
		}
		if ans, formed := t.judgeAppPassword(ctx, f.Info.Kind); formed {
			return true, ans
		}
		typo = true
	}
	if typo && !t.service.HasDirectory() && len(t.codeKinds()) == 0 {
		t.slow()
		return true, verdict.Deny(account.AppPasswordTypo)
	}
	return false, ans
}

// judgeAppPassword asks the plugin. It answers false if the input is not well
// formed, and so nothing that the factor has ever issued.
func (t *try) judgeAppPassword(ctx context.Context, kind string) (ans account.Answer, formed bool) {
	for range rounds {
		snap, got, silent := t.Hints.Match(hint.Query{
			Place: t.fingerprint("record:"+kind, t.Password), Kind: kind, Now: t.started,
			Load: func() (account.Snapshot, error) { return t.load(ctx, kind) },
			LoadOne: func(record string) (account.Snapshot, error) {
				return t.loaded(t.cfg.Store.LoadOne(ctx, t.facts.ID, record))
			},
			Ask: func(records []account.Record) (witness.Testimony, error) {
				return t.ask(ctx, kind, t.Password, records)
			},
		})
		switch {
		case silent != "":
			return verdict.Unavailable(silent), true
		case !got.Accept && got.Reason == factor.Typo:
			return ans, false
		case !got.Accept:
			return t.whyNot(ctx, kind, snap), true
		}
		t.used = got.Record
		w, wanted := t.service.Alone(kind)
		if !wanted || !witness.GoodFor(got.Record, t.Service) {
			return verdict.Deny(account.WrongService), true
		}
		if t.misspelled() {
			return verdict.Deny(account.WrongSpelling), true
		}
		if err := t.mark(ctx, snap); err != nil {
			return verdict.Unavailable(account.StoreUnavailable), true
		}
		if !got.Rewritten {
			// The journal writes it later and coarsely: a right app password
			// writes nothing in the path of the verdict.
			t.cfg.Journal.Used(witness.Used(account.Record{ID: got.Record.ID, Subject: got.Record.Subject, Factor: kind}, t.Attempt, t.started))
			ans = verdict.Accept()
			ans.Subject, ans.Factors, ans.Scope = t.facts.Subject, w.Factors, got.Record.Services
			return ans, true
		}
		t.WantTicket = false // an app password never opens the page
		ans, err := t.letIn(ctx, verdict.Yes{Way: w, Version: snap.Version, Used: got.Record, Put: []account.Record{got.Record}})
		if !errors.Is(err, account.ErrConflict) {
			return ans, true
		}
	}
	return verdict.Unavailable(account.StoreUnavailable), true
}

// mark writes that the subject's first app password is in use, before the yes,
// where that ends a bridge. Elsewhere the journal does, in its own time.
func (t *try) mark(ctx context.Context, snap account.Snapshot) error {
	if snap.Synced || !t.roster.Bridged {
		return nil
	}
	err := t.commit(ctx, account.Change{Version: -1, Synced: true})
	if err != nil {
		t.cfg.Log.Error("writing that an app password is in use", "error", err)
	}
	return err
}

// whyNot looks whether the input was right once. Only a right secret is told
// what became of it; a wrong one slows down its source.
func (t *try) whyNot(ctx context.Context, kind string, snap account.Snapshot) account.Answer {
	ended := witness.Ended(snap, kind, t.started)
	if len(ended) > 0 {
		got, err := t.ask(ctx, kind, t.Password, ended)
		if err != nil {
			return verdict.Unavailable(account.PluginUnavailable)
		}
		if got.Accept {
			t.used = got.Record
			return verdict.Deny(witness.Fate(got.Record))
		}
	}
	t.slow()
	return verdict.Deny(account.BadCredentials)
}

// judgeWithoutDirectory is left with an input that is no app password, on a
// service without the directory. Nothing of it is bound. Where codes alone let
// somebody in, for a written reason, either field may carry the code, and
// whoever has none learns nothing: no door has been passed.
func (t *try) judgeWithoutDirectory(ctx context.Context) account.Answer {
	if t.Code == "" {
		t.Code = t.Password
	}
	ans := t.judgeSecond(ctx)
	if ans.Verdict == factor.Deny && ans.Reason != account.Throttled {
		t.noted = ans.Reason
		return verdict.Deny(account.BadCredentials)
	}
	return ans
}

// ask asks a plugin. A plugin that lies is an alarm, and no answer.
func (t *try) ask(ctx context.Context, kind string, input account.Secret, records []account.Record) (witness.Testimony, error) {
	got, err := t.roster.Factors[kind].Ask(ctx, input, records, t.started)
	switch {
	case errors.Is(err, witness.ErrLied):
		t.cfg.Journal.Record(telling.Alarm(telling.Attempt{Attempt: t.Attempt, At: t.started, Who: t.facts.Subject, Note: err.Error()}))
	case err != nil:
		t.cfg.Log.Error("asking a factor", "factor", kind, "error", err)
	}
	return got, err
}
