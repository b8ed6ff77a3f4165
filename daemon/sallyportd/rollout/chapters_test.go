package rollout

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// The policy as it stands: days of pioneers, lecturers and everybody else.
func (st *story) days(pioneersFrom, lecturersFrom, from string) {
	st.t.Helper()
	st.policy(fmt.Sprintf(`required_from = %q
[[policy.group]]
groups = ["pioneers"]
required_from = %q
[[policy.group]]
groups = ["lecturers"]
required_from = %q
[[policy.group]]
groups = ["guests"]
exempt = "they only read the agenda"
[[policy.group]]
groups = ["scanners"]
machine = "the scanners in the copy rooms"
`, from, pioneersFrom, lecturersFrom))
}

// today is the date on the campus, some days on.
func (st *story) today(on int) string {
	return st.midnightAt.AddDate(0, 0, on).Format(time.DateOnly)
}

// before is a Monday like any other: the daemon stands beside the services with a
// day far away, and everybody's normal password is good everywhere: each calendar asks,
// and of the people a fifth open a web application.
func (st *story) before() {
	st.midnight(time.Now().Add(-time.Hour))
	st.policy(fmt.Sprintf("required_from = %q\n", st.today(30)))
	st.start()
	st.each(sample(st.all, everybody()/5), func(p *person) error { return st.expect(p.web(""), "accept ok grace") })
	st.each(st.all, func(p *person) error { return st.expect(p.dav(p.password), "accept ok bridge") })
}

// dryRun writes the policy, gives machines what they will need, and asks whom the day
// would touch.
func (st *story) dryRun() {
	st.days(st.today(10), st.today(40), st.today(30))
	st.reload()
	st.machines()
	st.report(map[string]bool{pioneers: true, lecturers: true, "": true})
}

// machines are scanners, and a guest's booking program, whose app passwords an operator
// makes: nobody of those has a second factor to make one with.
func (st *story) machines() {
	for _, group := range []string{scanners, guests} {
		for _, p := range sample(st.of(func(p *person) bool { return p.group == group && !p.walks }), 4) {
			said := st.sallyport("app-password", p.name, "--label", "Copy room", "--service", "dav", "--reason", "found before the roll-out")
			made := regexp.MustCompile(`App password: *(\S+)`).FindStringSubmatch(said)
			if made == nil {
				st.t.Fatalf("no app password:\n%s", said)
			}
			p.app = made[1]
			st.ledger.did("issue", 1)
			st.each([]*person{p}, func(p *person) error { return st.syncs(p) })
		}
	}
}

// syncs has somebody's programs sync over each protocol that the service is asked in.
func (st *story) syncs(p *person) error {
	for _, wire := range []string{"auth", "check", "saslauthd", "dovecot"} {
		if err := st.expect(p.over(wire, p.app), "accept ok"); err != nil {
			return err
		}
	}
	return nil
}

// grace is the time until the day: some set up, others are told how many days are
// left and go on. Whoever has set up owes the code.
func (st *story) grace() {
	left := map[string]int{pioneers: 10, lecturers: 40, "": 30}
	waiting := st.of(func(p *person) bool { _, due := left[p.group]; return due && p.phone == nil && !p.walks })
	st.each(sample(waiting, 20), func(p *person) error {
		for _, q := range []question{p.web(""), p.dav(p.password)} {
			if a, err := st.ask(q); err != nil || a.verdict != "accept" || a.daysLeft != left[p.group] {
				return fmt.Errorf("%s: %s with %d days left, want %d; %v", q.service, a, a.daysLeft, left[p.group], err)
			}
		}
		return nil
	})
	st.each(append(sample(waiting, 100), st.of(func(p *person) bool { return p.walks })...), func(p *person) error {
		if !p.walks {
			return st.later(p, left[p.group])
		}
		if err := st.setUp(p, ""); err != nil {
			return err
		}
		if err := st.expect(p.web(""), "deny code_required"); err != nil || !p.early {
			return err
		}
		code, err := p.phone.code()
		if err != nil {
			return err
		}
		return st.expect(p.web(code), "accept ok")
	})
	// The pioneers' day is here first; for all others nothing changes.
	st.days(st.today(0), st.today(40), st.today(30))
	st.reload()
	st.each(sample(st.of(func(p *person) bool { return p.group == pioneers && p.phone == nil }), 50), func(p *person) error {
		if err := st.expect(p.web(""), "deny enroll_required"); err != nil {
			return err
		}
		return st.expect(p.dav(p.password), "deny app_password_required")
	})
	st.each(sample(waiting, 50), func(p *person) error {
		if p.group == pioneers {
			return nil
		}
		return st.expect(p.web(""), "accept ok grace")
	})
}

// later is somebody who looks at the page and puts it off.
func (st *story) later(p *person, left int) error {
	v, err := st.signIn(p)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%d days", left); !strings.Contains(v.words(), want) {
		return fmt.Errorf("the page does not say %q:\n%s", want, v.words())
	}
	return v.submit("/later")
}

// bridge is the way from the normal password to the app password in a calendar.
func (st *story) bridge() {
	crossing := st.of(func(p *person) bool { return p.phone != nil && p.app != "" && p.group != pioneers && p.group != guests })
	st.each(crossing, func(p *person) error {
		if err := st.expect(p.dav(p.password), "accept ok bridge"); err != nil {
			return fmt.Errorf("before the first app password: %w", err)
		}
		p.synced = true
		if err := st.expect(p.dav(p.app), "accept ok"); err != nil {
			return err
		}
		if err := st.expect(p.dav(p.password), "deny app_password_required"); err != nil {
			return fmt.Errorf("after the first app password: %w", err)
		}
		return st.expect(p.dav(p.app), "accept ok")
	})
	// Nothing opens it again, and a reset gives no grace.
	for _, p := range sample(crossing, 10) {
		said := st.sallyport("reset", p.name, "--reason", "lost phone, called back", "--ticket", "4711")
		st.ledger.did("reset", 1)
		old := p.app
		p.phone, p.app, p.reset, p.early = nil, "", true, false
		invite := regexp.MustCompile(`Invite code: *(\S+)`).FindStringSubmatch(said)
		if invite == nil {
			st.t.Fatalf("no invite code:\n%s", said)
		}
		st.each([]*person{p}, func(p *person) error {
			for q, want := range map[question]string{
				p.dav(p.password): "deny app_password_required", p.dav(old): "deny app_password_revoked", p.web(""): "deny enroll_required",
			} {
				if err := st.expect(q, want); err != nil {
					return fmt.Errorf("after a reset: %w", err)
				}
			}
			return st.setUp(p, invite[1])
		})
	}
	st.told(map[string]bool{lecturers: true, "": true})
}

// deadline is midnight: nobody does anything, and the day is here.
func (st *story) deadline() {
	watched := []*person{}
	for _, group := range []string{lecturers, "", guests, scanners} {
		watched = append(watched, st.of(func(p *person) bool { return p.group == group && p.phone == nil && !p.reset })[0])
	}
	for ahead := 3 * time.Second; ; ahead *= 2 {
		st.midnight(time.Now().Add(ahead).Truncate(time.Second))
		st.days(st.today(-3), st.today(0), st.today(0))
		st.reload()
		if time.Now().Before(st.midnightAt.Add(-time.Second)) {
			break
		}
		if ahead > time.Minute {
			st.t.Fatal("midnight is always over before the config is read")
		}
	}
	want := map[bool]map[string]string{
		true:  {lecturers: "accept ok grace", "": "accept ok grace", guests: "accept ok exempt", scanners: "deny app_password_required"},
		false: {lecturers: "deny enroll_required", "": "deny enroll_required", guests: "accept ok exempt", scanners: "deny app_password_required"},
	}
	early, late := 0, 0
	st.must("asking all through midnight", run.Within(run.Patience, func() error {
		for _, p := range watched {
			sent := time.Now()
			a, err := st.ask(p.web(""))
			answered := time.Now()
			st.must("asking", err)
			before := answered.Before(st.midnightAt)
			if !before && !sent.After(st.midnightAt) {
				continue // either may be
			}
			if got := strings.TrimSpace(a.String()); got != want[before][p.group] {
				st.t.Fatalf("%s of %q, %s from midnight: %s, want %s", p.name, p.group, sent.Sub(st.midnightAt), got, want[before][p.group])
			}
			if before {
				early++
			} else {
				late++
			}
		}
		if late < 2*len(watched) {
			return fmt.Errorf("%d answers after midnight", late)
		}
		return nil
	}))
	st.t.Logf("asked %d times before midnight and %d times after it", early, late)
	if early == 0 {
		st.t.Error("nobody was asked before midnight")
	}
}

// sample are at most so many of them, from all over the list.
func sample(some []*person, n int) (few []*person) {
	n = min(n, len(some))
	for i := range n {
		few = append(few, some[i*len(some)/n])
	}
	return few
}
