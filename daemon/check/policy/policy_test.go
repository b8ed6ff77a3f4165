package policy_test

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // for machines without

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/policy"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A day begins at its first moment, also where clocks are moved at midnight, and
// a day that a zone has left out begins with the next.
func TestDayBeginsAtItsFirstMoment(t *testing.T) {
	for _, tt := range []struct{ zone, day, want string }{
		{"UTC", "2027-02-01", "2027-02-01T00:00:00Z"},
		{"Europe/Berlin", "2027-02-01", "2027-01-31T23:00:00Z"},
		{"Europe/Berlin", "2027-03-28", "2027-03-27T23:00:00Z"}, // clocks are put forward at two
		{"Europe/Berlin", "2027-03-29", "2027-03-28T22:00:00Z"},
		{"Europe/Berlin", "2027-10-31", "2027-10-30T22:00:00Z"}, // and back at three
		{"Europe/Berlin", "2027-11-01", "2027-10-31T23:00:00Z"},
		{"Europe/Berlin", "2028-02-29", "2028-02-28T23:00:00Z"}, // a leap day
		{"Europe/Berlin", "2028-03-01", "2028-02-29T23:00:00Z"},
		{"America/Havana", "2024-03-10", "2024-03-10T05:00:00Z"}, // midnight is left out: it begins at one
		{"America/Havana", "2024-11-03", "2024-11-03T04:00:00Z"}, // midnight comes twice: the first counts
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},   // there was no such day
		{"Pacific/Kiritimati", "2027-01-01", "2026-12-31T10:00:00Z"},
		{"America/St_Johns", "2027-01-01", "2027-01-01T03:30:00Z"},
	} {
		got := policy.Day(date(t, tt.day), zone(t, tt.zone))
		if got.UTC().Format(time.RFC3339) != tt.want {
			t.Errorf("%s in %s begins at %s, want %s", tt.day, tt.zone, got.UTC().Format(time.RFC3339), tt.want)
		}
	}
}

// Whatever the zone and the day: one second before it is grace with one day left,
// from its first second on it is owed, and the days count down one by one.
func TestDeadlinesInEveryZone(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/Havana", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "Pacific/Chatham"}
	rng := rand.New(rand.NewPCG(11, 9))
	for range 3000 {
		z := zone(t, zones[rng.IntN(len(zones))])
		day := time.Date(2020+rng.IntN(20), time.January, 1+rng.IntN(366), 0, 0, 0, 0, time.UTC)
		from := policy.Day(day, z)
		l := policy.Line{From: from}
		second := time.Second
		if l.At(from.Add(-second)) != policy.Grace || l.Left(from.Add(-second)) != 1 {
			t.Fatalf("%s in %s: a second before it is %s with %d days left", day.Format(time.DateOnly), z, l.At(from.Add(-second)), l.Left(from.Add(-second)))
		}
		if l.At(from) != policy.Required || l.Left(from) != 0 || l.At(from.Add(second)) != policy.Required {
			t.Fatalf("%s in %s: from its first second on it is %s", day.Format(time.DateOnly), z, l.At(from))
		}
		if y, m, d := from.Date(); time.Date(y, m, d, 0, 0, 0, 0, time.UTC) != day {
			t.Fatalf("%s in %s begins on the %s", day.Format(time.DateOnly), z, from)
		}
		n := 1 + rng.IntN(60)
		noon := time.Date(day.Year(), day.Month(), day.Day()-n, 12, 0, 0, 0, z)
		if got := l.Left(noon); got != n {
			t.Fatalf("%d days before %s in %s: %d days left", n, day.Format(time.DateOnly), z, got)
		}
	}
}

func TestTheFirstLineThatFitsDecides(t *testing.T) {
	now := time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC)
	feb := policy.Day(date(t, "2027-02-01"), time.UTC)
	p := policy.Policy{
		Lines: []policy.Line{
			{Groups: []string{"admins"}},
			{Groups: []string{"staff", "Crew"}, From: feb},
			{Groups: []string{"guests"}, Exempt: "they only read"},
			{Groups: []string{"scanners"}, Machine: "no hands"},
			{Groups: []string{"late"}, From: feb.AddDate(0, 1, 0)},
		},
		Everybody: policy.Line{From: policy.Day(date(t, "2027-01-15"), time.UTC)},
	}
	for _, tt := range []struct {
		groups []string
		want   policy.State
		left   int
		told   string
	}{
		{nil, policy.Required, 0, "yes, since 2027-01-15"},
		{[]string{"others"}, policy.Required, 0, "yes, since 2027-01-15"},
		{[]string{"staff"}, policy.Grace, 12, "not before 2027-02-01, 12 days left"},
		{[]string{"STAFF"}, policy.Grace, 12, "not before 2027-02-01, 12 days left"},
		{[]string{"crew"}, policy.Grace, 12, "not before 2027-02-01, 12 days left"},
		{[]string{"staff", "admins"}, policy.Required, 0, "yes"},
		{[]string{"guests", "staff"}, policy.Grace, 12, "not before 2027-02-01, 12 days left"},
		{[]string{"guests"}, policy.Exempt, 0, "no, exempt: they only read"},
		{[]string{"scanners", "guests"}, policy.Exempt, 0, "no, exempt: they only read"},
		{[]string{"scanners"}, policy.Machine, 0, "none, this is a machine: no hands"},
		{[]string{"staf"}, policy.Required, 0, "yes, since 2027-01-15"}, // no part of a name
	} {
		l := p.For(account.Subject{Groups: tt.groups})
		if l.At(now) != tt.want || l.Left(now) != tt.left || l.Told(now) != tt.told {
			t.Errorf("%v: %s, %d days, %q", tt.groups, l.At(now), l.Left(now), l.Told(now))
		}
	}
	if p.Last() != feb.AddDate(0, 1, 0) {
		t.Errorf("the last deadline is %s", p.Last())
	}
}

// Without a policy everybody owes a second factor at once.
func TestNoPolicyIsTheStrictOne(t *testing.T) {
	var p policy.Policy
	for _, now := range []time.Time{{}, time.Unix(0, 0), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if l := p.For(account.Subject{Groups: []string{"staff"}}); l.At(now) != policy.Required || l.Left(now) != 0 {
			t.Errorf("at %s: %s", now, l.At(now))
		}
	}
	if !p.Last().IsZero() {
		t.Errorf("a deadline of %s", p.Last())
	}
	// A day beside a reason is none.
	p.Everybody = policy.Line{From: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Exempt: "a reason"}
	if !p.Last().IsZero() || p.Everybody.Left(time.Time{}) != 0 {
		t.Error("who is exempt has a deadline")
	}
}
