package admin_test

import (
	"context"
	"errors"
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
