package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store/journal"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
)

// atOnce is how many events are read at once.
const atOnce = 500

// fate is what the journal says of one person.
type fate struct {
	removed []string
	revoked map[string]time.Time
	left    map[string]int
	invite  bool
	synced  bool
	erased  bool
}

// fates gathers the notes by person, in their order.
func fates(notes []journal.Entry) (map[account.ID]*fate, []account.ID) {
	all, order := map[account.ID]*fate{}, []account.ID(nil)
	for _, n := range notes {
		f := all[n.Subject]
		if f == nil {
			f = &fate{revoked: map[string]time.Time{}, left: map[string]int{}}
			all[n.Subject], order = f, append(order, n.Subject)
		}
		f.removed = append(f.removed, n.Removed...)
		for _, id := range n.Revoked {
			f.revoked[id] = n.At
		}
		for id, n := range n.Left {
			f.left[id] = n
		}
		f.invite, f.synced, f.erased = f.invite || n.Invite, f.synced || n.Synced, f.erased || n.Erased
	}
	return all, order
}

// replay does again what was done since the backup, and sees to it that no code
// and no link of before is good once more.
func (r *restore) replay(ctx context.Context) error {
	notes, err := r.notes()
	if err != nil {
		return err
	}
	r.Notes, r.Floor = len(notes), r.State.Now().UTC()
	for _, n := range notes {
		if n.At.After(r.Floor) {
			r.Floor = n.At // the clock was put back
		}
	}
	all, order := fates(notes)
	erased := map[account.ID][]string{}
	for _, id := range order {
		if all[id].erased { // all of them that is in the backup is of before
			erased[id], r.Erased = nil, r.Erased+1
			continue
		}
		changed, err := r.again(ctx, id, all[id])
		if err != nil {
			return fmt.Errorf("applying the journal: %w", err)
		}
		if changed {
			r.People++
		}
	}
	if err := r.copy.db.File().EndTokens(ctx); err != nil {
		return err
	}
	if err := r.raise(ctx); err != nil {
		return err
	}
	if err := r.copy.store.Commit(ctx, account.Change{Version: -1, Events: []account.Event{r.told()}}); err != nil {
		return err
	}
	return r.erase(ctx, erased)
}

// erase removes all that is kept of these people, by every login that the audit knows
// them by. The journal names nobody.
func (r *restore) erase(ctx context.Context, people map[account.ID][]string) error {
	for after := int64(0); len(people) > 0; {
		some, err := r.copy.store.Events(ctx, after, atOnce)
		if err != nil {
			return err
		}
		if len(some) == 0 {
			break
		}
		for _, e := range some {
			if names, theirs := people[e.Subject]; theirs && !slices.Contains(names, e.Name) {
				people[e.Subject] = append(names, e.Name)
			}
		}
		after = some[len(some)-1].Seq
	}
	for id, names := range people {
		if _, err := r.copy.store.Erase(ctx, dossier.Who{ID: id, Names: names}); err != nil {
			return fmt.Errorf("erasing again whoever was erased since the backup: %w", err)
		}
	}
	return nil
}

// raise keeps the floor, which never sinks.
func (r *restore) raise(ctx context.Context) error {
	events, err := r.copy.store.Events(ctx, r.AuditHead-1, 1)
	if err != nil {
		return err
	}
	if len(events) > 0 && events[0].At.After(r.Floor) {
		r.Floor = events[0].At
	}
	return r.copy.db.File().RaiseFloor(ctx, r.Floor)
}

// again is one person's part. What is not there any more is done already.
func (r *restore) again(ctx context.Context, id account.ID, f *fate) (bool, error) {
	p, err := r.copy.store.Load(ctx, id)
	if err != nil {
		return false, err
	}
	c := account.Change{Subject: id, Version: p.Version}
	had, has, revoked := false, false, 0
	for _, rec := range p.Records {
		second := rec.Active(r.Floor) && r.Second(rec.Factor)
		had = had || second
		left, counted := f.left[rec.ID]
		at := f.revoked[rec.ID]
		switch {
		case slices.Contains(f.removed, rec.ID), counted && (rec.Uses < 0 || left < rec.Uses):
			// Which of several uses are gone only the factor knows; so all are.
			c.Delete = append(c.Delete, rec.ID)
		case !at.IsZero() && rec.Revoked.IsZero():
			rec.Revoked, rec.Payload = at, nil
			c.Put = append(c.Put, rec)
			revoked++
		default:
			has = has || second
		}
	}
	invite := !p.InviteRequired && (f.invite || had && !has)
	c.Synced = f.synced && !p.Synced
	if len(c.Put)+len(c.Delete) == 0 && !invite && !c.Synced {
		return false, nil
	}
	var did []string
	if n := len(c.Delete); n > 0 {
		did = append(did, fmt.Sprintf("%d removed", n))
	}
	if revoked > 0 {
		did = append(did, fmt.Sprintf("%d revoked", revoked))
	}
	if invite {
		c.InviteRequired = &invite
		did = append(did, "the next set-up needs an invite code")
	}
	if c.Synced {
		did = append(did, "an app password has been used")
	}
	c.Events = []account.Event{{At: r.State.Now(), Act: account.ActRestore, Subject: id, Actor: r.Operator, FrontEnd: "admin",
		Note: "done again after a restore: " + strings.Join(did, ", ")}}
	return true, r.copy.store.Commit(ctx, c)
}
