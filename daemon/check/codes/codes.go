// Package codes judges what one factor makes of a code: the try is counted
// durably, then the factor is asked.
//
// It weighs nothing against other factors and lets nobody in: packages verdict
// and check do. It belongs to package check, which alone may call it.
package codes

import (
	"context"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/verdict"
	"github.com/sallyport/sallyport/daemon/check/witness"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Door is one factor of the second door.
type Door struct {
	Factor *witness.Factor
	// Records are those that may let somebody in.
	Records []account.Record
	Service string
	// Behind says that a password stands before the code.
	Behind bool
	// Safe says whether the clock may judge codes.
	Safe bool
	// Count counts a try and returns its number, or how long to wait.
	Count func(ctx context.Context) (int64, time.Duration, error)
	// Ask shows code and records to the factor.
	Ask func(ctx context.Context, records []account.Record) (witness.Testimony, error)
	Log *slog.Logger
}

// Judge judges a code. Counted is the number of a try that was counted for it
// before, or 0; the finding has the number of the one that it is.
func (d Door) Judge(ctx context.Context, code account.Secret, counted int64) verdict.Finding {
	// Behind no door, having no records must not show.
	if !d.Factor.Fits(code) || len(d.Records) == 0 && d.Behind {
		return verdict.Finding{Told: account.CodeWrong, Number: counted}
	}
	if d.Factor.Info.Guessable {
		if !d.Safe {
			return verdict.Finding{Away: account.ClockUnsafe, Number: counted}
		}
		if counted == 0 {
			number, wait, err := d.Count(ctx)
			if err != nil {
				d.Log.Error("counting a code", "error", err)
				return verdict.Finding{Away: account.StoreUnavailable}
			}
			if wait > 0 {
				return verdict.Finding{Told: account.Throttled, Wait: wait}
			}
			counted = number
		}
	}
	found := d.ask(ctx)
	found.Number = counted
	return found
}

func (d Door) ask(ctx context.Context) verdict.Finding {
	switch got, err := d.Ask(ctx, d.Records); {
	case err != nil:
		return verdict.Finding{Away: account.PluginUnavailable}
	case got.Accept && !witness.GoodFor(got.Record, d.Service):
		return verdict.Finding{Told: account.WrongService}
	case got.Accept:
		return verdict.Finding{Testimony: got}
	case got.Reason == factor.Used:
		return verdict.Finding{Told: account.CodeUsed}
	default:
		return verdict.Finding{Testimony: got, Told: account.CodeWrong}
	}
}
