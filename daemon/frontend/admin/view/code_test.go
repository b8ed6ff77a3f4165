package view

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// What became of a code from support stands by itself: it is no device, no sheet,
// and afterwards it says when and where it was used.
func TestWhatBecameOfACode(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 30, 0, 0, time.UTC)
	made := account.Record{ID: "c", Factor: "recovery", Uses: 1, Created: now.Add(-30 * time.Minute)}
	made = made.ForSupport(now.Add(30 * time.Minute))
	used, late := made, made.ForSupport(now)
	used.Uses, used.LastUsed, used.LastService, used.LastFrom = 0, now.Add(-27*time.Minute), "web", "192.0.2.7"
	phone := account.Record{ID: "p", Factor: "totp", Uses: -1}
	for want, r := range map[string]account.Record{"waiting": made, "used": used, "expired": late} {
		p := Person(enroll.Overview{Facts: account.Facts{Fitness: account.Fit}, Snapshot: account.Snapshot{Records: []account.Record{phone, r}}}, now)
		c := p.SupportCode
		if c == nil || c.State != want || !c.Made.Equal(r.Created) || !c.Expires.Equal(r.Expires) || len(p.Records) != 1 {
			t.Fatalf("%s: %+v beside %d records", want, c, len(p.Records))
		}
		if want == "used" && (!c.Used.Equal(r.LastUsed) || c.From != "192.0.2.7" || c.Service != "web") || want != "used" && !c.Used.IsZero() {
			t.Errorf("%s: %+v", want, c)
		}
		if strings.Contains(p.Advice, "A code from support waits") != (want == "waiting") {
			t.Errorf("%s: %s", want, p.Advice)
		}
	}
}

// A code from support is no emergency code of the person's: without a phone it
// leads to no set-up.
func TestACodeFromSupportIsNoEmergencyCode(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 30, 0, 0, time.UTC)
	code := account.Record{ID: "c", Factor: "recovery", Uses: 1, Created: now}.ForSupport(now)
	p := Person(enroll.Overview{Facts: account.Facts{Fitness: account.Fit}, Snapshot: account.Snapshot{Records: []account.Record{code}}}, now)
	if !strings.HasPrefix(p.Advice, "Not set up yet") {
		t.Error(p.Advice)
	}
}
