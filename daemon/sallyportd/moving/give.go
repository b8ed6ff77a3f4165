package moving

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

// Given is one record that leaves.
type Given struct {
	Login, Label string
	// Text is the record as the factor's plugin writes it; it holds the secret.
	Text string
}

// String prints the record without its secret.
func (g Given) String() string { return fmt.Sprintf("code app of %q [redacted]", g.Login) }

// GoString prints the same as String, for %#v.
func (g Given) GoString() string { return g.String() }

// Leaving is everything that leaves.
type Leaving struct {
	Records []Given
	// People is how many they are of.
	People int
	// Left is how many people have records here and are in the directory no more, so
	// that nobody knows their login.
	Left int
}

// Give gathers all active records of everybody whom the directory has. Nothing is
// audited yet.
func (p Place) Give(ctx context.Context) (Leaving, error) {
	var out Leaving
	err := p.Directory.Walk(ctx, func(f account.Facts) error {
		if f.ID == "" {
			return nil // an entry without an id has nothing here
		}
		snap, err := p.Store.Load(ctx, f.ID, p.Kind)
		if err != nil {
			return fmt.Errorf("loading the records of %s: %w", f.Name, err)
		}
		active := records.ActiveOf(snap, p.Kind, p.Now())
		if len(active) > 0 {
			out.People++
		}
		for _, r := range active {
			text, err := p.Factor.Export(ctx, transfer.Departure{
				Record: factor.Record{ID: r.ID, Format: r.Format, Payload: r.Payload}, Account: f.Name, Issuer: p.Issuer,
			})
			if err != nil {
				return fmt.Errorf("asking factor %s for the record of %s: %w", p.Kind, f.Name, err)
			}
			out.Records = append(out.Records, Given{Login: f.Name, Label: r.Label, Text: text})
		}
		return nil
	})
	if err != nil {
		return Leaving{}, err
	}
	census, err := p.Store.Census(ctx)
	if err != nil {
		return Leaving{}, fmt.Errorf("counting the people: %w", err)
	}
	out.Left = max(0, int(census.Factors[p.Kind].Subjects)-out.People)
	return out, nil
}

// Audit writes down that records leave, and why, before any of them does.
func (p Place) Audit(ctx context.Context, l Leaving, reason, to string) error {
	note := fmt.Sprintf("%d records of %s of %d people leave for %s: %s", len(l.Records), p.Kind, l.People, printable(to), strings.TrimSpace(reason))
	e := account.Event{At: p.Now(), Act: account.ActExport, Actor: p.Operator, FrontEnd: frontEnd, Factor: p.Kind, Note: note,
		Verdict: factor.Accept, Reason: account.OK}
	return p.Store.Commit(ctx, account.Change{Version: -1, Events: []account.Event{e}})
}
