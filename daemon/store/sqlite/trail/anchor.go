package trail

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// Anchor is a note that the audit went up to that event at that time. It is kept
// where the database is not: whoever cuts the audit off, or puts an older copy of
// it back, cannot change what was noted there.
type Anchor struct {
	Seq  int64
	At   time.Time
	Link []byte
	// Seal says that the daemon has made the note.
	Seal []byte
}

// mark begins the text of an anchor, so that it is found in a line of any log.
const mark = "sallyport-anchor:"

// String is one word, which FindAnchors finds.
func (a Anchor) String() string {
	return fmt.Sprintf("%s%d:%d:%x:%x", mark, a.Seq, store.Nanos(a.At), a.Link, a.Seal)
}

// FindAnchors reads what String has written out of any text, such as a log. Whether
// they are genuine only the key tells.
func FindAnchors(text []byte) (all []Anchor) {
	for {
		i := bytes.Index(text, []byte(mark))
		if i < 0 {
			return all
		}
		text = text[i+len(mark):]
		word := text
		if end := bytes.IndexFunc(word, func(r rune) bool { return (r < '0' || r > ':') && (r < 'a' || r > 'f') }); end >= 0 {
			word = word[:end]
		}
		if a, err := parse(strings.TrimRight(string(word), ":")); err == nil {
			all = append(all, a)
		}
	}
}

// parse reads an anchor behind its mark.
func parse(word string) (a Anchor, err error) {
	parts := strings.Split(word, ":")
	if len(parts) != 4 {
		return a, errors.New("this is no anchor")
	}
	var nanos int64
	for i, into := range []*int64{&a.Seq, &nanos} {
		if *into, err = strconv.ParseInt(parts[i], 10, 64); err != nil {
			return a, err
		}
	}
	for i, into := range []*[]byte{&a.Link, &a.Seal} {
		if *into, err = hex.DecodeString(parts[i+2]); err != nil {
			return a, err
		}
	}
	a.At = store.Time(nanos)
	return a, nil
}

// NewAnchor notes where the audit ends now.
func NewAnchor(v store.Vault, end End, at time.Time) Anchor {
	at = store.Time(store.Nanos(at))
	return Anchor{Seq: end.Seq, At: at, Link: end.MAC, Seal: v.Anchor(end.Seq, end.MAC, at)}
}

// Anchors are compared with the audit while a Walker goes over it.
type Anchors struct {
	// Held agree with the audit; Newest is the last of those. Older are from before
	// the audit begins, and Restored of a copy that a restore has replaced since.
	Held, Older, Restored int
	Newest                Anchor

	open     map[int64][]Anchor
	first    time.Time // of the first event
	foot     int64
	restored []Anchor // numbers and times of the events that tell of a restore
}

// Compare begins to compare.
func Compare(all []Anchor) *Anchors {
	a := &Anchors{open: map[int64][]Anchor{}}
	for _, one := range all {
		a.open[one.Seq] = append(a.open[one.Seq], one)
	}
	return a
}

// pass takes the anchors of the event that has that number and link.
func (a *Anchors) pass(v store.Vault, seq int64, link []byte) {
	var other []Anchor
	for _, one := range a.open[seq] {
		if !store.Same(one.Link, link) || !genuine(v, one) {
			other = append(other, one)
			continue
		}
		if a.Held++; one.Seq > a.Newest.Seq || one.At.After(a.Newest.At) {
			a.Newest = one
		}
	}
	a.open[seq] = other
}

func genuine(v store.Vault, a Anchor) bool {
	return v.IsAnchor(store.Place{Seq: a.Seq, Link: a.Link}, a.At, a.Seal)
}

// begin is told where the audit begins.
func (a *Anchors) begin(v store.Vault, foot End) {
	if a != nil {
		a.foot = foot.Seq
		a.pass(v, foot.Seq, foot.MAC)
	}
}

// next is told of each event.
func (a *Anchors) next(v store.Vault, r Row, e account.Event) {
	if a == nil {
		return
	}
	if a.first.IsZero() {
		a.first = e.At
	}
	if e.Act == account.ActRestore {
		a.restored = append(a.restored, Anchor{Seq: r.Seq, At: e.At})
	}
	if len(a.open[r.Seq]) > 0 {
		a.pass(v, r.Seq, r.MAC)
	}
}

// end judges those that are left. The first event that is not the one that was
// noted is broken.
func (a *Anchors) end(w *Walker) {
	if a == nil {
		return
	}
	at, why := int64(0), ""
	for _, some := range a.open {
		for _, one := range some {
			switch {
			case a.replaced(one):
				a.Restored++
			case a.before(one) && genuine(w.Vault, one):
				a.Older++
			default:
				if seq, reason := a.judge(w, one); at == 0 || seq < at {
					at, why = seq, reason
				}
			}
		}
	}
	if at > 0 {
		w.broken(at, why)
	}
}

// replaced tells whether the audit itself says that a backup was restored after that
// note, to a place before it.
func (a *Anchors) replaced(one Anchor) bool {
	for _, r := range a.restored {
		if r.Seq <= one.Seq && r.At.After(one.At) {
			return true
		}
	}
	return false
}

// before tells whether the audit of then has had its time. An audit that has lost
// nothing begins with its first event, whatever that says.
func (a *Anchors) before(one Anchor) bool {
	return one.Seq < a.foot || a.foot > 0 && !a.first.IsZero() && one.At.Before(a.first)
}

func (a *Anchors) judge(w *Walker, one Anchor) (seq int64, why string) {
	then := one.At.UTC().Format(time.RFC3339)
	switch {
	case !genuine(w.Vault, one):
		return one.Seq, "the anchor of " + then + " is not sealed with a key of this daemon: it was changed, it is another installation's, or keys of before were put back"
	case one.Seq > w.Seq:
		return w.Seq + 1, fmt.Sprintf("it is missing: at %s the audit went up to event %d; its end was cut off, or an older copy put back", then, one.Seq)
	default:
		return one.Seq, "it is not the one that was there at " + then + ": an older copy was put back, and the audit went on from there"
	}
}
