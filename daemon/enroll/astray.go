package enroll

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// astrayFor is for how long a try without an app password is spoken of.
	astrayFor = 7 * 24 * time.Hour
	// astrayTries is how many last tries are looked through.
	astrayTries = 20
)

// astray finds the programs that still send something else where only an app
// password helps. Nobody has looked at what they sent, so it may be anybody's;
// most often it is the owner's calendar with the normal password.
func (d *Desk) astray(ctx context.Context, id account.ID, apps []account.Record) ([]account.Event, error) {
	if d.cfg.App == "" {
		return nil, nil
	}
	tries, err := d.cfg.Store.Tries(ctx, id, astrayTries)
	if err != nil {
		return nil, fmt.Errorf("loading the last tries: %w", err)
	}
	now := d.cfg.Now()
	var out []account.Event
	for _, e := range tries {
		same := func(o account.Event) bool { return o.Service == e.Service && o.Agent == e.Agent }
		// A program that has come with an app password since needs no word.
		mended := func(r account.Record) bool {
			return r.LastService == e.Service && r.LastAgent == e.Agent && !r.LastUsed.Before(e.At)
		}
		if e.Reason == account.AppPasswordRequired && now.Sub(e.At) < astrayFor &&
			slices.Contains(d.cfg.AppServices, e.Service) && !slices.ContainsFunc(out, same) && !slices.ContainsFunc(apps, mended) {
			out = append(out, e)
		}
	}
	return out, nil
}
