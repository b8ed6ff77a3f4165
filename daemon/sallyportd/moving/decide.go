package moving

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor"
)

// decide says what becomes of a person's items, and returns the change that does
// it, or nil where there is nothing to do.
func (t *taking) decide(its []*item, snap account.Snapshot) *account.Change {
	now := t.Now()
	if snap.InviteRequired {
		// A phone that was lost must not come back with an old file.
		t.tell(its, Refused, "support has reset the person since: their next set-up is the one with the invite code")
		return nil
	}
	fresh := slices.DeleteFunc(slices.Clone(its), func(it *item) bool { return t.here(it, snap, now) })
	if len(fresh) == 0 {
		return nil
	}
	var theirs []account.Record // what they have that is not of these files
	for _, r := range records.ActiveOf(snap, t.Kind, now) {
		if !slices.ContainsFunc(its, func(it *item) bool { return it.record.ID == r.ID }) {
			theirs = append(theirs, r)
		}
	}
	if len(theirs) > 0 && !t.Replace {
		t.tell(fresh, Skipped, fmt.Sprintf("has a code app here already, connected on %s; --replace puts this one in its place", theirs[0].Created.UTC().Format(time.DateOnly)))
		return nil
	}
	if room := t.Most - (len(its) - len(fresh)); len(fresh) > room {
		t.tell(fresh[max(0, room):], Refused, fmt.Sprintf("a person can have %d at most, and these are more", t.Most))
		fresh = fresh[:max(0, room)]
	}
	if len(fresh) == 0 {
		return nil
	}
	return t.change(fresh, theirs, snap)
}

// here tells what is in already, or was.
func (t *taking) here(it *item, snap account.Snapshot, now time.Time) bool {
	at := slices.IndexFunc(snap.Records, func(r account.Record) bool { return r.ID == it.record.ID })
	switch {
	case at < 0:
		return false
	case snap.Records[at].Active(now):
		t.whole([]*item{it}, Present, "")
	default:
		t.tell([]*item{it}, Refused, "it was here, and has ended since")
	}
	return true
}

// change puts the fresh records in, in the place of theirs.
func (t *taking) change(fresh []*item, theirs []account.Record, snap account.Snapshot) *account.Change {
	c := &account.Change{Subject: snap.Subject, Version: snap.Version, EndTokens: devices.Levels()}
	result, act := Imported, account.ActImport
	if len(theirs) > 0 {
		result = Replaced
	}
	if t.Notify {
		act = account.ActEnroll
		if len(theirs) > 0 {
			act = account.ActReplace
		}
	}
	for _, it := range fresh {
		c.Put = append(c.Put, it.record)
	}
	for _, r := range snap.Records {
		old := slices.ContainsFunc(theirs, func(o account.Record) bool { return o.ID == r.ID })
		switch {
		case old, r.Factor == t.Kind && r.Pending:
			// Who was about to set up would have two phones, one of them half.
			c.Delete = append(c.Delete, r.ID)
		case r.Device != "" && slices.ContainsFunc(theirs, func(o account.Record) bool { return o.ID == r.Device }):
			r.Device, r.Payload = "", nil // a nil payload stays as it is
			if len(fresh) == 1 {
				r.Device = fresh[0].record.ID
			}
			c.Put = append(c.Put, r)
		}
	}
	first, from := fresh[0], t.out[fresh[0].at]
	e := account.Event{
		At: t.Now(), Act: act, Subject: first.who.ID, Name: first.who.Name, Actor: t.Operator, FrontEnd: frontEnd, Factor: t.Kind,
		Record: first.record.ID, Label: first.record.Label, Verdict: factor.Accept, Reason: account.OK, Note: noteOf(len(fresh), len(theirs), from.File),
	}
	c.Events = []account.Event{e}
	t.whole(fresh, result, "")
	return c
}

// noteOf says in one line where records came from.
func noteOf(fresh, theirs int, file string) string {
	note := "imported from " + printable(file)
	if fresh > 1 {
		note = fmt.Sprintf("%d imported from %s", fresh, printable(file))
	}
	if theirs > 0 {
		note += fmt.Sprintf(", in the place of %d", theirs)
	}
	return note
}

// printable is a name for the audit, in one line.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
}
