// Package factortest is the suite that every factor passes, in process and
// over the wire: what the contract in package factor says, as tests.
//
// A factor's author writes a Case, which tells what no suite can know (what a
// person would type), and calls Run. The cases of the house's own factors are
// here too, so that the same ones run on both sides of the wire.
//
// It does not test what only one factor promises; that is for the factor's own
// tests. Only tests import it.
package factortest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// Case is what the suite must be told of a factor.
type Case struct {
	// Settings are good settings for Enroll, or nil.
	Settings map[string]string
	// Right is what a person with this record types at that time.
	Right func(i factor.Issued, at time.Time) (string, error)
	// Wrong is well formed, and right for no record at or near that time.
	Wrong func(i factor.Issued, at time.Time) (string, error)
	// Parallel is how many calls the concurrency test makes at once; 0 means
	// 64. A slow factor behind a deadline needs fewer.
	Parallel int
	// Text is what another system knows of the record, where the factor takes and
	// gives back records (package transfer); nil says that it does not.
	Text func(i factor.Issued) string
}

// patience is the deadline of each call: long enough for a slow machine under
// the race detector, short enough to end a hang.
const patience = 30 * time.Second

// Run runs the whole suite against f.
func Run(t *testing.T, f factor.Factor, c Case) {
	s := &suite{f: f, c: c, now: time.Date(2027, 5, 1, 12, 0, 10, 0, time.UTC), people: map[byte]person{}}
	for _, part := range []struct {
		name string
		test func(*suite, *testing.T)
	}{
		{"info is sane and never changes", (*suite).info},
		{"enroll keeps the limits", (*suite).enrollLimits},
		{"enroll is determined by its input", (*suite).enrollDetermined},
		{"enroll refuses what it cannot use", (*suite).enrollRefuses},
		{"right is accepted", (*suite).right},
		{"right names its record among others", (*suite).rightAmongOthers},
		{"wrong is denied", (*suite).wrong},
		{"another person's input is denied", (*suite).foreign},
		{"no records is denied", (*suite).noRecords},
		{"zero values let nobody in", (*suite).zeroValues},
		{"replay is denied", (*suite).replay},
		{"verify is determined by its input", (*suite).verifyDetermined},
		{"the request is not touched", (*suite).untouched},
		{"unknown formats are errors", (*suite).unknownFormat},
		{"damaged payloads are errors", (*suite).damaged},
		{"hostile inputs are not accepted", (*suite).hostile},
		{"a cancelled context is an error", (*suite).cancelled},
		{"many at once agree", (*suite).concurrent},
		{"secrets are not printed", (*suite).redacted},
		{"records come in and leave, or do not", (*suite).transfers},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(s, t) })
	}
}

// suite is one run.
type suite struct {
	f   factor.Factor
	c   Case
	now time.Time
	// people have enrolled already; enrolling may be slow.
	people map[byte]person
}

// person is somebody with one record.
type person struct {
	issued factor.Issued
	record factor.Record
}

// entropy is a different but repeatable entropy for each seed.
func entropy(seed byte) []byte {
	e := make([]byte, factor.EntropySize)
	for i := range e {
		e[i] = seed*167 + byte(i)*byte(i+int(seed)) + byte(i>>2)
	}
	return e
}

func (s *suite) enrollment(seed byte) factor.Enrollment {
	return factor.Enrollment{
		Account:  fmt.Sprintf("person %d", seed),
		Issuer:   "Testhaus",
		Entropy:  entropy(seed),
		Now:      s.now,
		Settings: maps.Clone(s.c.Settings),
	}
}

// person is somebody who has enrolled. Each caller gets a payload of its own.
func (s *suite) person(t *testing.T, seed byte) person {
	t.Helper()
	p, ok := s.people[seed]
	if !ok {
		p.issued = s.enroll(t, s.enrollment(seed))
		p.record = factor.Record{ID: fmt.Sprintf("record-%d", seed), Format: p.issued.Format}
		s.people[seed] = p
	}
	p.record.Payload = bytes.Clone(p.issued.Payload)
	return p
}

func (s *suite) enroll(t *testing.T, e factor.Enrollment) factor.Issued {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	issued, err := s.f.Enroll(ctx, e)
	if err != nil {
		t.Fatalf("enrolling: %v", err)
	}
	return issued
}

// input is what somebody types.
func (s *suite) input(t *testing.T, what func(factor.Issued, time.Time) (string, error), i factor.Issued) string {
	t.Helper()
	input, err := what(i, s.now)
	if err != nil {
		t.Fatalf("the case does not know what to type: %v", err)
	}
	return input
}

func (s *suite) request(input string, records ...factor.Record) factor.Request {
	return factor.Request{Input: input, Records: records, Now: s.now}
}

// try verifies, whatever comes of it.
func (s *suite) try(r factor.Request) (factor.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.f.Verify(ctx, r)
}

// verify verifies, and demands an answer.
func (s *suite) verify(t *testing.T, r factor.Request) factor.Result {
	t.Helper()
	result, err := s.try(r)
	if err != nil {
		t.Fatalf("verifying: %v", err)
	}
	return result
}

// demandDeny checks everything that holds for each deny.
func demandDeny(t *testing.T, got factor.Result) {
	t.Helper()
	if got.Verdict != factor.Deny {
		t.Errorf("verdict %s, want deny", got.Verdict)
	}
	if got.Payload != nil {
		t.Error("a deny rewrites a payload")
	}
	switch got.Reason {
	case factor.Wrong, factor.Used, factor.Typo:
	default:
		t.Errorf("reason %q is not in the contract", got.Reason)
	}
}

// demandAccept checks everything that holds for each accept of p's record.
func demandAccept(t *testing.T, got factor.Result, p person) {
	t.Helper()
	if got.Verdict != factor.Accept {
		t.Fatalf("verdict %s (%s), want accept", got.Verdict, got.Reason)
	}
	if got.Record != p.record.ID {
		t.Errorf("record %q, want %q", got.Record, p.record.ID)
	}
	if got.Reason != "" || got.Drift != 0 {
		t.Errorf("an accept carries reason %q and drift %s", got.Reason, got.Drift)
	}
	if len(got.Payload) > factor.MaxPayload {
		t.Errorf("new payload of %d bytes, limit %d", len(got.Payload), factor.MaxPayload)
	}
	if got.Payload != nil && (len(got.Payload) == 0 || got.Format == 0) {
		t.Errorf("new payload of %d bytes in format %d", len(got.Payload), got.Format)
	}
	if p.issued.Uses > 0 && got.Uses != p.issued.Uses-1 {
		t.Errorf("%d uses left of %d after one", got.Uses, p.issued.Uses)
	}
}

// demandError checks that nobody gets in where nobody can tell.
func demandError(t *testing.T, what string, got factor.Result, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
	if got.Verdict != factor.Unavailable || got.Payload != nil {
		t.Errorf("%s: verdict %s, %d bytes of new payload; want unavailable and none", what, got.Verdict, len(got.Payload))
	}
}

// same says whether two results are the same.
func same(a, b factor.Result) bool {
	return a.Verdict == b.Verdict && a.Reason == b.Reason && a.Record == b.Record &&
		a.Format == b.Format && a.Uses == b.Uses && a.Drift == b.Drift && bytes.Equal(a.Payload, b.Payload)
}

// cloneRecords copies records, with room after each payload that must stay as
// it is: who appends to a payload writes there.
func cloneRecords(records []factor.Record) []factor.Record {
	out := slices.Clone(records)
	for i := range out {
		room := make([]byte, len(out[i].Payload)+16)
		n := copy(room, out[i].Payload)
		out[i].Payload = room[:n]
	}
	return out
}
