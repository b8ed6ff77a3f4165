package totp

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// at is a time in the middle of a step.
func at() time.Time { return time.Date(2027, 5, 1, 12, 0, 15, 0, time.UTC) }

// phone is a device whose secret is its own.
func phone(n byte) device {
	secret := seed(20)
	secret[0] = n
	return device{algorithm: sha1, digits: 6, period: 30, secret: secret}
}

func (d device) record(id string) factor.Record {
	return factor.Record{ID: id, Format: format, Payload: d.payload()}
}

// shows is the code that the device shows when its clock is off by that much.
func (d device) shows(t testing.TB, off time.Duration) string {
	t.Helper()
	code, err := d.code(d.base32(), uint64(at().Add(off).Unix()/int64(d.period)))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func verify(t testing.TB, input string, records ...factor.Record) factor.Result {
	t.Helper()
	got, err := Factor{}.Verify(context.Background(), factor.Request{Input: input, Records: records, Now: at()})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func spent(t testing.TB, r factor.Result) uint64 {
	t.Helper()
	d, err := parse(factor.Record{Format: r.Format, Payload: r.Payload})
	if err != nil {
		t.Fatal(err)
	}
	return d.last
}

// Each step within twenty minutes to either side: what is accepted, what is
// explained, what is just wrong.
func TestWindowAndDrift(t *testing.T) {
	d := phone(1)
	for off := -40; off <= 40; off++ {
		away := time.Duration(off) * 30 * time.Second
		got := verify(t, d.shows(t, away), d.record("phone"))
		switch {
		case off >= -1 && off <= 1:
			want := uint64(at().Unix()/30 + int64(off))
			if got.Verdict != factor.Accept || got.Drift != 0 || spent(t, got) != want {
				t.Errorf("%d steps: %v, want accept of step %d", off, got, want)
			}
		case off >= -20 && off <= 20:
			if got.Verdict != factor.Deny || got.Reason != factor.Wrong || got.Drift != away || got.Payload != nil {
				t.Errorf("%d steps: %v drift %s, want deny with drift %s", off, got, got.Drift, away)
			}
		default:
			if got.Verdict != factor.Deny || got.Reason != factor.Wrong || got.Drift != 0 {
				t.Errorf("%d steps: %v drift %s, want a plain deny", off, got, got.Drift)
			}
		}
	}
}

func TestDriftFollowsThePeriod(t *testing.T) {
	d := phone(1)
	d.period = 60
	for off, want := range map[time.Duration]time.Duration{
		-10 * time.Minute: -10 * time.Minute,
		10 * time.Minute:  10 * time.Minute,
		-11 * time.Minute: 0,
		3 * time.Minute:   3 * time.Minute,
	} {
		if got := verify(t, d.shows(t, off), d.record("phone")); got.Drift != want || got.Verdict != factor.Deny {
			t.Errorf("%s off: %v drift %s, want %s", off, got, got.Drift, want)
		}
	}
}

// A step opens once, and closes all before it.
func TestSpentSteps(t *testing.T) {
	now := uint64(at().Unix() / 30)
	for last := now - 3; last <= now+2; last++ {
		for off := -1; off <= 1; off++ {
			d := phone(1)
			d.last = last
			step := now + uint64(off)
			got := verify(t, d.shows(t, time.Duration(off)*30*time.Second), d.record("phone"))
			if step > last {
				if got.Verdict != factor.Accept || spent(t, got) != step {
					t.Errorf("step %+d after %d: %v, want accept", off, int64(last-now), got)
				}
				continue
			}
			if got.Verdict != factor.Deny || got.Reason != factor.Used || got.Record != "phone" || got.Payload != nil || got.Drift != 0 {
				t.Errorf("step %+d after %d: %v, want used", off, int64(last-now), got)
			}
		}
	}
}

// An old code is used, not a sign of a slow phone, wherever it is found.
func TestSpentStepIsNoDrift(t *testing.T) {
	d := phone(1)
	d.last = uint64(at().Unix() / 30)
	got := verify(t, d.shows(t, -5*time.Minute), d.record("phone"))
	if got.Reason != factor.Used || got.Drift != 0 {
		t.Errorf("%v drift %s, want used without drift", got, got.Drift)
	}
}

func TestSeveralRecords(t *testing.T) {
	a, b := phone(1), phone(2)
	a2 := a // the same secret on a second record
	got := verify(t, a.shows(t, 0), b.record("m"), a.record("z"), a2.record("c"))
	if got.Record != "c" {
		t.Errorf("%v, want the smallest id that matches, c", got)
	}
	// A spent record does not stand before a fresh one.
	a.last = uint64(at().Unix() / 30)
	got = verify(t, a2.shows(t, 0), a.record("a"), a2.record("c"))
	if got.Verdict != factor.Accept || got.Record != "c" {
		t.Errorf("%v, want accept by c", got)
	}
	// Records of different lengths live beside each other.
	b.digits = 8
	got = verify(t, b.shows(t, 0), a2.record("a"), b.record("b"))
	if got.Verdict != factor.Accept || got.Record != "b" {
		t.Errorf("%v, want accept by b", got)
	}
}

// Exactly N ASCII digits, on every wire: nothing is trimmed, folded or cut.
func TestNoVariantIsAccepted(t *testing.T) {
	d := phone(1)
	code := d.shows(t, 0)
	arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
	for _, input := range []string{
		code + "\n", code + " ", " " + code, "\t" + code, code + "\x00", code + "\u00a0", code + "\u3000",
		code[:3] + " " + code[3:], code[:3] + "-" + code[3:], "0" + code, code[:5], code + code[:2],
		arabic, "+" + code, "00" + code,
	} {
		if got := verify(t, input, d.record("phone")); got.Verdict != factor.Deny {
			t.Errorf("%q: %v, want deny", strings.ReplaceAll(input, code, "CODE"), got)
		}
	}
}

func TestClockBefore1970(t *testing.T) {
	for _, now := range []time.Time{{}, time.Unix(-1, 0)} {
		got, err := Factor{}.Verify(context.Background(), factor.Request{Input: "123456", Now: now})
		if err == nil || got.Verdict != factor.Unavailable {
			t.Errorf("%s: %v, %v; want an error", now, got, err)
		}
	}
	// The first steps of all have no steps before them.
	d := phone(1)
	_, err := Factor{}.Verify(context.Background(), factor.Request{
		Input: "000000", Records: []factor.Record{d.record("phone")}, Now: time.Unix(0, 0),
	})
	if err != nil {
		t.Error(err)
	}
}

// The first and the last record that matches cost the same; a wrong code pays
// for the search that explains it.
func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{1, 5} {
		var records []factor.Record
		for i := range n {
			records = append(records, phone(byte(i+1)).record(fmt.Sprint(i)))
		}
		first, last := phone(1), phone(byte(n))
		for name, input := range map[string]string{
			"first": first.shows(b, 0), "last": last.shows(b, 0), "wrong": "000000",
		} {
			b.Run(fmt.Sprintf("%s of %d", name, n), func(b *testing.B) {
				r := factor.Request{Input: input, Records: records, Now: at()}
				for b.Loop() {
					if _, err := (Factor{}).Verify(context.Background(), r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
