package check

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
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
	for kind, p := range t.factors {
		if !p.Info.Claims || !p.fits(t.Password.Reveal()) {
			continue
		}
		claimed, ans := t.judgeAppPassword(ctx, kind)
		if claimed {
			return true, ans
		}
	}
	return false, ans
}

// judgeAppPassword asks the plugin. The answer is only claimed if the input is
// well formed, or if nothing but this factor could make use of it.
func (t *try) judgeAppPassword(ctx context.Context, kind string) (claimed bool, ans account.Answer) {
	snap, err := t.cfg.Store.Load(ctx, t.facts.ID, kind)
	if err != nil {
		t.cfg.Log.Error("loading records", "error", err)
		return true, unavailable(account.StoreUnavailable)
	}
	res, rec, err := t.verify(ctx, kind, t.Password, active(snap, kind, t))
	if err != nil || res.Verdict == factor.Unavailable {
		return true, unavailable(account.PluginUnavailable)
	}
	wanted := slices.ContainsFunc(t.service.Ways, func(w Way) bool { return slices.Equal(w.Factors, []string{kind}) })
	switch {
	case res.Verdict == factor.Accept && wanted && goodFor(rec, t.Service):
		t.used = rec
		t.noteUse(rec)
		ans = accept()
		ans.Subject, ans.Factors, ans.Scope = t.facts.Subject, []string{kind}, rec.Services
		return true, ans
	case res.Verdict == factor.Accept:
		t.used = rec
		return true, deny(account.WrongService)
	case res.Reason == factor.Typo && t.service.hasDirectory():
		return false, ans
	case res.Reason == factor.Typo:
		t.slow(t.facts.ID)
		return true, deny(account.AppPasswordTypo)
	}
	return true, deny(t.whyNot(ctx, kind, snap))
}

// whyNot looks whether the input was right once. Only a right secret is told
// what became of it; a wrong one slows down its source.
func (t *try) whyNot(ctx context.Context, kind string, snap account.Snapshot) account.Reason {
	ended := slices.DeleteFunc(ofKind(snap, kind), func(r account.Record) bool {
		return r.Pending || r.Active(t.started)
	})
	if len(ended) > 0 {
		res, rec, err := t.verify(ctx, kind, t.Password, ended)
		if err == nil && res.Verdict == factor.Accept {
			t.used = rec
			if !rec.Revoked.IsZero() {
				return account.AppPasswordRevoked
			}
			return account.AppPasswordExpired
		}
	}
	t.slow(t.facts.ID)
	return account.BadCredentials
}

// judgeWithoutDirectory is left with an input that is no app password, on a
// service where only that helps. Nothing of it is bound to the directory.
func (t *try) judgeWithoutDirectory(ctx context.Context) account.Answer {
	for _, w := range t.service.Ways {
		if t.Code == "" && len(w.Factors) == 1 && t.factors[w.Factors[0]].Info.Claims {
			t.slow(t.facts.ID)
			return deny(account.AppPasswordRequired)
		}
	}
	return t.judgeSecond(ctx)
}

// verify asks a plugin and believes only what the contract allows: an accept
// names one of the records it was shown, and a new payload is in bounds.
func (t *try) verify(ctx context.Context, kind string, input account.Secret, records []account.Record) (factor.Result, account.Record, error) {
	req := factor.Request{Input: input.Reveal(), Now: t.started, Records: make([]factor.Record, len(records))}
	for i, r := range records {
		req.Records[i] = factor.Record{ID: r.ID, Format: r.Format, Payload: r.Payload}
	}
	res, err := t.factors[kind].Plugin.Verify(ctx, req)
	if err != nil {
		t.cfg.Log.Error("asking a factor", "factor", kind, "error", err)
		return factor.Result{}, account.Record{}, fmt.Errorf("asking factor %s: %w", kind, err)
	}
	if res.Verdict != factor.Accept {
		return res, account.Record{}, nil
	}
	at := slices.IndexFunc(records, func(r account.Record) bool { return r.ID == res.Record })
	if at < 0 || len(res.Payload) > factor.MaxPayload {
		t.alarm(fmt.Sprintf("factor %s accepted with a record it was not shown or a payload out of bounds", kind))
		return factor.Result{}, account.Record{}, nil
	}
	return res, records[at], nil
}

func ofKind(snap account.Snapshot, kind string) []account.Record {
	var own []account.Record
	for _, r := range snap.Records {
		if r.Factor == kind {
			own = append(own, r)
		}
	}
	return own
}

func active(snap account.Snapshot, kind string, t *try) []account.Record {
	return slices.DeleteFunc(ofKind(snap, kind), func(r account.Record) bool { return !r.Active(t.started) })
}

func goodFor(r account.Record, service string) bool {
	return len(r.Services) == 0 || slices.Contains(r.Services, service)
}

// noteUse tells the journal, which writes it later and coarsely: a right app
// password writes nothing in the path of the verdict.
func (t *try) noteUse(r account.Record) {
	use := account.Record{
		ID: r.ID, Subject: r.Subject, Factor: r.Factor,
		LastUsed: t.started, LastAgent: t.Client.Agent, LastService: t.Service,
	}
	if t.Client.Addr.IsValid() {
		use.LastFrom = t.Client.Addr.String()
	}
	t.cfg.Journal.Used(use)
}
