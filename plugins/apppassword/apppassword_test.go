package apppassword

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

// issue makes a record from entropy that starts with seed.
func issue(t testing.TB, seed int) (factor.Issued, factor.Record) {
	t.Helper()
	e := make([]byte, factor.EntropySize)
	copy(e, fmt.Sprintf("%06d seeds an app password", seed))
	i, err := Factor{}.Enroll(context.Background(), factor.Enrollment{Account: "alice", Entropy: e, Now: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return i, factor.Record{ID: fmt.Sprintf("record-%d", seed), Format: i.Format, Payload: i.Payload}
}

func verify(t testing.TB, input string, records ...factor.Record) factor.Result {
	t.Helper()
	got, err := Factor{}.Verify(context.Background(), factor.Request{Input: input, Records: records, Now: time.Unix(2, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// The payload of format 1 must be readable for ever: these bytes never change.
func TestFormat1(t *testing.T) {
	const (
		password = "60r3-0c1g-64g7-6sb5-chsj-0rbr"
		payload  = "01ec5df39df3c9cc97a644eef22d75c35ee85b93f75eedc7d18fc3248837c7c812"
	)
	i, r := issue(t, 1)
	if i.Secret != password || hex.EncodeToString(i.Payload) != payload || i.Confirm || i.Uses != 0 || i.URI != "" {
		t.Errorf("secret %s payload %x, confirm %v, uses %d", i.Secret, i.Payload, i.Confirm, i.Uses)
	}
	if got := verify(t, password, r); got.Verdict != factor.Accept || got.Record != "record-1" {
		t.Errorf("%v, want accept", got)
	}
}

func TestShown(t *testing.T) {
	shown := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){5}$`)
	for seed := range 300 {
		if i, _ := issue(t, seed); !shown.MatchString(i.Secret) {
			t.Fatalf("%s is not six groups of four", i.Secret)
		}
	}
}

// What phones and people make of a password on the way.
func TestForgiven(t *testing.T) {
	info, err := Factor{}.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(info.Shape)
	for seed := range 200 {
		i, r := issue(t, seed)
		for _, typed := range []string{
			i.Secret,
			strings.ToUpper(i.Secret),
			strings.ReplaceAll(i.Secret, "-", ""),
			strings.ReplaceAll(i.Secret, "-", " "),
			strings.ReplaceAll(i.Secret, "-", " - "),
			" " + i.Secret + "\t",
			strings.NewReplacer("0", "o", "1", "l").Replace(i.Secret),
			strings.NewReplacer("0", "O", "1", "I").Replace(i.Secret),
			strings.ReplaceAll(i.Secret, "1", "i"),
		} {
			if !shape.MatchString(typed) {
				t.Errorf("%q does not fit the shape", typed)
			}
			if got := verify(t, typed, r); got.Verdict != factor.Accept {
				t.Errorf("%q: %v, want accept", typed, got)
			}
		}
	}
}

// What is no app password is told from one that matches nothing.
func TestTypoAndWrong(t *testing.T) {
	i, r := issue(t, 1)
	other, _ := issue(t, 2)
	code, _ := crockford.Fold(i.Secret)
	swapped := code[1:2] + code[:1] + code[2:]
	replaced := "z" + code[1:]
	long, err := crockford.Encode(make([]byte, 32), random+1)
	if err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]factor.Reason{
		other.Secret:            factor.Wrong,
		swapped:                 factor.Typo,
		replaced:                factor.Typo,
		code[:23]:               factor.Typo,
		code + "0":              factor.Typo,
		"0" + code:              factor.Typo,
		long:                    factor.Typo,
		"":                      factor.Typo,
		"correct horse":         factor.Typo,
		code + "\n":             factor.Typo,
		i.Secret + "\u00a0":     factor.Typo,
		strings.Repeat("u", 24): factor.Typo,
	} {
		if got := verify(t, input, r); got.Verdict != factor.Deny || got.Reason != want || got.Record != "" {
			t.Errorf("%q: %v, want %s", input, got, want)
		}
		if got := verify(t, input); got.Verdict != factor.Deny || got.Reason != want {
			t.Errorf("%q without records: %v, want %s", input, got, want)
		}
	}
}

// The shape admits nothing that the factor could not accept, but for the check
// character: what it admits is kept from the directory.
func TestShapeIsTight(t *testing.T) {
	shape := regexp.MustCompile(shape)
	for _, s := range []string{
		"", strings.Repeat("a", 23), strings.Repeat("a", 25), strings.Repeat("u", 24),
		strings.Repeat("a", 23) + "!", strings.Repeat("a", 23) + "ä", strings.Repeat("a", 24) + "\n",
	} {
		if shape.MatchString(s) {
			t.Errorf("%q fits the shape", s)
		}
	}
	for _, c := range crockford.Alphabet + "oilABCXYZOIL" {
		if !shape.MatchString(strings.Repeat(string(c), 24)) {
			t.Errorf("%q does not fit the shape", c)
		}
	}
}

func TestRecords(t *testing.T) {
	var records []factor.Record
	var secrets []string
	for seed := range 50 {
		i, r := issue(t, seed)
		records, secrets = append(records, r), append(secrets, i.Secret)
	}
	for n, secret := range secrets {
		got := verify(t, secret, records...)
		if got.Verdict != factor.Accept || got.Record != records[n].ID || got.Payload != nil {
			t.Errorf("password %d: %v", n, got)
		}
	}
	// Revoked is gone.
	if got := verify(t, secrets[7], append(records[:7:7], records[8:]...)...); got.Verdict != factor.Deny {
		t.Errorf("a revoked password: %v", got)
	}
}

func TestDamagedRecords(t *testing.T) {
	i, good := issue(t, 1)
	for name, r := range map[string]factor.Record{
		"format 0":     {Payload: good.Payload},
		"format 2":     {Format: 2, Payload: good.Payload},
		"inner format": {Format: 1, Payload: append([]byte{2}, good.Payload[1:]...)},
		"nil":          {Format: 1},
		"only a hash":  {Format: 1, Payload: good.Payload[1:]},
		"short":        {Format: 1, Payload: good.Payload[:32]},
		"long":         {Format: 1, Payload: append(bytes.Clone(good.Payload), 0)},
	} {
		for _, input := range []string{i.Secret, "no app password"} {
			got, err := Factor{}.Verify(context.Background(), factor.Request{Input: input, Records: []factor.Record{good, r}})
			if err == nil || got.Verdict != factor.Unavailable {
				t.Errorf("%s: %v, %v; want unavailable and an error", name, got, err)
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	i, good := issue(f, 1)
	f.Add(i.Secret, uint32(1), good.Payload)
	f.Add("", uint32(1), good.Payload)
	f.Add(strings.ToUpper(i.Secret), uint32(2), []byte(nil))
	f.Add("\xff\x00", uint32(1), []byte{1})
	f.Fuzz(func(t *testing.T, input string, n uint32, payload []byte) {
		got, err := Factor{}.Verify(context.Background(), factor.Request{
			Input: input, Records: []factor.Record{{ID: "x", Format: n, Payload: payload}},
		})
		if (err != nil) != (got.Verdict == factor.Unavailable) {
			t.Fatalf("%v with error %v", got, err)
		}
		if got.Verdict != factor.Accept {
			return
		}
		folded, ok := crockford.Fold(input)
		if want, _ := crockford.Fold(i.Secret); !ok || folded != want || !bytes.Equal(payload, good.Payload) {
			t.Fatalf("accepted %q", input)
		}
	})
}

// The DAV path: 1 to 50 records must cost about a microsecond.
func BenchmarkVerify(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1, 10, 50} {
		var records []factor.Record
		for seed := range n {
			_, r := issue(b, seed)
			records = append(records, r)
		}
		right, _ := issue(b, 0)
		wrong, _ := issue(b, n)
		for name, input := range map[string]string{
			"right": right.Secret, "wrong": wrong.Secret, "typo": "z" + right.Secret[1:],
		} {
			b.Run(fmt.Sprintf("%s of %d", name, n), func(b *testing.B) {
				r := factor.Request{Input: input, Records: records}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := (Factor{}).Verify(ctx, r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
