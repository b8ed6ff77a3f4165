package moving

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/reading"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

// Order is how entries are taken in.
type Order struct {
	// DryRun writes nothing, and says what would be done.
	DryRun bool
	// Replace ends the code apps that a person has already.
	Replace bool
	// Notify audits as if the person had connected the phone, so that hooks write
	// to them.
	Notify bool
	// Step, if set, is told of each entry and each person that is done with, and of
	// how many steps there are. It is called from many goroutines.
	Step func(of int)
}

// item is an entry on its way.
type item struct {
	at     int // its place among the outcomes
	who    account.Subject
	record account.Record
}

// taking is one import.
type taking struct {
	Place
	Order
	out []Outcome

	mu    sync.Mutex
	found map[string]account.Facts
	of    int
}

// Take takes the entries in. Whatever it was told before, the same file can be
// taken again: what is in stays as it is. An error means that nobody could tell
// and the rest is missing; where it wraps account.ErrUnavailable, it goes on later.
func (p Place) Take(ctx context.Context, entries []reading.Entry, o Order) ([]Outcome, error) {
	t := &taking{Place: p, Order: o, out: make([]Outcome, len(entries)), found: map[string]account.Facts{}}
	for i, e := range entries {
		t.out[i] = Outcome{Entry: e, Result: Refused, Reason: e.Refused}
		if e.Refused == "" && e.Label != "" && !records.Printable(e.Label) {
			t.out[i].Reason = "its label is longer than 64 characters, or cannot be shown"
		}
	}
	// Everybody is looked up before anything is written: a directory that is away
	// leaves no half import, and the dry run sees what the import does.
	t.of = 2 * len(entries)
	defer t.rest()
	items, err := t.resolve(ctx)
	if err != nil {
		return t.out, err
	}
	people := t.people(items)
	err = each(ctx, people, func(ctx context.Context, its []*item) error {
		defer t.step(len(its))
		return t.person(ctx, its)
	})
	return t.out, err
}

// rest tells of what nobody has come to.
func (t *taking) rest() {
	for i := range t.out {
		if o := &t.out[i]; o.Result == Refused && o.Reason == "" {
			o.Result, o.Reason = Missing, "not taken yet; take the file again"
		}
	}
}

// each does something for all, many at once, until one fails.
func each[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, one := range all {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return do(ctx, one) })
	}
	return errors.Join(g.Wait())
}

func (t *taking) step(n int) {
	if t.Step == nil {
		return
	}
	for range n {
		t.Step(t.of)
	}
}

// resolve finds whom each entry is of, and has its record made.
func (t *taking) resolve(ctx context.Context) ([]*item, error) {
	var all []*item
	for i, o := range t.out {
		if o.Reason == "" {
			all = append(all, &item{at: i})
		} else {
			t.step(2)
		}
	}
	err := each(ctx, all, func(ctx context.Context, it *item) error {
		defer t.step(1)
		if err := t.find(ctx, it); err != nil || t.out[it.at].Reason != "" {
			return err
		}
		return t.make(ctx, it)
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(it *item) bool {
		if t.out[it.at].Reason != "" {
			t.step(1)
			return true
		}
		return false
	}), nil
}

// find looks the login up, once for all its entries that come after.
func (t *taking) find(ctx context.Context, it *item) error {
	login := t.out[it.at].Login
	t.mu.Lock()
	facts, known := t.found[login]
	t.mu.Unlock()
	if !known {
		var err error
		facts, err = t.Directory.Find(ctx, login)
		if err != nil && !errors.Is(err, account.ErrNotFound) {
			return fmt.Errorf("looking for %q (line %d of %s): %w", login, t.out[it.at].Line, t.out[it.at].File, err)
		}
		if err != nil {
			facts = account.Facts{}
		}
		t.mu.Lock()
		t.found[login] = facts
		t.mu.Unlock()
	}
	if facts.ID == "" {
		t.out[it.at].Reason = "the directory has nobody of this name, or more than one"
	}
	it.who = facts.Subject
	return nil
}

// make has the plugin make the record.
func (t *taking) make(ctx context.Context, it *item) error {
	o := &t.out[it.at]
	made, err := t.Factor.Import(ctx, transfer.Arrival{Text: o.Text})
	if err != nil {
		if !errors.Is(err, transfer.ErrUnsupported) {
			err = errors.Join(err, account.ErrUnavailable)
		}
		return fmt.Errorf("asking factor %s about line %d of %s: %w", t.Kind, o.Line, o.File, err)
	}
	if made.Refused != "" {
		o.Reason = made.Refused
		return nil
	}
	it.record = account.Record{
		ID: t.id(it.who.ID, made), Subject: it.who.ID, Factor: t.Kind, Label: o.Label, Created: t.Now(), Uses: -1,
		Format: made.Format, Payload: made.Payload,
	}
	return nil
}

// id is the fingerprint of a record, under the one key of the ring that never
// changes: who takes the same file again finds what is in by it, and nobody
// without the key can tell a secret from it.
func (t *taking) id(who account.ID, made transfer.Imported) string {
	data := fmt.Appendf(nil, "imported record\x00%s\x00%s\x00%d\x00", who, t.Kind, made.Format)
	return hex.EncodeToString(t.MAC("token", append(data, made.Payload...))[:16])
}

// people puts the items of one person together, in the order of the files: all of
// them are written at once, so that an import that is cut off leaves nobody with
// half of their phones.
func (t *taking) people(items []*item) [][]*item {
	var all [][]*item
	place := map[account.ID]int{}
	for _, it := range items {
		at, known := place[it.who.ID]
		if !known {
			at = len(all)
			place[it.who.ID] = at
			all = append(all, nil)
		}
		if twin := slices.IndexFunc(all[at], func(o *item) bool { return o.record.ID == it.record.ID }); twin >= 0 {
			first := t.out[all[at][twin].at]
			t.out[it.at].Result, t.out[it.at].Reason = Present, fmt.Sprintf("the same as line %d of %s", first.Line, first.File)
			t.step(1)
			continue
		}
		all[at] = append(all[at], it)
	}
	return all
}

// person decides and writes what becomes of one person's items.
func (t *taking) person(ctx context.Context, its []*item) error {
	return records.Retry(func() error {
		snap, err := t.Store.Load(ctx, its[0].who.ID)
		if err != nil {
			return fmt.Errorf("loading the records of %s: %w", its[0].who.Name, err)
		}
		c := t.decide(its, snap)
		if c == nil || t.DryRun {
			return nil
		}
		// What has begun is finished although another has failed: nobody would know
		// whether it was written.
		if err := t.Store.Commit(context.WithoutCancel(ctx), *c); err != nil {
			// Nothing is known to be in, so that nothing may be told as if it were.
			t.tell(its, Missing, "it could not be written; take the file again")
			return fmt.Errorf("writing the records of %s: %w", its[0].who.Name, err)
		}
		return nil
	})
}

func (t *taking) tell(its []*item, r Result, why string) {
	for _, it := range its {
		t.out[it.at].Result, t.out[it.at].Reason = r, why
	}
}

// whole adds what of the entry is left out to what is told of it.
func (t *taking) whole(its []*item, r Result, why string) {
	for _, it := range its {
		reasons := []string{why, t.out[it.at].Note}
		t.tell([]*item{it}, r, strings.Join(slices.DeleteFunc(reasons, func(s string) bool { return s == "" }), "; "))
	}
}
