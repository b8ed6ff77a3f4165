package recovery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

// issue makes a sheet from entropy that starts with seed.
func issue(t testing.TB, f *Factor, seed string) (factor.Issued, factor.Record) {
	t.Helper()
	e := make([]byte, factor.EntropySize)
	copy(e, seed)
	i, err := f.Enroll(context.Background(), factor.Enrollment{Account: "alice", Entropy: e, Now: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return i, factor.Record{ID: "sheet-" + seed, Format: i.Format, Payload: i.Payload}
}

func verify(t testing.TB, f *Factor, input string, records ...factor.Record) factor.Result {
	t.Helper()
	got, err := f.Verify(context.Background(), factor.Request{Input: input, Records: records, Now: time.Unix(2, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSheet(t *testing.T) {
	i, _ := issue(t, New(), "a")
	lines := strings.Split(i.Secret, "\n")
	shown := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{5}(-[0-9a-hjkmnp-tv-z]{5}){2}$`)
	for _, line := range lines {
		code, ok := crockford.Fold(line)
		if !shown.MatchString(line) || !ok || !crockford.Valid(code) {
			t.Errorf("%s is not three groups of five with a check character", line)
		}
	}
	slices.Sort(lines)
	if n := len(slices.Compact(lines)); n != codes || i.Uses != codes || i.Confirm || i.URI != "" {
		t.Errorf("%d different codes, %d uses, confirm %v", n, i.Uses, i.Confirm)
	}
	if len(i.Payload) > factor.MaxPayload {
		t.Errorf("payload of %d bytes", len(i.Payload))
	}
	for _, line := range lines {
		code, _ := crockford.Fold(line)
		if bytes.Contains(i.Payload, []byte(code)) {
			t.Error("a code stands in the payload as it is")
		}
	}
}

// The payload of format 1 must be readable for ever: these figures never
// change. The hash is computed here once more from its written parameters.
func TestFormat1(t *testing.T) {
	const (
		first  = "p0ry9-zerf8-awa2x"
		digest = "8f5e04da430fde7097471beacc027cf48d237257580dfbd51ad58b201223149a"
	)
	i, _ := issue(t, New(), "golden")
	if got, _, _ := strings.Cut(i.Secret, "\n"); got != first {
		t.Errorf("first code %s, want %s", got, first)
	}
	if got := sha256.Sum256(i.Payload); hex.EncodeToString(got[:]) != digest {
		t.Errorf("payload digest %x, want %s", got, digest)
	}
	if len(i.Payload) != 1+16+10*33 || i.Payload[0] != 1 || i.Payload[17] != 0 {
		t.Fatalf("payload of %d bytes is laid out in another way", len(i.Payload))
	}
	want := argon2.IDKey([]byte(strings.ReplaceAll(first, "-", "")), i.Payload[1:17], 1, 8192, 1, 32)
	if !bytes.Equal(i.Payload[18:50], want) {
		t.Error("the first hash is not argon2id with one pass over 8 MiB in one lane")
	}
}

// Each code is good once, in whatever order, and the count is right.
func TestEachCodeOnce(t *testing.T) {
	f := New()
	i, r := issue(t, f, "a")
	lines := strings.Split(i.Secret, "\n")
	for n, at := range []int{3, 0, 9, 5, 1, 8, 2, 7, 6, 4} {
		got := verify(t, f, lines[at], r)
		if got.Verdict != factor.Accept || got.Record != r.ID || got.Uses != codes-1-n || got.Format != format {
			t.Fatalf("code %d: %v, %d uses; want accept and %d", at, got, got.Uses, codes-1-n)
		}
		r.Payload = got.Payload
		if got = verify(t, f, lines[at], r); got.Verdict != factor.Deny || got.Reason != factor.Used || got.Record != r.ID || got.Payload != nil {
			t.Errorf("code %d again: %v, want used", at, got)
		}
	}
	if got := verify(t, f, lines[0], r); got.Reason != factor.Used {
		t.Errorf("on an empty sheet: %v, want used", got)
	}
}

// A sheet that was replaced is worth nothing, and a sheet is its owner's alone.
func TestOnlyItsOwnSheet(t *testing.T) {
	f := New()
	_, a := issue(t, f, "a")
	i, b := issue(t, f, "b")
	line, _, _ := strings.Cut(i.Secret, "\n")
	if got := verify(t, f, line, a); got.Verdict != factor.Deny || got.Reason != factor.Wrong {
		t.Errorf("another sheet: %v, want wrong", got)
	}
	if got := verify(t, f, line, a, b); got.Verdict != factor.Accept || got.Record != b.ID {
		t.Errorf("both sheets: %v, want accept by the second", got)
	}
}

func TestForgivenAndRefused(t *testing.T) {
	f := New()
	i, r := issue(t, f, "a")
	shape := regexp.MustCompile(shape)
	line, _, _ := strings.Cut(i.Secret, "\n")
	for _, typed := range []string{
		line, strings.ToUpper(line), strings.ReplaceAll(line, "-", ""), strings.ReplaceAll(line, "-", " "),
		" " + line + " ", strings.NewReplacer("0", "O", "1", "l").Replace(line),
	} {
		if !shape.MatchString(typed) {
			t.Errorf("%q does not fit the shape", typed)
		}
		if got := verify(t, f, typed, r); got.Verdict != factor.Accept {
			t.Errorf("%q: %v, want accept", typed, got)
		}
	}
	code := strings.ReplaceAll(line, "-", "")
	for _, typed := range []string{"", code[:14], code + "0", "0" + code, code + "\n", i.Secret, "u" + code[1:], code[1:2] + code[:1] + code[2:]} {
		if got := verify(t, f, typed, r); got.Verdict != factor.Deny || got.Reason != factor.Typo {
			t.Errorf("%q: %v, want typo", typed, got)
		}
	}
}

func TestDamagedRecords(t *testing.T) {
	f := New()
	i, good := issue(t, f, "a")
	line, _, _ := strings.Cut(i.Secret, "\n")
	with := func(at int, v byte) []byte {
		p := bytes.Clone(good.Payload)
		p[at] = v
		return p
	}
	for name, r := range map[string]factor.Record{
		"format 3":      {Format: 3, Payload: good.Payload},
		"format 0":      {Payload: good.Payload},
		"format 2":      {Format: 2, Payload: good.Payload},
		"inner format":  {Format: 1, Payload: with(0, 2)},
		"unknown state": {Format: 1, Payload: with(1+saltSize, 2)},
		"last state":    {Format: 1, Payload: with(1+saltSize+9*entrySize, 0xff)},
		"nil":           {Format: 1},
		"short":         {Format: 1, Payload: good.Payload[:len(good.Payload)-1]},
		"long":          {Format: 1, Payload: append(bytes.Clone(good.Payload), 0)},
	} {
		for _, input := range []string{line, "no code"} {
			got, err := f.Verify(context.Background(), factor.Request{Input: input, Records: []factor.Record{good, r}})
			if err == nil || got.Verdict != factor.Unavailable {
				t.Errorf("%s: %v, %v; want unavailable and an error", name, got, err)
			}
		}
	}
}

// With all turns taken, a call waits for its deadline and no longer, and
// nobody gets in.
func TestTurnsAreLimited(t *testing.T) {
	f := New()
	i, r := issue(t, f, "a")
	line, _, _ := strings.Cut(i.Secret, "\n")
	for range atOnce {
		f.slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	got, err := f.Verify(ctx, factor.Request{Input: line, Records: []factor.Record{r}})
	if !errors.Is(err, context.DeadlineExceeded) || got.Verdict != factor.Unavailable {
		t.Errorf("%v, %v; want unavailable by the deadline", got, err)
	}
	<-f.slots
	if got := verify(t, f, line, r); got.Verdict != factor.Accept {
		t.Errorf("with one turn free: %v, want accept", got)
	}
	if len(f.slots) != atOnce-1 {
		t.Errorf("%d turns taken afterwards, want %d", len(f.slots), atOnce-1)
	}
}

func FuzzParse(f *testing.F) {
	_, good := issue(f, New(), "a")
	f.Add(uint32(1), good.Payload)
	f.Add(uint32(0), good.Payload)
	f.Add(uint32(1), []byte(nil))
	f.Add(uint32(1), good.Payload[:40])
	f.Fuzz(func(t *testing.T, n uint32, payload []byte) {
		s, err := parse(factor.Record{ID: "x", Format: n, Payload: payload})
		if err == nil && !bytes.Equal(s.payload(), payload) {
			t.Fatal("read and written again, the payload is another")
		}
	})
}

func FuzzVerify(f *testing.F) {
	fac := New()
	i, good := issue(f, fac, "a")
	line, _, _ := strings.Cut(i.Secret, "\n")
	for _, s := range []string{line, strings.ToUpper(line), "", "\x00", "\xff", i.Secret, "00000-00000-00000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, input string) {
		got := verify(t, fac, input, good)
		if got.Verdict != factor.Accept {
			return
		}
		folded, _ := crockford.Fold(input)
		if !strings.Contains(strings.ReplaceAll(i.Secret, "-", ""), folded) {
			t.Fatalf("accepted %q", input)
		}
		good := good
		good.Payload = got.Payload
		if again := verify(t, fac, input, good); again.Reason != factor.Used {
			t.Fatalf("a second time: %v", again)
		}
	})
}

// A hundred people who set up in the same minute are served one after the other.
// Side by side, each would wait for all, and nobody be ready within a deadline.
func TestSheetsAreMadeOneAfterTheOther(t *testing.T) {
	f, begun := New(), time.Now()
	took := make([]time.Duration, 20)
	var all sync.WaitGroup
	for i := range took {
		all.Go(func() {
			issue(t, f, string(rune('a'+i)))
			took[i] = time.Since(begun)
		})
	}
	all.Wait()
	if first, last := slices.Min(took), slices.Max(took); first > last/2 {
		t.Errorf("of %d sheets the first is ready after %s, and the last after %s", len(took), first, last)
	}
	// Whoever waits can give up, and costs nothing.
	f.drawing <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Enroll(ctx, factor.Enrollment{Account: "alice", Entropy: make([]byte, factor.EntropySize)}); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a turn ended with %v", err)
	}
	<-f.drawing
	issue(t, f, "z")
}
