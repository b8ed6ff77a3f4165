// Package witness asks one factor plugin, and believes only what the contract
// allows it to say.
//
// A plugin may match one of the records that it was shown, rewrite that one,
// and count its uses down; whatever else it answers is no answer, and a lie is
// told as one. The package decides no login, counts nothing and stores
// nothing: that is package check, to which it belongs and which alone may call
// it.
package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// ErrLied means that the plugin broke the contract with an accept. The
// operator must hear of it.
var ErrLied = errors.New("the plugin accepted what it cannot accept")

// Factor is one plugin with its shape compiled.
type Factor struct {
	Info   factor.Info
	plugin factor.Factor
	shape  *regexp.Regexp
}

// New compiles the shape, and refuses what a factor must not say of itself.
func New(info factor.Info, plugin factor.Factor) (*Factor, error) {
	shape, err := regexp.Compile(info.Shape)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading its shape: %w", err)
	case plugin == nil || info.Kind == "" || info.Digits < 0:
		return nil, errors.New("it has no plugin, no kind, or a negative number of digits")
	case info.Claims && info.Guessable:
		return nil, errors.New("it claims inputs that can be guessed: those would be tried without being counted")
	}
	shape.Longest()
	return &Factor{Info: info, plugin: plugin, shape: shape}, nil
}

// Fits tells whether the whole input has the factor's shape. What does not fit
// is never shown to the plugin.
func (f *Factor) Fits(input account.Secret) bool {
	at := f.shape.FindStringIndex(input.Reveal())
	return at != nil && at[0] == 0 && at[1] == len(input)
}

// Testimony is what a plugin said, as far as it may.
type Testimony struct {
	Accept bool
	// Reason and Drift explain a no.
	Reason factor.Reason
	Drift  time.Duration
	// Record is the one that matched, as it must be stored before the yes.
	Record account.Record
	// Rewritten says that the record differs from the stored one.
	Rewritten bool
}

// Ask asks whether the input matches one of the records. An error means that
// nobody could tell; ErrLied is told apart.
func (f *Factor) Ask(ctx context.Context, input account.Secret, records []account.Record, now time.Time) (Testimony, error) {
	req := factor.Request{Input: input.Reveal(), Now: now, Records: make([]factor.Record, len(records))}
	for i, r := range records {
		req.Records[i] = factor.Record{ID: r.ID, Format: r.Format, Payload: slices.Clone(r.Payload)}
	}
	res, err := f.plugin.Verify(ctx, req)
	at := slices.IndexFunc(records, func(r account.Record) bool { return r.ID == res.Record })
	switch {
	case err != nil && res.Verdict == factor.Accept:
		return Testimony{}, fmt.Errorf("asking factor %s: an error with an accept: %w", f.Info.Kind, ErrLied)
	case err != nil:
		return Testimony{}, fmt.Errorf("asking factor %s: %w", f.Info.Kind, err)
	case res.Verdict == factor.Deny:
		return Testimony{Reason: res.Reason, Drift: res.Drift}, nil
	case res.Verdict != factor.Accept:
		return Testimony{}, fmt.Errorf("asking factor %s: %w", f.Info.Kind, account.ErrUnavailable)
	case at < 0:
		return Testimony{}, fmt.Errorf("asking factor %s: an accept with a record that it was not shown: %w", f.Info.Kind, ErrLied)
	case len(res.Payload) > factor.MaxPayload:
		return Testimony{}, fmt.Errorf("asking factor %s: a payload out of bounds: %w", f.Info.Kind, ErrLied)
	}
	got := believe(res, records[at])
	if f.Info.Guessable && !got.Rewritten {
		// Its input would be good for a second time.
		return Testimony{}, fmt.Errorf("asking factor %s: an accept that uses nothing up: %w", f.Info.Kind, ErrLied)
	}
	return got, nil
}

// believe applies what an accept may change about its record. An empty payload
// changes nothing, so that no plugin can wipe a record.
func believe(res factor.Result, r account.Record) Testimony {
	t := Testimony{Accept: true, Record: r}
	if len(res.Payload) > 0 && !bytes.Equal(res.Payload, r.Payload) {
		t.Rewritten = true
		t.Record.Payload, t.Record.Format = res.Payload, res.Format
	}
	if r.Uses > 0 {
		// The plugin may only count down: a use is never given back.
		t.Rewritten = true
		t.Record.Uses = max(0, min(res.Uses, r.Uses-1))
	}
	return t
}

// ofKind returns the records of one factor.
func ofKind(snap account.Snapshot, kind string) []account.Record {
	return slices.DeleteFunc(slices.Clone(snap.Records), func(r account.Record) bool { return r.Factor != kind })
}

// Active returns the records of one factor that can let somebody in.
func Active(snap account.Snapshot, kind string, now time.Time) []account.Record {
	return slices.DeleteFunc(ofKind(snap, kind), func(r account.Record) bool { return !r.Active(now) })
}

// Ended returns the records of one factor that once could, and explain a no.
func Ended(snap account.Snapshot, kind string, now time.Time) []account.Record {
	return slices.DeleteFunc(ofKind(snap, kind), func(r account.Record) bool { return r.Pending || r.Active(now) })
}

// Fate is why a record of those that Ended returns lets nobody in.
func Fate(r account.Record) account.Reason {
	if !r.Revoked.IsZero() {
		return account.AppPasswordRevoked
	}
	return account.AppPasswordExpired
}

// Used notes place and time of an attempt in the record.
func Used(r account.Record, a account.Attempt, now time.Time) account.Record {
	r.LastUsed, r.LastAgent, r.LastService = now, a.Client.Agent, a.Service
	if a.Client.Addr.IsValid() {
		r.LastFrom = a.Client.Addr.String()
	}
	return r
}

// GoodFor tells whether the record may be used at the service.
func GoodFor(r account.Record, service string) bool {
	return len(r.Services) == 0 || slices.Contains(r.Services, service)
}
