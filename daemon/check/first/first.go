// Package first is the first door: the directory's password. A try is counted
// durably, then the directory is asked; what was refused a moment ago is answered
// from memory.
//
// It lets nobody in and writes nothing but the count: package check, to which it
// belongs and which alone may call it, says what follows.
package first

import (
	"context"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/parts"
	"github.com/sallyport/sallyport/daemon/check/stale"
	"github.com/sallyport/sallyport/daemon/check/verdict"
)

// Door is what a password is judged by.
type Door struct {
	Directory parts.Directory
	Throttle  parts.Throttle
	Log       *slog.Logger
}

// Password is one that somebody sent.
type Password struct {
	Facts  account.Facts
	Secret account.Secret
	Now    time.Time
	// Counted is whose budget it is on.
	Counted account.ID
	// Decoy says that the answer is no, at the cost of asking.
	Decoy bool
	// Memory knows what was refused, Refused is the password's place in it.
	Memory  *stale.Secrets
	Refused stale.Fingerprint
	// Familiar tells whether its network is known.
	Familiar func(context.Context) (bool, error)
	// Slow slows down the source.
	Slow func()
	// Back takes a counted try back at once, before anybody who waits to ask the
	// same goes on.
	Back func(number int64)
}

// Judge judges a password. Where it is right, the number of the counted try is to
// be taken back, and the answer is zero; else the number is 0.
func (d Door) Judge(ctx context.Context, p Password) (ans account.Answer, number int64, right bool) {
	why, leave := p.Memory.Enter(ctx, p.Refused, p.Now, p.Facts.PasswordChanged)
	defer leave()
	if why != "" {
		return verdict.Deny(why), 0, false
	}
	if ctx.Err() != nil { // the time went by while somebody asked the same
		return verdict.Unavailable(account.DirectoryUnavailable), 0, false
	}
	familiar, err := p.Familiar(ctx)
	if err != nil {
		d.Log.Error("looking up a familiar network", "error", err)
		return verdict.Unavailable(account.StoreUnavailable), 0, false
	}
	number, wait, err := d.Throttle.First(ctx, p.Counted, familiar)
	if err != nil {
		d.Log.Error("counting a password", "error", err)
		return verdict.Unavailable(account.StoreUnavailable), 0, false
	}
	if wait > 0 {
		// Or nothing would slow down who goes on and on against a closed door.
		p.Slow()
		return verdict.Throttled(wait), 0, false
	}
	reason, err := d.bind(ctx, p)
	switch {
	case err != nil:
		d.Log.Error("asking the directory", "error", err)
		p.Back(number)
		return verdict.Unavailable(account.DirectoryUnavailable), 0, false
	case reason == account.OK:
		return account.Answer{}, number, true
	}
	// Neither is an account that the directory keeps locked asked for again and
	// again by a device that does not know.
	p.Memory.Remember(p.Refused, p.Now, reason)
	p.Slow()
	return verdict.Deny(reason), 0, false
}

// bind asks the directory. Where nobody gets in it costs the same, and is
// always a no.
func (d Door) bind(ctx context.Context, p Password) (account.Reason, error) {
	if p.Decoy {
		return account.BadCredentials, d.Directory.Decoy(ctx, p.Secret)
	}
	return d.Directory.Bind(ctx, p.Facts, p.Secret)
}
