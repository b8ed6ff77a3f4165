package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
)

// ledgerOf tells about nobody, and notes that it was asked.
type ledgerOf struct{ d *desk }

func (l ledgerOf) Report(_ context.Context, operator string, tell func(ledger.Line) error) error {
	l.d.done = append(l.d.done, "report by "+operator)
	if l.d.err != nil {
		return l.d.err
	}
	return tell(ledger.Line{Summary: &ledger.Summary{}})
}

func (l ledgerOf) Audit(_ context.Context, q ledger.Query, tell func(account.Event) error) error {
	l.d.done = append(l.d.done, "export by "+q.Operator)
	return l.d.err
}

func (l ledgerOf) Person(_ context.Context, o ledger.Order) (ledger.Dossier, error) {
	l.d.done = append(l.d.done, "export of "+o.Name+" by "+o.Operator)
	return ledger.Dossier{Name: o.Name}, l.d.err
}

func (l ledgerOf) Erase(_ context.Context, o ledger.Order) (ledger.Erased, error) {
	l.d.done = append(l.d.done, fmt.Sprintf("erase %s by %s for %s, %t", o.Name, o.Operator, o.Reason, o.StillHere))
	return ledger.Erased{Records: 3}, l.d.err
}

// What is erased is told exactly, and each refusal says what to do.
func TestErase(t *testing.T) {
	for _, c := range []struct {
		body   string
		err    error
		status int
		says   string
	}{
		{`{"reason":"left us"}`, nil, 200, `"records":3`},
		{`{"reason":"left us","still_there":true}`, nil, 200, `"records":3`},
		{`{"reason":"left us","still_there":false}`, nil, 400, "still_there"},
		{`{"reason":"left us","record":"x"}`, nil, 400, "record"},
		{`{}`, nil, 400, "reason"},
		{`{"reason":"left us"}`, ledger.ErrStillHere, 409, "--still-there"},
		{`{"reason":"left us"}`, ledger.ErrSeveral, 409, "the id"},
		{`{"reason":"left us"}`, account.ErrNotFound, 404, "nobody"},
		{`{"reason":"left us"}`, account.ErrUnavailable, 503, "the erasure failed"},
	} {
		d := &desk{err: c.err}
		status, body := say(t, serve(t, d), "POST /v1/users/alice/erase HTTP/1.0\nHost: sallyport\nContent-Type: application/json\n\n"+c.body)
		if status != c.status || !strings.Contains(body, c.says) || (len(d.done) == 1) != (status != 400) {
			t.Errorf("%s, %v: %d %s, done %q", c.body, c.err, status, body, d.done)
		}
		if c.err == nil && len(d.done) > 0 && !strings.HasSuffix(d.done[0], fmt.Sprint(strings.Contains(c.body, "true"))) {
			t.Errorf("%s: %q", c.body, d.done)
		}
	}
}

// A report that could not begin says why: it is most often a limit of the
// directory that the operator can raise.
func TestReportThatCannotBegin(t *testing.T) {
	d := &desk{err: errors.New("raise its limit")}
	status, body := say(t, serve(t, d), "GET /v1/report HTTP/1.0\nHost: sallyport")
	if status != 503 || !strings.Contains(body, "raise its limit") {
		t.Errorf("%d %s", status, body)
	}
}

func TestAuditExportReadsTimes(t *testing.T) {
	for path, want := range map[string]int{"?from=yesterday": 400, "?to=2027-01-31": 400, "?from=2027-01-31T00:00:00": 400} {
		if status, body := say(t, serve(t, &desk{}), "GET /v1/audit/export"+path+" HTTP/1.0\nHost: sallyport"); status != want || !strings.Contains(body, "RFC 3339") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// Anchors come as one long text, and nothing else comes with them.
func TestVerifyTakesAnchors(t *testing.T) {
	long := strings.Repeat("sallyport-anchor:1:2:aa:bb ", 100_000)
	for body, want := range map[string]string{
		`{"anchors":"abc"}`:                    `"anchors":3`,
		`{"anchors":"` + long + `"}`:           fmt.Sprintf(`"anchors":%d`, len(long)),
		`{"anchors":"` + long + long + `"}`:    "longer than",
		`{"anchors":["abc"]}`:                  "cannot be taken",
		`{"anchors":"abc","reason":"because"}`: "unknown key",
	} {
		status, got := say(t, serve(t, &desk{}), "POST /v1/audit/verify HTTP/1.0\nHost: sallyport\nContent-Type: application/json\n\n"+body)
		if (status == 200) != strings.HasPrefix(want, `"anchors"`) || !strings.Contains(got, want) {
			t.Errorf("%.40s: %d %.200s, want %s", body, status, got, want)
		}
	}
}
