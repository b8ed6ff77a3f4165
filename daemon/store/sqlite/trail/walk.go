package trail

import (
	"github.com/sallyport/sallyport/daemon/store"
)

// Row is an event as it lies in the table.
type Row struct {
	Seq       int64
	Body, MAC []byte
	// Redone is the signature of a body that has lost something; empty where it is
	// as it was written first.
	Redone []byte
}

// End is the number and the link of an event, and the seal that says that the
// audit ends, or begins, there.
type End struct {
	Seq       int64
	MAC, Seal []byte
}

// Walker goes over the audit, event by event, and finds the first that is missing,
// changed or out of place. The zero Seq and Link are the begin of an audit that has
// lost nothing.
type Walker struct {
	Vault store.Vault
	// Anchors are compared on the way; nil is none.
	Anchors *Anchors
	// Seq and Link are those of the last event.
	Seq  int64
	Link []byte
	// Broken is the number of the first event that is not as it was written, 0 if
	// there is none; Why says what is the matter.
	Broken int64
	Why    string
}

func (w *Walker) broken(seq int64, why string) {
	if w.Broken == 0 {
		w.Broken, w.Why = seq, why
	}
}

// Begin starts behind what has had its time; nil means that nothing has.
func (w *Walker) Begin(foot *End) {
	if foot == nil {
		return
	}
	if !w.Vault.IsFoot(foot.Seq, foot.MAC, foot.Seal) {
		w.broken(max(1, foot.Seq), "the audit does not begin here")
	}
	w.Seq, w.Link = foot.Seq, foot.MAC
	w.Anchors.begin(w.Vault, *foot)
}

// Next takes the next event.
func (w *Walker) Next(r Row) {
	e, err := store.ParseEvent(r.Body)
	switch {
	case r.Seq != w.Seq+1:
		w.broken(w.Seq+1, "it is missing")
	case err != nil || e.Seq != r.Seq || !w.genuine(r):
		w.broken(r.Seq, "it is not as it was written")
	}
	w.Seq, w.Link = r.Seq, r.MAC
	w.Anchors.next(w.Vault, r, e)
}

// genuine tells whether the row is what was written, or signed later, behind the
// last one.
func (w *Walker) genuine(r Row) bool {
	if len(r.Redone) > 0 {
		return w.Vault.IsRedone(store.Place{Seq: r.Seq, Previous: w.Link, Link: r.MAC}, r.Body, r.Redone)
	}
	return w.Vault.IsChain(w.Link, r.Body, r.MAC)
}

// End compares with the note of the end; nil means that there is none.
func (w *Walker) End(head *End) {
	if head == nil {
		head = &End{}
	}
	if (head.Seq > 0 || w.Seq > 0) && (head.Seq != w.Seq || !store.Same(head.MAC, w.Link) || !w.Vault.IsHead(head.Seq, w.Link, head.Seal)) {
		w.broken(w.Seq+1, "the audit does not end here")
	}
	w.Anchors.end(w)
}
