package factortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// RFC 6238, appendix B: the generator of the suite is right by itself.
func TestCode(t *testing.T) {
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for seconds, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		for digits, want := range map[int]string{8: want, 6: want[2:]} {
			uri := fmt.Sprintf("otpauth://totp/a?secret=%s&algorithm=SHA1&digits=%d&period=30", secret, digits)
			if got, err := Code(uri, time.Unix(seconds, 0)); err != nil || got != want {
				t.Errorf("at %d: %s, %v; want %s", seconds, got, err, want)
			}
		}
	}
	for _, uri := range []string{
		"", "https://totp/a", "otpauth://hotp/a", "otpauth://totp/a?secret=&algorithm=SHA1&digits=6&period=30",
		"otpauth://totp/a?secret=1&algorithm=SHA1&digits=6&period=30", "otpauth://totp/a?secret=MFRGG&digits=6&period=30",
		"otpauth://totp/a?secret=MFRGG&algorithm=SHA1&digits=5&period=30", "otpauth://totp/a?secret=MFRGG&algorithm=SHA1&digits=6&period=0",
	} {
		if got, err := Code(uri, time.Unix(59, 0)); err == nil {
			t.Errorf("%q gave %s", uri, got)
		}
	}
}

// toy is the simplest factor that keeps the contract: a word of the person's
// own, good for one use. Its payload is 'f' or 'u' and the word's hash.
type toy struct{}

func (toy) Info(ctx context.Context) (factor.Info, error) {
	if err := ctx.Err(); err != nil {
		return factor.Info{}, err
	}
	return factor.Info{Kind: "toy", Format: 1, Shape: `^[0-9a-f]{16}$`, MaxRecords: 3, Guessable: true}, nil
}

func (toy) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	if ctx.Err() != nil || len(e.Entropy) != factor.EntropySize || len(e.Settings) > 0 {
		return factor.Issued{}, errors.New("cannot enroll")
	}
	sum := sha256.Sum256(e.Entropy)
	word := fmt.Sprintf("%x", sum[:8])
	hash := sha256.Sum256([]byte(word))
	return factor.Issued{Format: 1, Payload: append([]byte("f"), hash[:]...), Secret: word}, nil
}

func (toy) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	if err := ctx.Err(); err != nil {
		return factor.Result{}, err
	}
	hash := sha256.Sum256([]byte(r.Input))
	out := factor.Result{Verdict: factor.Deny, Reason: factor.Wrong}
	for _, rec := range r.Records {
		p := rec.Payload
		if rec.Format != 1 || len(p) != 33 || (p[0] != 'f' && p[0] != 'u') {
			return factor.Result{}, errors.New("a payload is damaged")
		}
		switch {
		case !bytes.Equal(p[1:], hash[:]):
		case p[0] == 'u':
			out.Reason = factor.Used
		default:
			out = factor.Result{Verdict: factor.Accept, Record: rec.ID, Payload: append([]byte("u"), hash[:]...), Format: 1}
		}
	}
	return out, nil
}

func toyCase() Case {
	return Case{
		Right: func(i factor.Issued, _ time.Time) (string, error) { return i.Secret, nil },
		Wrong: func(factor.Issued, time.Time) (string, error) { return "0123456789abcdef", nil },
	}
}

func TestToy(t *testing.T) { Run(t, toy{}, toyCase()) }

// broken is a toy with one fault.
type broken struct {
	toy
	enroll func(factor.Enrollment, factor.Issued) factor.Issued
	verify func(factor.Request, factor.Result, error) (factor.Result, error)
}

func (b broken) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	i, err := b.toy.Enroll(ctx, e)
	if err == nil && b.enroll != nil {
		i = b.enroll(e, i)
	}
	return i, err
}

func (b broken) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	got, err := b.toy.Verify(ctx, r)
	if b.verify != nil {
		return b.verify(r, got, err)
	}
	return got, err
}

// faults are what the suite must find.
func faults() map[string]broken {
	accepted := func(spoil func(factor.Request, *factor.Result)) broken {
		return broken{verify: func(r factor.Request, got factor.Result, err error) (factor.Result, error) {
			if got.Verdict == factor.Accept {
				spoil(r, &got)
			}
			return got, err
		}}
	}
	return map[string]broken{
		"accepts all": {verify: func(factor.Request, factor.Result, error) (factor.Result, error) {
			return factor.Result{Verdict: factor.Accept}, nil
		}},
		"outage is a deny": {verify: func(_ factor.Request, got factor.Result, err error) (factor.Result, error) {
			if err != nil {
				return factor.Result{Verdict: factor.Deny, Reason: factor.Wrong}, nil
			}
			return got, nil
		}},
		"error with a verdict": {verify: func(_ factor.Request, got factor.Result, err error) (factor.Result, error) {
			if err != nil {
				got.Verdict = factor.Deny
			}
			return got, err
		}},
		"forgets the use":       accepted(func(_ factor.Request, got *factor.Result) { got.Payload = nil }),
		"names the first":       accepted(func(r factor.Request, got *factor.Result) { got.Record = r.Records[0].ID }),
		"invents a record":      accepted(func(_ factor.Request, got *factor.Result) { got.Record = "mine" }),
		"writes too much":       accepted(func(_ factor.Request, got *factor.Result) { got.Payload = make([]byte, factor.MaxPayload+1) }),
		"writes to the request": accepted(func(r factor.Request, got *factor.Result) { r.Records[len(r.Records)-1].Payload[0] = 'u' }),
		"rewrites on a deny": {verify: func(_ factor.Request, got factor.Result, err error) (factor.Result, error) {
			if got.Verdict == factor.Deny {
				got.Payload = []byte("u")
			}
			return got, err
		}},
		"trims": {verify: func(r factor.Request, got factor.Result, err error) (factor.Result, error) {
			if r.Input != strings.TrimSpace(r.Input) {
				r.Input = strings.TrimSpace(r.Input)
				return toy{}.Verify(context.Background(), r)
			}
			return got, err
		}},
		"issues the same to all": {enroll: func(_ factor.Enrollment, i factor.Issued) factor.Issued {
			i.Secret = "same"
			return i
		}},
		"issues too much": {enroll: func(_ factor.Enrollment, i factor.Issued) factor.Issued {
			i.Payload = make([]byte, factor.MaxPayload+1)
			return i
		}},
		"keeps the entropy": {enroll: func(e factor.Enrollment, i factor.Issued) factor.Issued {
			i.Payload = append(e.Entropy[:0], i.Payload...)
			return i
		}},
	}
}

const faultVariable = "FACTORTEST_FAULT"

// TestFaultFromOutside runs the suite on a broken toy; TestFindsFaults starts
// it in a process of its own, as a failing test cannot be caught in this one.
func TestFaultFromOutside(t *testing.T) {
	if b, ok := faults()[os.Getenv(faultVariable)]; ok {
		Run(t, b, toyCase())
	}
}

func TestFindsFaults(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range faults() {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestFaultFromOutside$")
			cmd.Env = append(os.Environ(), faultVariable+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !bytes.Contains(out, []byte("--- FAIL")) {
				t.Errorf("the suite did not find it (%v):\n%s", err, out)
			}
		})
	}
}
