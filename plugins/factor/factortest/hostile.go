package factortest

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/plugins/factor"
)

func (s *suite) unknownFormat(t *testing.T) {
	p, q := s.person(t, 1), s.person(t, 2)
	right := s.input(t, s.c.Right, p.issued)
	for _, format := range []uint32{0, p.record.Format + 1, math.MaxUint32} {
		other := p.record
		other.Format = format
		got, err := s.try(s.request(right, other))
		demandError(t, fmt.Sprintf("format %d", format), got, err)
		// A record that cannot be read may be the one that was meant.
		other = q.record
		other.Format = format
		got, err = s.try(s.request(right, p.record, other))
		demandError(t, fmt.Sprintf("format %d beside a good record", format), got, err)
	}
}

func (s *suite) damaged(t *testing.T) {
	p := s.person(t, 1)
	right := s.input(t, s.c.Right, p.issued)
	whole := p.record.Payload
	for name, payload := range map[string][]byte{
		"nil":       nil,
		"empty":     {},
		"one byte":  whole[:1],
		"half":      whole[:len(whole)/2],
		"ones":      bytes.Repeat([]byte{0xff}, len(whole)),
		"zeros":     make([]byte, len(whole)),
		"too large": append(bytes.Clone(whole), make([]byte, factor.MaxPayload)...),
	} {
		r := p.record
		r.Payload = payload
		got, err := s.try(s.request(right, r))
		demandError(t, name, got, err)
		if err != nil && len(payload) > 8 && printsBytes(err.Error(), payload) {
			t.Errorf("%s: the error quotes the payload", name)
		}
	}
	// Of a flipped bit nobody may be able to tell; but it must not crash, and
	// an answer must be one. The start of a payload is its most telling part.
	for i := 0; i < len(whole); i += 1 + i/12 {
		r := p.record
		r.Payload = bytes.Clone(whole)
		r.Payload[i] ^= 1 << (i % 8)
		got, err := s.try(s.request(right, r))
		if (err != nil) != (got.Verdict == factor.Unavailable) {
			t.Errorf("bit flipped in byte %d: verdict %s with error %v", i, got.Verdict, err)
		}
	}
}

func (s *suite) hostile(t *testing.T) {
	shape, err := regexp.Compile(s.getInfo(t).Shape)
	if err != nil {
		t.Fatal(err)
	}
	p := s.person(t, 1)
	right := s.input(t, s.c.Right, p.issued)
	for _, input := range []string{
		"", " ", "\x00", "\n", "-", "\xff\xfe\xfd", "\xed\xa0\x80", "%s%n%d", "' OR 1=1 --", "🔑",
		strings.Repeat("0", 1<<20), strings.Repeat("\x00", 1<<20), strings.Repeat("-", 1<<20), strings.Repeat(right, 5000),
		right + "\n", "\n" + right, right + "\r\n", right + "\x00", "\x00" + right, right + "\x00junk",
		right + "\u00a0", "\u3000" + right, "\ufeff" + right, right + "\u200b", right + right, "+" + right,
		wide(right), p.issued.Secret + "\x00", string(p.issued.Payload),
	} {
		if shape.MatchString(input) {
			continue // forgiven by the factor's own word
		}
		got, err := s.try(s.request(input, p.record))
		if got.Verdict == factor.Accept {
			t.Errorf("%.20q and so on (%d bytes) does not fit the shape and was accepted", redact(input, right), len(input))
		}
		if err == nil {
			demandDeny(t, got)
		}
	}
	// It has taken no harm.
	demandAccept(t, s.verify(t, s.request(right, p.record)), p)
}

// wide writes ASCII in full-width forms, which some software folds back.
func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, s)
}

func redact(input, right string) string { return strings.ReplaceAll(input, right, "[right]") }

func (s *suite) cancelled(t *testing.T) {
	p := s.person(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got, err := s.f.Verify(ctx, s.request(s.input(t, s.c.Right, p.issued), p.record))
	demandError(t, "verify", got, err)
	if i, err := s.f.Enroll(ctx, s.enrollment(1)); err == nil || i.Payload != nil || i.Secret != "" {
		t.Errorf("enroll: error %v, %v", err, i)
	}
	if _, err := s.f.Info(ctx); err == nil {
		t.Error("info: no error")
	}
}

// concurrent makes many calls at once and compares each answer with the one
// that was given alone.
func (s *suite) concurrent(t *testing.T) {
	parallel := s.c.Parallel
	if parallel == 0 {
		parallel = 64
	}
	people := []person{s.person(t, 1), s.person(t, 2)}
	var requests []factor.Request
	var want []factor.Result
	for i, p := range people {
		for _, what := range []string{s.input(t, s.c.Right, p.issued), s.input(t, s.c.Wrong, p.issued)} {
			r := s.request(what, people[i].record, people[1-i].record)
			requests = append(requests, r)
			want = append(want, s.verify(t, r))
		}
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for n := range parallel {
		wg.Go(func() {
			<-start
			for round := range 2 {
				i := (n + round) % len(requests)
				got, err := s.try(requests[i])
				if err != nil {
					t.Errorf("call %d: %v", n, err)
				} else if !same(got, want[i]) {
					t.Errorf("call %d: %v, alone it was %v", n, got, want[i])
				}
			}
		})
	}
	close(start)
	wg.Wait()
}

func (s *suite) redacted(t *testing.T) {
	p := s.person(t, 1)
	right := s.input(t, s.c.Right, p.issued)
	r := s.request(right, p.record)
	got := s.verify(t, r)
	for _, v := range []any{s.enrollment(1), p.issued, p.record, r, got} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, right) || strings.Contains(text, p.issued.Secret) ||
				printsBytes(text, p.issued.Payload) || printsBytes(text, got.Payload) || printsBytes(text, entropy(1)) {
				t.Errorf("%T printed with %s shows a secret", v, verb)
			}
		}
	}
}

// printsBytes says whether a text shows bytes in any form that fmt has.
func printsBytes(text string, b []byte) bool {
	if len(b) == 0 {
		return false
	}
	list := strings.Trim(fmt.Sprint(b), "[]")
	return strings.Contains(text, string(b)) || strings.Contains(text, hex.EncodeToString(b)) || strings.Contains(text, list)
}
