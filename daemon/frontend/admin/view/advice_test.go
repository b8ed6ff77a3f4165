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

// What to do next is the first thing that is in the way, and where nothing is, what
// helps after the last try.
func TestAdviceIsAboutWhatIsInTheWay(t *testing.T) {
	phone := account.Record{Factor: "totp", Uses: -1}
	for reason, want := range map[account.Reason]string{
		account.OK: "Nothing is in the way", account.BadCredentials: "type it slowly", account.CodeRequired: "right password and no code",
		account.CodeWrong: "automatic time on the phone", account.CodeUsed: "wait for the next one", account.AppPasswordRequired: "needs an app password",
		account.AppPasswordTypo: "a typing mistake", account.AppPasswordRevoked: "an app password that has ended", account.AppPasswordExpired: "an app password that has ended",
		account.WrongService: "made for something else", account.WrongSpelling: "exactly as it stands at the top",
		account.DirectoryUnavailable: "met an outage", account.StoreUnavailable: "met an outage", account.PluginUnavailable: "met an outage", account.ClockUnsafe: "met an outage",
	} {
		o := enroll.Overview{Facts: account.Facts{Fitness: account.Fit}, Snapshot: account.Snapshot{Records: []account.Record{phone}},
			Tries: []account.Event{{Reason: reason}, {Reason: account.Malformed}}}
		if got := Person(o, time.Now()).Advice; !strings.Contains(got, want) {
			t.Errorf("after %s: %q, want %q", reason, got, want)
		}
	}
	// Each of these comes before what follows it.
	o := enroll.Overview{Facts: account.Facts{Subject: account.Subject{Name: "alice"}}, Blocks: []enroll.Block{{What: "code", Tries: 6}},
		Snapshot: account.Snapshot{InviteRequired: true}, Tries: []account.Event{{Reason: account.CodeWrong}}}
	for _, step := range []struct {
		want string
		next func()
	}{
		{"could not say how this account stands", func() { o.Facts.Fitness = account.Disabled }},
		{"has switched this account off", func() { o.Facts.Fitness = account.Locked }},
		{"has locked this account", func() { o.Facts.Fitness = account.Fit }},
		{"Too many wrong tries (code). Identify the person, then: sallyport unlock alice", func() { o.Blocks = nil }},
		{"Waiting for the set-up with the invite code", func() { o.Snapshot = account.Snapshot{} }},
		{"Not set up yet", func() { o.Snapshot.Records = []account.Record{phone} }},
		{"a wrong code", func() {}},
	} {
		if got := Person(o, time.Now()).Advice; !strings.Contains(got, step.want) {
			t.Errorf("%q, want %q", got, step.want)
		}
		step.next()
	}
}
