package view

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// What the desk says about a phone depends on what else the person has.
func TestAdviceAboutPhones(t *testing.T) {
	phone, codes := account.Record{Factor: "totp", Uses: -1}, account.Record{Factor: "recovery", Uses: 3}
	spent := account.Record{Factor: "recovery", Uses: 0}
	for name, c := range map[string]struct {
		records []account.Record
		want    string
	}{
		"nothing":                   {nil, "Not set up yet."},
		"codes that are used up":    {[]account.Record{spent}, "Not set up yet."},
		"emergency codes alone":     {[]account.Record{codes}, "No phone is connected. The person signs in at the page with the normal password and an emergency code"},
		"one phone":                 {[]account.Record{phone, spent}, "Nothing is in the way. Lost phone? Identify the person"},
		"a phone and codes":         {[]account.Record{phone, codes}, "With another phone or an emergency code the person says so at the page."},
		"two phones, and no codes":  {[]account.Record{phone, phone}, "With another phone or an emergency code the person says so at the page."},
		"a phone, an app password":  {[]account.Record{phone, {Factor: "app-password", Uses: -1}}, "Lost phone? Identify the person"},
		"two, of which one is dead": {[]account.Record{phone, {Factor: "totp", Uses: -1, Pending: true}}, "Lost phone? Identify the person"},
	} {
		o := enroll.Overview{Facts: account.Facts{Fitness: account.Fit}, Snapshot: account.Snapshot{Records: c.records}}
		if got := advice(o, api.Person{}, time.Now()); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
