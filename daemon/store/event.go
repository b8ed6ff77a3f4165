package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// eventFormat is the first byte of an event's canonical bytes. A later format
// gets another number; ParseEvent reads all that were ever written.
const eventFormat = 1

// AppendEvent appends the canonical bytes of an event, which are what the
// audit keeps and what Vault.Chain covers.
//
// Format 1: the byte 1; then Seq, At and Took (nanoseconds), Count and Verdict
// as 64-bit big-endian numbers; then act, subject, name, actor, service, front
// end, factor, record, label, reason, address, agent, note and ticket, each as
// a 32-bit big-endian length and its bytes. A verdict that is none is written
// as unavailable, so that everything written can be read.
func AppendEvent(b []byte, e account.Event) []byte {
	if e.Verdict > factor.Accept {
		e.Verdict = factor.Unavailable
	}
	b = append(b, eventFormat)
	b = number(b, e.Seq, Nanos(e.At), int64(e.Took), int64(e.Count), int64(e.Verdict))
	return place(b, string(e.Act), string(e.Subject), e.Name, e.Actor, e.Service, e.FrontEnd, e.Factor,
		e.Record, e.Label, string(e.Reason), e.Address, e.Agent, e.Note, e.Ticket)
}

// ParseEvent is the reverse of AppendEvent. It takes nothing but what
// AppendEvent writes.
func ParseEvent(b []byte) (account.Event, error) {
	if len(b) == 0 || b[0] != eventFormat {
		return account.Event{}, errors.New("event in an unknown format")
	}
	r := reader{rest: b[1:]}
	e := account.Event{Seq: r.number(), At: Time(r.number()), Took: time.Duration(r.number()), Count: int(r.number())}
	verdict := r.number()
	if verdict < int64(factor.Unavailable) || verdict > int64(factor.Accept) {
		return account.Event{}, fmt.Errorf("event with verdict %d", verdict)
	}
	e.Verdict = factor.Verdict(verdict)
	e.Act, e.Subject = account.Act(r.text()), account.ID(r.text())
	e.Name, e.Actor, e.Service, e.FrontEnd, e.Factor = r.text(), r.text(), r.text(), r.text(), r.text()
	e.Record, e.Label = r.text(), r.text()
	e.Reason = account.Reason(r.text())
	e.Address, e.Agent, e.Note, e.Ticket = r.text(), r.text(), r.text(), r.text()
	if r.short || len(r.rest) > 0 {
		return account.Event{}, errors.New("event of the wrong length")
	}
	return e, nil
}

// reader takes numbers and texts off a row of bytes; short is set for good
// once there are too few.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if r.short || n > len(r.rest) {
		r.short = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) number() int64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

func (r *reader) text() string {
	b := r.take(4)
	if b == nil {
		return ""
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(r.rest)) {
		r.short = true
		return ""
	}
	return string(r.take(int(n)))
}
