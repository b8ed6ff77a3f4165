package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
	"github.com/sallyport/sallyport/daemon/frontend/admin/view"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
)

// rounds is how often somebody else may write first.
const rounds = 5

// who is a person as directory and audit know them.
type who struct {
	account.Facts
	here  bool
	names []string
}

// find looks for a person by login, in the directory first and then among those
// whom the audit knows by it, and by id.
func (l Ledger) find(ctx context.Context, name string) (w who, err error) {
	w.Facts, err = l.Directory.Find(ctx, name)
	w.here = err == nil
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return w, err // it may still be there
	}
	if !w.here {
		w.Facts = account.Facts{}
		if w.ID, err = l.known(ctx, name); err != nil {
			return w, err
		}
	}
	if w.here {
		w.names = []string{w.Name}
	}
	err = l.events(ctx, func(e account.Event) error {
		if e.Subject == w.ID && e.Name != "" && !slices.Contains(w.names, e.Name) {
			w.names = append(w.names, e.Name)
		}
		return nil
	})
	if w.Name == "" && len(w.names) > 0 {
		w.Name = w.names[len(w.names)-1]
	}
	return w, err
}

// known is who had the login, or has the id, as far as the audit knows.
func (l Ledger) known(ctx context.Context, name string) (account.ID, error) {
	var ids []account.ID
	asID := false
	err := l.events(ctx, func(e account.Event) error {
		if e.Subject == "" {
			return nil
		}
		asID = asID || string(e.Subject) == name
		if strings.EqualFold(e.Name, name) && !slices.Contains(ids, e.Subject) {
			ids = append(ids, e.Subject)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if !asID && len(ids) == 0 {
		snap, err := l.Store.Load(ctx, account.ID(name))
		if err != nil {
			return "", err
		}
		asID = snap.Version > 0
	}
	switch {
	case asID:
		return account.ID(name), nil
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return "", ledger.ErrSeveral
	default:
		return "", account.ErrNotFound
	}
}

// Person implements ledger.Source.
func (l Ledger) Person(ctx context.Context, o ledger.Order) (d ledger.Dossier, err error) {
	w, err := l.find(ctx, o.Name)
	if err != nil {
		return d, err
	}
	if err := l.noted(ctx, account.Event{Act: account.ActExport, Actor: o.Operator, Subject: w.ID, Name: w.Name, Note: "all that is kept"}); err != nil {
		return d, err
	}
	snap, err := l.Store.Load(ctx, w.ID)
	if err != nil {
		return d, err
	}
	tries, err := l.Store.Tries(ctx, w.ID, lastTries)
	if err != nil {
		return d, err
	}
	kept, err := l.Store.Kept(ctx, w.ID)
	if err != nil {
		return d, err
	}
	shown := view.Person(enroll.Overview{Facts: w.Facts, Snapshot: snap, Tries: tries}, l.Now())
	d = ledger.Dossier{Made: l.Now().UTC(), ID: w.ID, Name: w.Name, InDirectory: w.here, DisplayName: w.DisplayName, Mail: w.Mail,
		Groups: shown.Groups, InviteRequired: snap.InviteRequired, UsedAppPass: snap.Synced, Records: shown.Records, Tries: shown.Tries,
		Tokens: []ledger.Token{}, Counted: []ledger.Counted{}, Events: []api.Event{}}
	for _, t := range kept.Tokens {
		d.Tokens = append(d.Tokens, ledger.Token{Kind: t.Kind, Created: t.Created, Expires: t.Expires, Data: readable(t.Data)})
	}
	for what, times := range kept.Counted {
		d.Counted = append(d.Counted, ledger.Counted{What: what, Tries: len(times), Last: times[len(times)-1]})
	}
	slices.SortFunc(d.Counted, func(a, b ledger.Counted) int { return strings.Compare(a.What, b.What) })
	mine := dossier.Who{ID: w.ID, Names: w.names}
	return d, l.events(ctx, func(e account.Event) error {
		if mine.Is(e) {
			d.Events = append(d.Events, view.Event(e))
		}
		return nil
	})
}

// readable is what was noted with a token, where it is text.
func readable(data []byte) string {
	if !utf8.Valid(data) {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, string(data))
}

// Erase implements ledger.Source. Records and sessions end through a change first,
// which is noted in the journal: a restore of an older backup erases the person again.
func (l Ledger) Erase(ctx context.Context, o ledger.Order) (gone ledger.Erased, err error) {
	w, err := l.find(ctx, o.Name)
	if err != nil {
		return gone, err
	}
	if w.here && !o.StillHere {
		return gone, ledger.ErrStillHere
	}
	records := 0
	// The event names nobody: it is what stays.
	e := account.Event{At: l.Now(), Act: account.ActErase, Actor: o.Operator, FrontEnd: frontEnd, Note: o.Reason, Ticket: o.Ticket}
	for range rounds {
		var snap account.Snapshot
		if snap, err = l.Store.Load(ctx, w.ID); err != nil {
			return gone, err
		}
		c := account.Change{Subject: w.ID, Version: snap.Version, Erased: true, Events: []account.Event{e}}
		for _, r := range snap.Records {
			c.Delete = append(c.Delete, r.ID)
		}
		records = len(c.Delete)
		if err = l.Store.Commit(ctx, c); !errors.Is(err, account.ErrConflict) {
			break
		}
	}
	if err != nil {
		return gone, err
	}
	l.Record(e)
	did, err := l.Store.Erase(ctx, dossier.Who{ID: w.ID, Names: append(w.names, o.Name)})
	return ledger.Erased{ID: w.ID, Records: records + did.Records, Tokens: did.Tokens, Tries: did.Tries, Events: did.Events}, err
}
