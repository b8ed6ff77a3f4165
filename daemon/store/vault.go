package store

import (
	"crypto/hmac"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// schema names the way in which rows are bound to their place. It is part of
// every binding, so that a later way can never be mistaken for this one.
const schema = "sallyport rows 1"

// Vault binds rows to their place: a payload to its record, a token's data to
// its token, a person's rows to each other, an event to the one before. Who
// can write to the database but has no key can move, change or add none of
// them unnoticed. What it cannot see is all rows of one person put back to an
// older state together; the audit remembers that.
type Vault struct {
	Sealer Sealer
	// Instance is the random name of this installation's store.
	Instance string
}

// SealPayload seals a payload for the one record that it belongs to.
func (v Vault) SealPayload(r account.Record) ([]byte, error) {
	return v.Sealer.Seal(r.Payload, v.payloadPlace(r))
}

// OpenPayload opens r.Payload as it is in the database.
func (v Vault) OpenPayload(r account.Record) ([]byte, error) {
	return v.Sealer.Open(r.Payload, v.payloadPlace(r))
}

func (v Vault) payloadPlace(r account.Record) []byte {
	return place(make([]byte, 0, 256), schema, "payload", v.Instance, string(r.Subject), r.Factor, r.ID)
}

// SealToken seals a token's data for the one token that it belongs to. Empty
// data is sealed too: the seal is what makes the row genuine.
func (v Vault) SealToken(t account.Token) ([]byte, error) {
	return v.Sealer.Seal(t.Data, v.tokenPlace(t))
}

// OpenToken opens t.Data as it is in the database.
func (v Vault) OpenToken(t account.Token) ([]byte, error) {
	return v.Sealer.Open(t.Data, v.tokenPlace(t))
}

func (v Vault) tokenPlace(t account.Token) []byte {
	b := place(make([]byte, 0, 256), schema, "token", v.Instance, string(t.Kind), string(t.Hash[:]), string(t.Subject))
	return number(b, Nanos(t.Created), Nanos(t.Expires))
}

// State is the fingerprint of all that decides about a person: version,
// invite flag, whether an app password has ever let them in, and each record with its sealed payload. When and from where a
// record was last used stays outside, so that noting it costs no fingerprint.
func (v Vault) State(s account.Snapshot) []byte {
	return v.Sealer.MAC("state", v.stateOf(s))
}

// IsState tells whether mac is the fingerprint of s.
func (v Vault) IsState(s account.Snapshot, mac []byte) bool {
	return v.Sealer.Genuine("state", v.stateOf(s), mac)
}

func (v Vault) stateOf(s account.Snapshot) []byte {
	records := slices.Clone(s.Records)
	slices.SortFunc(records, func(a, b account.Record) int { return strings.Compare(a.ID, b.ID) })
	b := place(make([]byte, 0, 256+256*len(records)), schema, v.Instance, string(s.Subject))
	b = number(b, s.Version, flag(s.InviteRequired), int64(len(records)))
	for _, r := range records {
		b = place(b, r.ID, r.Factor, r.Label, string(r.Payload))
		b = number(b, Nanos(r.Created), flag(r.Pending), Nanos(r.Revoked), Nanos(r.Expires),
			int64(r.Uses), int64(r.Format), int64(len(r.Services)))
		b = place(b, r.Services...)
	}
	// At the end, and only where there are any: who has marked nothing has the
	// fingerprint of before there were marks.
	for _, r := range records {
		if r.Device != "" {
			b = place(b, r.ID, r.Device)
		}
	}
	if s.Synced {
		b = place(b, "synced")
	}
	return b
}

// Chain is the fingerprint of an event: of its canonical bytes (AppendEvent)
// and the fingerprint of the event before, which is empty for the first.
func (v Vault) Chain(previous, event []byte) []byte {
	return v.Sealer.MAC("audit", v.linkOf(previous, event))
}

// IsChain tells whether mac is the link of event after previous.
func (v Vault) IsChain(previous, event, mac []byte) bool {
	return v.Sealer.Genuine("audit", v.linkOf(previous, event), mac)
}

func (v Vault) linkOf(previous, event []byte) []byte {
	b := make([]byte, 0, 128+len(event))
	b = place(b, schema, "event", v.Instance, string(previous))
	return append(b, event...)
}

// Head is the fingerprint of the end of the audit, so that events missing
// there are noticed.
func (v Vault) Head(seq int64, chain []byte) []byte {
	return v.Sealer.MAC("audit", v.headOf(seq, chain))
}

// IsHead tells whether mac is the fingerprint of an end of the audit.
func (v Vault) IsHead(seq int64, chain, mac []byte) bool {
	return v.Sealer.Genuine("audit", v.headOf(seq, chain), mac)
}

func (v Vault) headOf(seq int64, chain []byte) []byte {
	return number(place(nil, schema, "head", v.Instance, string(chain)), seq)
}

// Foot is the fingerprint of where the audit begins, once its oldest events have
// had their time: the number and the link of the last that went.
func (v Vault) Foot(seq int64, chain []byte) []byte {
	return v.Sealer.MAC("audit", v.footOf(seq, chain))
}

// IsFoot tells whether mac is the fingerprint of a begin of the audit.
func (v Vault) IsFoot(seq int64, chain, mac []byte) bool {
	return v.Sealer.Genuine("audit", v.footOf(seq, chain), mac)
}

func (v Vault) footOf(seq int64, chain []byte) []byte {
	return number(place(nil, schema, "foot", v.Instance, string(chain)), seq)
}

// Anchor is the fingerprint of a note, kept elsewhere, that the audit went up to
// that event at that time.
func (v Vault) Anchor(seq int64, chain []byte, at time.Time) []byte {
	return v.Sealer.MAC("audit", v.anchorOf(seq, chain, at))
}

// IsAnchor tells whether mac is the fingerprint of such a note.
func (v Vault) IsAnchor(a Place, at time.Time, mac []byte) bool {
	return v.Sealer.Genuine("audit", v.anchorOf(a.Seq, a.Link, at), mac)
}

func (v Vault) anchorOf(seq int64, chain []byte, at time.Time) []byte {
	return number(place(nil, schema, "anchor", v.Instance, string(chain)), seq, Nanos(at))
}

// Place is where an event stands in the chain: its number, the link before it and
// its own.
type Place struct {
	Seq            int64
	Previous, Link []byte
}

// Redone is the fingerprint of what is left of an event that has lost something, in
// its place. The link stays that of the whole event, and with it the chain.
func (v Vault) Redone(p Place, body []byte) []byte {
	return v.Sealer.MAC("audit", v.redoneOf(p, body))
}

// IsRedone tells whether mac is the fingerprint of what is left of an event.
func (v Vault) IsRedone(p Place, body, mac []byte) bool {
	return v.Sealer.Genuine("audit", v.redoneOf(p, body), mac)
}

func (v Vault) redoneOf(p Place, body []byte) []byte {
	return number(place(nil, schema, "redone", v.Instance, string(p.Previous), string(p.Link), string(body)), p.Seq)
}

// Same compares two fingerprints in constant time.
func Same(a, b []byte) bool { return hmac.Equal(a, b) }

// Nanos writes a time as nanoseconds since 1970, the zero time as 0.
func Nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// Time is the reverse of Nanos, in UTC.
func Time(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// place appends each part after its length, so that no two lists of parts
// have the same bytes.
func place(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func number(b []byte, values ...int64) []byte {
	for _, n := range values {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func flag(f bool) int64 {
	if f {
		return 1
	}
	return 0
}
