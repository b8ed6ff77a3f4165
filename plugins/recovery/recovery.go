// Package recovery is the factor "recovery": a sheet of ten codes, each good
// for one login when the usual second factor is out of reach. People know them
// as emergency codes.
//
// It is a pure function: it keeps no state between calls, reads no clock and
// no random source. That a code is good only once is decided here, by a mark
// in the payload, and made true by the daemon, which swaps the payload before
// it says yes. Only its own main and tests call it; the daemon reaches it
// through a plugin process.
//
// A code has 15 characters, 14 of them random (70 bits), shown as three groups
// of five; the last is a check character. A whole sheet is one record, with
// one salt, so that a try costs one hash and not ten.
//
// The hash is argon2id with one pass over 8 MiB in one lane, about a hundredth
// of a second. That is light for passwords that people choose; these are 70
// random bits, sealed at rest under a key that lies elsewhere, and every try
// is counted before it gets here. More would not fit the daemon's deadline on
// a small machine with several tries at once. A few hashes run at a time, the
// others wait, so that memory has a bound; and sheets are made one after the other.
//
// The factor does not claim its shape: 15 characters are also the length of
// ordinary passwords, and one in 32 of those would have a fitting check
// character and never reach the directory.
//
// Support can have a single code of ten characters made (9 random, 45 bits), in
// two groups of five, for somebody who must get in today without their phone. It
// is a record of its own, with the same hash. That it ends soon is up to the
// daemon.
//
// The config can set nothing; only the daemon sets factor.LoneCode.
package recovery

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

const (
	// codes is how many codes stand on a sheet.
	codes = 10
	// random is how many characters of a code are random.
	random = 14
	// randomLone is the same of a code of support: it is read out on the phone,
	// lives for a day at most, and every try is counted.
	randomLone = 9
	// group is how many characters are shown together.
	group = 5

	// Cost of one hash; part of format 1, and so fixed for ever.
	passes    = 1
	memoryKiB = 8 << 10
	lanes     = 1

	// atOnce bounds the memory: this many hashes of 8 MiB run at a time.
	atOnce = 4

	// purpose keeps the codes apart from all else that may ever be derived
	// from the same entropy.
	purpose     = "sallyport recovery codes, format 1"
	purposeLone = "sallyport support code, format 2"

	// shape is 10 or 15 characters of the alphabet or their look-alikes, with
	// blanks and dashes anywhere.
	shape = `^[ \t-]*(?:(?:[0-9A-TV-Za-tv-z][ \t-]*){5}){2,3}$`
)

// Factor is the factor "recovery", safe for concurrent use. Make it with New.
type Factor struct {
	// slots holds one token for each hash that runs, drawing one for the sheet that
	// is made: those that wait have not begun. Were a hundred made side by side, as on
	// the morning after a deadline, none would be ready in time.
	slots, drawing chan struct{}
}

var _ factor.Factor = (*Factor)(nil)

// New makes the factor.
func New() *Factor {
	return &Factor{slots: make(chan struct{}, atOnce), drawing: make(chan struct{}, 1)}
}

// Info describes the factor.
func (*Factor) Info(ctx context.Context) (factor.Info, error) {
	if err := ctx.Err(); err != nil {
		return factor.Info{}, err
	}
	return factor.Info{
		Kind:       "recovery",
		Format:     format,
		Shape:      shape,
		MaxRecords: 1,
		Guessable:  true,
	}, nil
}

// Enroll makes a sheet of ten codes, which Secret lists one a line, or the one
// code that factor.LoneCode asks for. It fails on any other setting and on too
// little entropy.
func (f *Factor) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	if err := ctx.Err(); err != nil {
		return factor.Issued{}, err
	}
	wanted, info := uint32(format), purpose
	for name, value := range e.Settings {
		if name != factor.LoneCode || value != "true" {
			return factor.Issued{}, errors.New("making recovery codes: there are no settings")
		}
		wanted, info = formatLone, purposeLone
	}
	if len(e.Entropy) != factor.EntropySize {
		return factor.Issued{}, fmt.Errorf("making recovery codes: %d bytes of entropy, want %d", len(e.Entropy), factor.EntropySize)
	}
	k, _ := kindOf(wanted)
	if k.codes > 1 { // a single code waits for nobody's sheet
		if err := turn(ctx, f.drawing); err != nil {
			return factor.Issued{}, fmt.Errorf("making recovery codes: %w", err)
		}
		defer func() { <-f.drawing }()
	}
	s := sheet{kind: k, entries: make([]entry, k.codes)}
	shown, err := f.draw(ctx, s, info, e.Entropy)
	if err != nil {
		return factor.Issued{}, fmt.Errorf("making recovery codes: %w", err)
	}
	return factor.Issued{
		Format:  wanted,
		Payload: shown.sheet.payload(),
		Secret:  strings.Join(shown.codes, "\n"),
		Uses:    k.codes,
	}, nil
}

// drawn is a new sheet, and its codes as they are shown once.
type drawn struct {
	sheet sheet
	codes []string
}

// String keeps the codes out of logs and test output.
func (d drawn) String() string { return d.sheet.String() }

// GoString prints the same as String, for %#v.
func (d drawn) GoString() string { return d.String() }

// draw makes the codes of an empty sheet from entropy.
func (f *Factor) draw(ctx context.Context, s sheet, info string, entropy []byte) (drawn, error) {
	size := s.bytesPerCode()
	stream, err := hkdf.Key(sha256.New, entropy, nil, info, saltSize+s.codes*size)
	if err != nil {
		return drawn{}, err
	}
	d := drawn{sheet: s}
	copy(d.sheet.salt[:], stream)
	for i := range s.entries {
		code, err := crockford.Encode(stream[saltSize+i*size:][:size], s.random)
		if err != nil {
			return drawn{}, err
		}
		if d.sheet.entries[i].hash, err = f.hash(ctx, code, d.sheet.salt); err != nil {
			return drawn{}, err
		}
		d.codes = append(d.codes, crockford.Group(code, group))
	}
	return d, nil
}

// Verify accepts a code of the sheet that has not been used; the result
// carries the payload with the code marked as used, and how many are left. A
// used code is denied as Used, naming its record, what is no recovery code by
// length, alphabet or check character as Typo, anything else as Wrong. A
// record that cannot be read is an error, as is a deadline that passes while
// waiting for a turn.
func (f *Factor) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	if err := ctx.Err(); err != nil {
		return factor.Result{}, err
	}
	sheets := make([]sheet, len(r.Records))
	for i, record := range r.Records {
		s, err := parse(record)
		if err != nil {
			return factor.Result{}, fmt.Errorf("checking a recovery code: record %q: %w", record.ID, err)
		}
		sheets[i] = s
	}
	code, ok := crockford.Fold(r.Input)
	if !ok || len(code) != random+1 && len(code) != randomLone+1 || !crockford.Valid(code) {
		return factor.Result{Verdict: factor.Deny, Reason: factor.Typo}, nil
	}
	answer := factor.Result{Verdict: factor.Deny, Reason: factor.Wrong}
	for i := range sheets {
		if sheets[i].length() != len(code) {
			continue
		}
		sum, err := f.hash(ctx, code, sheets[i].salt)
		if err != nil {
			return factor.Result{}, fmt.Errorf("checking a recovery code: %w", err)
		}
		// No code stands on two sheets, so at most one of them answers.
		if result, ok := sheets[i].try(sum); ok {
			result.Record = r.Records[i].ID
			answer = result
		}
	}
	return answer, nil
}

// hash waits for a turn and hashes a code.
func (f *Factor) hash(ctx context.Context, code string, salt [saltSize]byte) ([hashSize]byte, error) {
	if err := turn(ctx, f.slots); err != nil {
		return [hashSize]byte{}, err
	}
	defer func() { <-f.slots }()
	return [hashSize]byte(argon2.IDKey([]byte(code), salt[:], passes, memoryKiB, lanes, hashSize)), nil
}

// turn waits for a token, which is to be taken out again.
func turn(ctx context.Context, tokens chan struct{}) error {
	select {
	case tokens <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	// It may come after the deadline: select picks freely among the two.
	err := ctx.Err()
	if err != nil {
		<-tokens
	}
	return err
}
