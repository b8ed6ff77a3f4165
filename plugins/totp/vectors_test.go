package totp

import (
	"context"
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// seed repeats the digits that both RFCs use as their secret.
func seed(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }

// RFC 4226, appendix D.
func TestHOTPVectors(t *testing.T) {
	want := []string{
		"755224", "287082", "359152", "969429", "338314",
		"254676", "287922", "162583", "399871", "520489",
	}
	d := device{algorithm: sha1, digits: 6, period: 30, secret: seed(20)}
	for counter, code := range want {
		got, err := d.code(d.base32(), uint64(counter))
		if err != nil || got != code {
			t.Errorf("counter %d: %s, %v; want %s", counter, got, err, code)
		}
	}
}

// vector is a row of RFC 6238, appendix B.
type vector struct {
	seconds int64
	code    string
}

func rfc6238() map[algorithm][]vector {
	return map[algorithm][]vector{
		sha1: {
			{59, "94287082"}, {1111111109, "07081804"}, {1111111111, "14050471"},
			{1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"},
		},
		sha256: {
			{59, "46119246"}, {1111111109, "68084774"}, {1111111111, "67062674"},
			{1234567890, "91819424"}, {2000000000, "90698825"}, {20000000000, "77737706"},
		},
		sha512: {
			{59, "90693936"}, {1111111109, "25091201"}, {1111111111, "99943326"},
			{1234567890, "93441116"}, {2000000000, "38618901"}, {20000000000, "47863826"},
		},
	}
}

// The vectors go the whole way: payload in, accept and spent step out.
func TestTOTPVectors(t *testing.T) {
	size := map[algorithm]int{sha1: 20, sha256: 32, sha512: 64}
	for a, rows := range rfc6238() {
		d := device{algorithm: a, digits: 8, period: 30, secret: seed(size[a])}
		for _, v := range rows {
			got, err := d.code(d.base32(), uint64(v.seconds/30))
			if err != nil || got != v.code {
				t.Errorf("%s at %d: %s, %v; want %s", a, v.seconds, got, err, v.code)
			}
			result, err := Factor{}.Verify(context.Background(), factor.Request{
				Input:   v.code,
				Records: []factor.Record{{ID: "phone", Format: format, Payload: d.payload()}},
				Now:     time.Unix(v.seconds, 0),
			})
			if err != nil || result.Verdict != factor.Accept {
				t.Fatalf("%s at %d: %v, %v; want accept", a, v.seconds, result, err)
			}
			after, err := parse(factor.Record{Format: result.Format, Payload: result.Payload})
			if err != nil || after.last != uint64(v.seconds/30) {
				t.Errorf("%s at %d: step %d spent (%v), want %d", a, v.seconds, after.last, err, v.seconds/30)
			}
		}
	}
}

// The payload of format 1 must be readable for ever: these bytes never change.
func TestPayloadFormat1(t *testing.T) {
	d := device{algorithm: sha512, digits: 8, period: 60, last: 0x0102030405060708, secret: seed(16)}
	want := "\x01\x03\x08\x00\x3c\x01\x02\x03\x04\x05\x06\x07\x08" + "1234567890123456"
	if got := string(d.payload()); got != want {
		t.Errorf("payload %q, want %q", got, want)
	}
	got, err := parse(factor.Record{Format: 1, Payload: []byte(want)})
	if err != nil {
		t.Fatal(err)
	}
	if got.algorithm != d.algorithm || got.digits != d.digits || got.period != d.period ||
		got.last != d.last || string(got.secret) != string(d.secret) {
		t.Errorf("read back as %v", got)
	}
}

func TestPayloadRefused(t *testing.T) {
	good := func() []byte { return device{algorithm: sha1, digits: 6, period: 30, secret: seed(20)}.payload() }
	with := func(at int, values ...byte) []byte {
		p := good()
		copy(p[at:], values)
		return p
	}
	for name, r := range map[string]factor.Record{
		"format 0":           {Format: 0, Payload: good()},
		"format 2":           {Format: 2, Payload: good()},
		"inner format":       {Format: 1, Payload: with(0, 2)},
		"nil":                {Format: 1},
		"header cut":         {Format: 1, Payload: good()[:headerSize-1]},
		"no algorithm":       {Format: 1, Payload: with(1, 0)},
		"unknown algorithm":  {Format: 1, Payload: with(1, 4)},
		"0 digits":           {Format: 1, Payload: with(2, 0)},
		"7 digits":           {Format: 1, Payload: with(2, 7)},
		"period 0":           {Format: 1, Payload: with(3, 0, 0)},
		"period 14":          {Format: 1, Payload: with(3, 0, 14)},
		"period 121":         {Format: 1, Payload: with(3, 0, 121)},
		"step too far":       {Format: 1, Payload: with(5, 0x80)},
		"empty secret":       {Format: 1, Payload: good()[:headerSize]},
		"secret of 120 bits": {Format: 1, Payload: good()[:headerSize+15]},
		"secret too long":    {Format: 1, Payload: append(good(), make([]byte, maxSecret)...)},
	} {
		if _, err := parse(r); err == nil {
			t.Errorf("%s: read without an error", name)
		}
		got, err := Factor{}.Verify(context.Background(), factor.Request{
			Input: "123456", Records: []factor.Record{r}, Now: time.Unix(1e9, 0),
		})
		if err == nil || got.Verdict != factor.Unavailable {
			t.Errorf("%s: %v, %v; want unavailable and an error", name, got, err)
		}
	}
	if _, err := parse(factor.Record{Format: 1, Payload: good()[:headerSize+16]}); err != nil {
		t.Errorf("a secret of 128 bits: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uint32(1), device{algorithm: sha1, digits: 6, period: 30, secret: seed(20)}.payload())
	f.Add(uint32(1), device{algorithm: sha512, digits: 8, period: 120, last: 1 << 40, secret: seed(64)}.payload())
	f.Add(uint32(0), []byte(nil))
	f.Add(uint32(2), []byte{2})
	f.Fuzz(func(t *testing.T, n uint32, payload []byte) {
		d, err := parse(factor.Record{ID: "x", Format: n, Payload: payload})
		if err != nil {
			return
		}
		if string(d.payload()) != string(payload) {
			t.Fatal("read and written again, the payload is another")
		}
		if len(d.secret) < minSecret || d.period == 0 {
			t.Fatalf("a useless device was read: %v", d)
		}
	})
}

func FuzzVerify(f *testing.F) {
	for _, s := range []string{"", "94287082", "942870", "94287082\n", " 94287082", "９４２８７０８２", "\x00", "-1", "+12345"} {
		f.Add(s, int64(59))
	}
	f.Add("94287082", int64(-1))
	f.Add("94287082", int64(1)<<62)
	d := device{algorithm: sha1, digits: 8, period: 30, secret: seed(20)}
	record := factor.Record{ID: "x", Format: format, Payload: d.payload()}
	f.Fuzz(func(t *testing.T, input string, now int64) {
		r := factor.Request{Input: input, Records: []factor.Record{record}, Now: time.Unix(now, 0)}
		got, err := Factor{}.Verify(context.Background(), r)
		if (err != nil) != (got.Verdict == factor.Unavailable) {
			t.Fatalf("%v with error %v", got, err)
		}
		if got.Verdict != factor.Accept {
			return
		}
		if len(input) != 8 || strings.Trim(input, "0123456789") != "" {
			t.Fatalf("%q was accepted", input)
		}
		r.Records = []factor.Record{{ID: "x", Format: got.Format, Payload: got.Payload}}
		if again, err := (Factor{}).Verify(context.Background(), r); err != nil || again.Verdict != factor.Deny {
			t.Fatalf("a second time: %v, %v", again, err)
		}
	})
}

func TestSecretIsPlainBase32(t *testing.T) {
	for n := minSecret; n <= 40; n++ {
		text := device{secret: seed(n)}.base32()
		if strings.ContainsAny(text, "=") || strings.ToUpper(text) != text {
			t.Errorf("%d bytes: padded or in lower case", n)
		}
		back, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
		if err != nil || string(back) != string(seed(n)) {
			t.Errorf("%d bytes do not come back: %v", n, err)
		}
	}
}
