package totp

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	// window is how many steps to either side of now a code is good for.
	window = 1
	// explained is how far off a wrong code may be and still be explained.
	explained = 10 * time.Minute
)

// Verify accepts a code of exactly the record's number of ASCII digits, whose
// step lies in the window and after the last accepted one; the result carries
// the payload with the step spent. Of several records that match, the one with
// the smallest id is taken.
//
// A code of a spent step is denied as Used, naming its record. A wrong code
// that would be right up to ten minutes away tells the Drift of that clock.
// All records are looked at before anything is decided, so that time does not
// tell which of them matched. A record that cannot be read is an error, as is
// a clock before 1970.
func (Factor) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	if err := ctx.Err(); err != nil {
		return factor.Result{}, err
	}
	now := r.Now.Unix()
	if now < 0 {
		return factor.Result{}, errors.New("checking a totp code: the clock is before 1970")
	}
	devices := make([]device, len(r.Records))
	for i, record := range r.Records {
		d, err := parse(record)
		if err != nil {
			return factor.Result{}, fmt.Errorf("checking a totp code: record %q: %w", record.ID, err)
		}
		devices[i] = d.spend(r.Floor)
	}
	best, err := closest(ctx, r, devices, false)
	if err == nil && !best.any() {
		// Only refusals pay for the wider look, and all of them do: wrong and
		// used take the same time.
		best, err = closest(ctx, r, devices, true)
	}
	if err != nil {
		return factor.Result{}, fmt.Errorf("checking a totp code: %w", err)
	}
	return best.result(r, devices), nil
}

// spend gives up every step that may have been accepted at the floor or before:
// up to the last one that was in the window then.
func (d device) spend(floor time.Time) device {
	if at := floor.Unix(); !floor.IsZero() && at >= 0 {
		d.last = max(d.last, uint64(at/int64(d.period)+window))
	}
	return d
}

// none is the index of no record.
const none = -1

// finding is where a code was found.
type finding struct {
	// record is the index of the record that has the code, or none.
	record int
	step   uint64
	// off is how many steps away from now it is.
	off int64
	// spent says that the step was accepted before, or lies before one.
	spent bool
}

// closest looks the code up in all devices: for fresh steps in the window, or,
// in the wide search, for any step worth explaining. A spent step counts only
// in the wide search, and there before all others.
func closest(ctx context.Context, r factor.Request, devices []device, wide bool) (finding, error) {
	best := finding{record: none}
	for i, d := range devices {
		if err := ctx.Err(); err != nil {
			return finding{}, err
		}
		if len(r.Input) != int(d.digits) {
			continue
		}
		found, err := d.find(r.Input, r.Now.Unix(), wide)
		if err != nil {
			return finding{}, err
		}
		if !found.any() {
			continue
		}
		found.record = i
		if found.before(best, r.Records) {
			best = found
		}
	}
	return best, nil
}

func (f finding) any() bool { return f.record != none }

// before says whether f is to be preferred: spent steps, then the nearer ones,
// then the smaller id. In the narrow search only the id counts.
func (f finding) before(g finding, records []factor.Record) bool {
	switch {
	case !g.any():
		return true
	case f.spent != g.spent:
		return f.spent
	case abs(f.off) > window || abs(g.off) > window:
		return abs(f.off) < abs(g.off)
	default:
		return records[f.record].ID < records[g.record].ID
	}
}

// find computes the code of every step in reach and compares each in constant
// time. Should two steps have the same code, the nearer one is meant.
func (d device) find(input string, now int64, wide bool) (finding, error) {
	best := finding{record: none}
	secret := d.base32()
	period := int64(d.period)
	reach := int64(window)
	if wide {
		reach = int64(explained/time.Second) / period
	}
	for off := -reach; off <= reach; off++ {
		step := now/period + off
		if step < 0 {
			continue
		}
		code, err := d.code(secret, uint64(step))
		if err != nil {
			return finding{}, fmt.Errorf("computing the code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(input)) != 1 {
			continue
		}
		spent := uint64(step) <= d.last
		if spent && !wide {
			continue
		}
		if !best.any() || abs(off) < abs(best.off) {
			best = finding{record: 0, step: uint64(step), off: off, spent: spent}
		}
	}
	return best, nil
}

func (f finding) result(r factor.Request, devices []device) factor.Result {
	switch {
	case !f.any():
		return factor.Result{Verdict: factor.Deny, Reason: factor.Wrong}
	case f.spent:
		return factor.Result{Verdict: factor.Deny, Reason: factor.Used, Record: r.Records[f.record].ID}
	}
	d := devices[f.record]
	if abs(f.off) > window {
		drift := time.Duration(f.off) * time.Duration(d.period) * time.Second
		return factor.Result{Verdict: factor.Deny, Reason: factor.Wrong, Drift: drift}
	}
	d.last = f.step
	return factor.Result{
		Verdict: factor.Accept,
		Record:  r.Records[f.record].ID,
		Payload: d.payload(),
		Format:  format,
	}
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
