package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/leave"
	"github.com/sallyport/sallyport/daemon/check/policy"
	admin "github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
	"github.com/sallyport/sallyport/daemon/sallyportd/ledger"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
	"github.com/sallyport/sallyport/plugins/factor"
)

func now() time.Time { return time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC) }

// town is a directory and a store in memory.
type town struct {
	people []account.Facts
	snaps  map[account.ID]account.Snapshot
	tries  map[account.ID][]account.Event
	events []account.Event
	kept   dossier.Kept
	// changes and erased are what was written.
	changes []account.Change
	erased  []dossier.Who
	// away says that the directory does not answer.
	away bool
	// ends is after how many people the directory goes away.
	ends int
}

func (w *town) Count(context.Context) (int, error) { return len(w.people), nil }

func (w *town) Walk(_ context.Context, each func(account.Facts) error) error {
	for i, f := range w.people {
		if w.ends > 0 && i == w.ends {
			return fmt.Errorf("walking: %w", account.ErrUnavailable)
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

func (w *town) Load(_ context.Context, id account.ID, _ ...string) (account.Snapshot, error) {
	return w.snaps[id], nil
}

func (w *town) Tries(_ context.Context, id account.ID, _ int) ([]account.Event, error) {
	return w.tries[id], nil
}

func (w *town) Events(_ context.Context, after int64, limit int) (some []account.Event, err error) {
	for _, e := range w.events {
		if e.Seq > after && len(some) < limit {
			some = append(some, e)
		}
	}
	return some, nil
}

func (w *town) Find(_ context.Context, name string) (account.Facts, error) {
	if w.away {
		return account.Facts{}, account.ErrUnavailable
	}
	for _, f := range w.people {
		if f.Name == name {
			return f, nil
		}
	}
	return account.Facts{}, account.ErrNotFound
}

func (w *town) Kept(context.Context, account.ID) (dossier.Kept, error) { return w.kept, nil }

func (w *town) Erase(_ context.Context, who dossier.Who) (dossier.Gone, error) {
	w.erased = append(w.erased, who)
	return dossier.Gone{Tokens: 2, Tries: 3, Events: 4}, nil
}

func (w *town) Commit(_ context.Context, c account.Change) error {
	w.changes = append(w.changes, c)
	for _, e := range c.Events {
		e.Seq = int64(len(w.events)) + 1
		w.events = append(w.events, e)
	}
	return nil
}

func person(name string, groups ...string) account.Facts {
	return account.Facts{Subject: account.Subject{ID: account.ID("id-" + name), Name: name, DisplayName: "Person " + name, Mail: name + "@example.org", Groups: groups},
		Fitness: account.Fit}
}

func open(w *town) ledger.Ledger {
	return ledger.Ledger{Directory: w, Store: w, Code: "totp", App: "app-password", Now: now, Record: func(account.Event) {},
		Policy: policy.Policy{Lines: []policy.Line{
			{Groups: []string{"staff"}, From: now().AddDate(0, 0, 12), Config: "c.toml:3"},
			{Groups: []string{"guests"}, Exempt: "they only read"},
			{Groups: []string{"scanners"}, Machine: "no hands"},
		}}}
}

// roll is a roll-out with one of each.
func roll() *town {
	code := account.Record{Factor: "totp", Uses: -1, LastUsed: now().Add(-time.Hour)}
	app := account.Record{Factor: "app-password", Uses: -1, LastUsed: now().Add(-time.Minute)}
	dead := app
	dead.Revoked = now()
	bridge := leave.Case{Line: policy.Line{From: now()}}.Note(leave.Bridge)
	w := &town{
		people: []account.Facts{person("done"), person("owes"), person("early", "Staff", "choir"), person("guest", "guests"), person("hall", "scanners"),
			person("svc-mail"), {Subject: account.Subject{Name: "broken"}}},
		snaps: map[account.ID]account.Snapshot{
			"id-done":  {Records: []account.Record{code, app, dead}},
			"id-owes":  {Records: []account.Record{app, {Factor: "totp", Pending: true, Uses: -1}}},
			"id-guest": {Records: []account.Record{dead}},
		},
		tries: map[account.ID][]account.Event{
			"id-owes": {
				{At: now().Add(-2 * time.Hour), Act: account.ActCheck, Service: "dav", Agent: "DAVx5/4.3", Verdict: factor.Deny, Reason: account.AppPasswordRequired, Count: 3},
				{At: now().Add(-4 * time.Hour), Act: account.ActCheck, Service: "dav", Agent: "DAVx5/4.3", Verdict: factor.Deny, Reason: account.AppPasswordRequired, Count: 4, Address: "192.0.2.1"},
				{At: now().Add(-3 * time.Hour), Act: account.ActCheck, Service: "web", Verdict: factor.Deny, Reason: account.BadCredentials},
			},
			"id-early": {{At: now().Add(-time.Minute), Act: account.ActCheck, Service: "dav", Agent: "DAVx5/4.4", Verdict: factor.Accept, Reason: account.OK, Note: bridge}},
			"id-guest": {{At: now().Add(-time.Minute), Act: account.ActCheck, Service: "web", Verdict: factor.Accept, Reason: account.OK, Count: 500, Address: "192.0.2.1"}},
		},
	}
	return w
}

func report(t *testing.T, w *town) (lines []admin.Line, err error) {
	t.Helper()
	err = open(w).Report(context.Background(), "root(0)", func(l admin.Line) error { lines = append(lines, l); return nil })
	return lines, err
}

func TestReportTellsHowEverybodyStands(t *testing.T) {
	w := roll()
	lines, err := report(t, w)
	if err != nil || len(lines) != 8 || lines[0].People != 7 || lines[7].Summary == nil {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	type stand struct {
		name, policy    string
		second, blocked bool
		apps, programs  int
		machine         int
		groups          []string
		seen            time.Time
	}
	for i, want := range []stand{
		{"done", "required", true, false, 1, 0, 0, nil, now().Add(-time.Minute)},
		{"owes", "required", false, true, 1, 1, 0, nil, now().Add(-time.Minute)},
		{"early", "grace", false, true, 0, 1, 0, []string{"Staff"}, now().Add(-time.Minute)},
		{"guest", "exempt", false, false, 0, 0, 1, []string{"guests"}, now().Add(-time.Minute)},
		{"hall", "machine", false, false, 0, 0, 0, []string{"scanners"}, time.Time{}},
		{"svc-mail", "required", false, true, 0, 0, 1, nil, time.Time{}},
	} {
		p := lines[i+1].Person
		got := stand{p.Name, p.Policy, p.SecondFactor, p.Blocked, p.AppPasswords, len(p.NormalPassword), len(p.MachineLike), p.Groups, p.LastSeen}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if p := lines[2].Person.NormalPassword[0]; p.Tries != 7 || p.Agent != "DAVx5/4.3" || p.Last != now().Add(-2*time.Hour) {
		t.Errorf("the program is %+v", p)
	}
	if p := lines[3].Person; p.Config != "c.toml:3" || p.Due != now().AddDate(0, 0, 12) {
		t.Errorf("decided by %+v", p)
	}
	s := *lines[7].Summary
	if s.People != s.PolicyRequired+s.PolicyGrace+s.PolicyExempt+s.PolicyMachine+s.Unreadable ||
		s.People != s.Enrolled+s.InGrace+s.NotYet+s.Exempt+s.Machines+s.Unreadable {
		t.Errorf("it does not add up: %+v", s)
	}
	if s.Enrolled != 1 || s.NotYet != 2 || s.Blocked != 3 || s.OnNormalPassword != 2 || s.WithAppPasswords != 2 || s.MachineLike != 2 || s.Unreadable != 1 {
		t.Errorf("%+v", s)
	}
	if len(s.Programs) != 1 || s.Programs[0] != (admin.Program{Service: "dav", Agent: "DAVx5", Tries: 8, Last: now().Add(-time.Minute), People: 2}) {
		t.Errorf("programs %+v", s.Programs)
	}
	if len(w.events) != 1 || w.events[0].Act != account.ActReport || w.events[0].Actor != "root(0)" {
		t.Errorf("audited: %+v", w.events)
	}
}

// Whoever works down the list sees it get shorter: a program leaves it once an app
// password has let it in for a day in which it did not send the normal password.
func TestWhatHasChangedOverLeavesTheList(t *testing.T) {
	last := now().AddDate(0, 0, -3)
	for name, c := range map[string]struct {
		app   account.Record
		still bool
	}{
		"no app password":                  {account.Record{Factor: "totp", LastUsed: now(), LastAgent: "DAVx5/4.3"}, true},
		"one that nothing has used":        {account.Record{Factor: "app-password"}, true},
		"a day later, in a newer version":  {account.Record{Factor: "app-password", LastUsed: last.Add(24 * time.Hour), LastAgent: "DAVx5/4.4", LastService: "files"}, false},
		"good for this service":            {account.Record{Factor: "app-password", LastUsed: now(), LastAgent: "DAVx5/4.4", Services: []string{"files", "dav"}}, false},
		"good for another service":         {account.Record{Factor: "app-password", LastUsed: now(), LastAgent: "DAVx5/4.4", Services: []string{"files"}}, true},
		"within the day: a second device?": {account.Record{Factor: "app-password", LastUsed: last.Add(24*time.Hour - time.Second), LastAgent: "DAVx5/4.3"}, true},
		"before that":                      {account.Record{Factor: "app-password", LastUsed: last.AddDate(0, 0, -3), LastAgent: "DAVx5/4.3"}, true},
		"another program":                  {account.Record{Factor: "app-password", LastUsed: now(), LastAgent: "DAVx/4.3"}, true},
		"revoked":                          {account.Record{Factor: "app-password", LastUsed: now(), LastAgent: "DAVx5/4.3", Revoked: now()}, true},
	} {
		c.app.Uses = -1
		w := &town{people: []account.Facts{person("anna")}, snaps: map[account.ID]account.Snapshot{"id-anna": {Records: []account.Record{c.app}}},
			tries: map[account.ID][]account.Event{"id-anna": {
				{At: last, Act: account.ActCheck, Service: "dav", Agent: "DAVx5/4.3", Verdict: factor.Deny, Reason: account.AppPasswordRequired},
				{At: last.AddDate(0, 0, -9), Act: account.ActCheck, Service: "dav", Agent: "DAVx5/4.3", Verdict: factor.Deny, Reason: account.AppPasswordRequired},
			}}}
		lines, err := report(t, w)
		if err != nil || len(lines) != 3 {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		p, s := lines[1].Person, lines[2].Summary
		if (len(p.NormalPassword) == 1) != c.still || (s.OnNormalPassword == 1) != c.still || (len(s.Programs) == 1) != c.still || p.NormalPassword == nil {
			t.Errorf("%s: %+v, %d of all, %+v", name, p.NormalPassword, s.OnNormalPassword, s.Programs)
		}
	}
}

// A directory that goes away in the middle is an error, and no summary of a part.
func TestReportOfAPartIsNone(t *testing.T) {
	w := roll()
	w.ends = 3
	lines, err := report(t, w)
	if !errors.Is(err, account.ErrUnavailable) || slices.ContainsFunc(lines, func(l admin.Line) bool { return l.Summary != nil }) {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

func TestWhatLooksLikeAMachine(t *testing.T) {
	w := &town{}
	names := []string{"scanner3", "svc.mail", "print-server-ci", "PC07$", "backup", "alice", "scannell", "botho", "servicedesk", "müller", "ci-ara", "000"}
	for _, n := range names {
		w.people = append(w.people, person(n))
	}
	nobody := person("xyz")
	nobody.Mail, nobody.DisplayName = "", "XYZ"
	w.people = append(w.people, nobody)
	lines, err := report(t, w)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, l := range lines {
		if l.Person != nil && len(l.Person.MachineLike) > 0 {
			found = append(found, l.Person.Name)
		}
	}
	if !slices.Equal(found, []string{"scanner3", "svc.mail", "print-server-ci", "PC07$", "backup", "ci-ara", "xyz"}) {
		t.Errorf("found %q", found)
	}
}

func TestAuditOfATime(t *testing.T) {
	w := &town{}
	for i := range 1200 {
		w.events = append(w.events, account.Event{Seq: int64(i) + 1, At: now().Add(time.Duration(i) * time.Minute)})
	}
	var got []int64
	q := admin.Query{Operator: "root(0)", From: now().Add(10 * time.Minute), To: now().Add(1100 * time.Minute)}
	if err := open(w).Audit(context.Background(), q, func(e account.Event) error { got = append(got, e.Seq); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1090 || got[0] != 11 || got[1089] != 1100 {
		t.Errorf("%d events, %d to %d", len(got), got[0], got[len(got)-1])
	}
	if last := w.events[len(w.events)-1]; last.Act != account.ActExport || last.Actor != "root(0)" {
		t.Errorf("audited: %+v", last)
	}
}
