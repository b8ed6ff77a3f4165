package recovery

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/crockford"
)

// lone makes a code of support.
func lone(t *testing.T, f *Factor, value string) (factor.Issued, error) {
	t.Helper()
	return f.Enroll(context.Background(), factor.Enrollment{Account: "alice", Entropy: make([]byte, factor.EntropySize),
		Now: time.Unix(1, 0), Settings: map[string]string{factor.LoneCode: value}})
}

// A code of support is one code of ten characters, good once, in whatever
// spelling, and lies beside a sheet without either being taken for the other.
func TestALoneCode(t *testing.T) {
	f := New()
	i, err := lone(t, f, "true")
	if err != nil {
		t.Fatal(err)
	}
	code, ok := crockford.Fold(i.Secret)
	if !regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}$`).MatchString(i.Secret) || !ok || !crockford.Valid(code) ||
		i.Uses != 1 || i.Format != formatLone || len(i.Payload) != 1+saltSize+entrySize {
		t.Fatalf("%d uses, format %d, %d bytes", i.Uses, i.Format, len(i.Payload))
	}
	if strings.Contains(string(i.Payload), code) {
		t.Error("the payload holds the code itself")
	}
	printed, sheet := issue(t, f, "a")
	record := factor.Record{ID: "lone", Format: i.Format, Payload: i.Payload}
	both := []factor.Record{sheet, record}
	for _, typed := range []string{i.Secret, strings.ToUpper(code), " " + code[:2] + " " + code[2:]} {
		if got := verify(t, f, typed, both...); got.Verdict != factor.Accept || got.Record != "lone" || got.Uses != 0 || got.Format != formatLone {
			t.Errorf("%v of %s, %d left, format %d", got.Verdict, got.Record, got.Uses, got.Format)
		}
		if got := verify(t, f, typed, sheet); got.Verdict != factor.Deny || got.Reason != factor.Wrong {
			t.Errorf("against the sheet alone: %v %s", got.Verdict, got.Reason)
		}
	}
	first, _, _ := strings.Cut(printed.Secret, "\n")
	if got := verify(t, f, first, both...); got.Record != sheet.ID || got.Uses != codes-1 || got.Format != format {
		t.Errorf("a code of the sheet: %v of %s, %d left", got.Verdict, got.Record, got.Uses)
	}
	record.Payload = verify(t, f, code, record).Payload
	if got := verify(t, f, code, record); got.Verdict != factor.Deny || got.Reason != factor.Used {
		t.Errorf("for a second time: %v %s", got.Verdict, got.Reason)
	}
	wrong := "0" + code[1:]
	if wrong == code {
		wrong = "1" + code[1:]
	}
	if got := verify(t, f, wrong, record); got.Reason != factor.Typo {
		t.Errorf("mistyped: %s", got.Reason)
	}
	if _, err := lone(t, f, "yes"); err == nil {
		t.Error("any value makes a code of support")
	}
}
