package check

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/patience"
	"github.com/sallyport/sallyport/daemon/check/roster"
	"github.com/sallyport/sallyport/daemon/check/stale"
	"github.com/sallyport/sallyport/daemon/check/stranger"
	"github.com/sallyport/sallyport/daemon/check/verdict"
	"github.com/sallyport/sallyport/daemon/check/veto"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	// maxSecret bounds secrets in bytes; longer ones are refused, never cut.
	maxSecret = 1024
	// maxName bounds names in bytes.
	maxName = 256
	// recent is the longest time for which the directory may remember a fact.
	recent = 5 * time.Minute
)

// try is one attempt on its way to a verdict.
type try struct {
	*Engine
	account.Attempt
	started time.Time
	service Service
	facts   account.Facts
	// barred is why nobody gets in by this name, whatever they know. Such an
	// attempt walks the same path as all others, with a decoy for the
	// directory and no records, so that the path shows nothing.
	barred account.Reason
	// noted is the reason for audit and log, where a stranger is told less; note is
	// there to be read.
	noted account.Reason
	note  string
	// closed says that the bridge of the service is, for this person.
	closed bool
	// redeemed is set while the attempt continues an earlier right password.
	redeemed *account.Token
	used     account.Record // that accepted
	// refund are counted tries that turned out not to be failures; whatever
	// is written next takes them back.
	refund []int64
	// audit is what must be told of a refusal, with what is taken back.
	audit []account.Event
	form  roster.Form // of the password
	// recognised says that the next two are known.
	recognised bool
	// familiar says that the subject has logged in from this network before.
	familiar bool
	// greet is the network, where that was not written down within the last day.
	greet *account.TokenRef
}

// judge walks the rules in their order: may this be asked, may this source try, does
// a hook object, who is it, is the account fit, and only then the ways in.
func (t *try) judge(ctx context.Context) account.Answer {
	var known bool
	if t.service, known = t.roster.Services[t.Service]; !known {
		return verdict.Deny(account.NotAllowed)
	}
	if len(t.Name) > maxName || max(len(t.Password), len(t.Code), len(t.Ticket)) > maxSecret {
		return verdict.Deny(account.Malformed)
	}
	if t.Ticket == "" && (t.Name == "" || t.Password == "") {
		// An empty password is refused before anybody is asked: to a
		// directory it would be an anonymous bind, and succeed.
		return verdict.Deny(account.BadCredentials)
	}
	addressed := t.Client.Network().IsValid()
	if addressed {
		if ans, ok := t.maySend(); !ok {
			return ans
		}
	}
	if ans, ok := t.redeemPassword(ctx); !ok {
		return ans
	}
	if ans, stop := veto.Ask(ctx, t.cfg.Hooks, t.Attempt, t.cfg.Log); stop {
		return ans
	}
	if ans, ok := t.identify(ctx); !ok {
		return ans
	}
	if !addressed {
		// The person stands in for it, and only now it is known who: all spellings are one.
		if ans, ok := t.maySend(); !ok {
			return ans
		}
	}
	t.service = t.service.For(t.facts.Groups)
	return t.veil(t.judgeWays(ctx))
}

func (t *try) judgeWays(ctx context.Context) account.Answer {
	if claimed, ans := t.judgeClaimed(ctx); claimed {
		return ans
	}
	if t.splitField() {
		// An app password with a code behind it is still one.
		if claimed, ans := t.judgeClaimed(ctx); claimed {
			return ans
		}
	}
	bridging := t.bridging()
	if !bridging && !t.service.HasDirectory() && len(t.codeKinds()) == 0 {
		return verdict.Deny(account.AppPasswordRequired)
	}
	if t.started.Sub(t.facts.AsOf) > recent {
		// The last good fact serves app passwords, and only those: they can be
		// revoked here, whatever has become of the account there.
		return verdict.Unavailable(account.DirectoryUnavailable)
	}
	switch {
	case bridging:
		return t.judgeBridge(ctx)
	case !t.service.HasDirectory():
		return t.judgeWithoutDirectory(ctx)
	default:
		return t.judgeWithDirectory(ctx)
	}
}

// identify finds the one subject behind the name and asks whether the account
// is fit. Who is not found or not fit is barred, and goes on as a stranger.
func (t *try) identify(ctx context.Context) (account.Answer, bool) {
	facts, err := t.cfg.Directory.Find(ctx, t.Name)
	switch {
	case errors.Is(err, account.ErrNotFound):
		facts = account.Facts{Subject: account.Subject{ID: stranger.Pseudonym(t.cfg.MAC, facts.Name, t.Name)}, AsOf: t.started, Fitness: account.Fit}
		t.barred = account.UnknownUser
	case err != nil:
		t.cfg.Log.Error("finding an account", "error", err)
		return verdict.Unavailable(account.DirectoryUnavailable), false
	}
	t.facts = facts
	if age := t.started.Sub(facts.AsOf); age > max(t.cfg.MaxStale, recent) || age < -recent {
		return verdict.Unavailable(account.DirectoryUnavailable), false
	}
	bars, known := stranger.Bars(facts.Fitness)
	if !known {
		return verdict.Unavailable(account.DirectoryUnavailable), false
	}
	if bars != "" {
		t.barred = bars
	}
	if t.redeemed != nil && (t.barred != "" || t.redeemed.Subject != facts.ID) {
		t.noted = t.barred
		return verdict.Deny(account.BadCredentials), false
	}
	return account.Answer{}, true
}

// veil keeps what was found out about a barred account in the daemon. Only what
// the form of the input alone tells is told to everybody.
func (t *try) veil(ans account.Answer) account.Answer {
	if t.barred == "" {
		return ans
	}
	t.used = account.Record{}
	if ans.Verdict == factor.Unavailable || ans.Reason == account.Throttled {
		return ans
	}
	t.noted = t.barred
	if ans.Reason == account.AppPasswordRequired || ans.Reason == account.AppPasswordTypo {
		return verdict.Deny(ans.Reason)
	}
	return verdict.Deny(t.barred)
}

// misspelled tells whether the asking program would take this login for
// somebody else's. It is asked only once everything else was right: the answer
// shows that the account exists.
func (t *try) misspelled() bool { return t.Spelled != "" && t.Spelled != t.facts.Name }

// load reads the subject's records.
func (t *try) load(ctx context.Context, kinds ...string) (account.Snapshot, error) {
	return t.loaded(t.cfg.Store.Load(ctx, t.facts.ID, kinds...))
}

// loaded is what was read of the subject. A barred account has no records.
func (t *try) loaded(snap account.Snapshot, err error) (account.Snapshot, error) {
	if err != nil {
		t.cfg.Log.Error("loading records", "error", err)
	}
	if t.barred != "" {
		snap.Records = nil
	}
	return snap, err
}

// who is the person, as far as it is known who that is.
func (t *try) who() string {
	return cmp.Or(string(t.facts.ID), t.Name)
}

// maySend asks whether the source may try now. What can be right nowhere here is no
// guess: it only costs something, and has a budget of its own.
func (t *try) maySend() (account.Answer, bool) {
	wait := t.cfg.Throttle.MaySend(t.Client, t.Service, t.who())
	if !t.bridging() && t.roster.Idle(t.service, &t.form, t.Password) {
		wait = max(wait, t.cfg.Throttle.Idle(t.Client))
	}
	return verdict.Throttled(wait), wait == 0
}

// slow counts a wrong secret against its source, the same secret only once.
func (t *try) slow() {
	if t.Sent.First(t.fingerprint("source:"+t.Service+":"+t.who(), t.Password+"\x00"+t.Code+"\x00"+t.Ticket), t.started) {
		t.cfg.Throttle.Slow(t.Client, t.Service, t.who())
	}
}

// fingerprint is keyed, and bound to the subject and the place of use.
func (t *try) fingerprint(place string, secret account.Secret) stale.Fingerprint {
	return t.Fingerprint(place, string(t.facts.ID), secret)
}

// splitField takes the code off the end of the only field, where the front end
// has one field, and tells whether it did.
func (t *try) splitField() (ok bool) {
	if !t.OneField || t.Code != "" || t.redeemed != nil {
		return false
	}
	t.Password, t.Code, ok = t.roster.Split(t.service, t.Password)
	return ok
}

// commit writes the change, taking back what was counted without need.
func (t *try) commit(ctx context.Context, c account.Change) error {
	c.Subject = t.facts.ID
	c.Refund = append(c.Refund, t.refund...)
	err := t.cfg.Store.Commit(ctx, c)
	if err == nil {
		t.refund = nil
	}
	return err
}

// takeBack gives counted tries back when nothing else is to be written. If
// that fails they stay counted, which errs on the safe side.
func (t *try) takeBack(ctx context.Context, more ...int64) {
	t.refund = append(t.refund, more...)
	if len(t.refund) == 0 && len(t.audit) == 0 {
		return
	}
	ctx, cancel := patience.Last(ctx)
	defer cancel()
	if err := t.commit(ctx, account.Change{Version: -1, Events: t.audit}); err != nil {
		t.cfg.Log.Error("taking back a counted try", "error", err)
	}
	t.refund, t.audit = nil, nil // there is no time for a second try
}
