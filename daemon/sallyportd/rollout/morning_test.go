package rollout

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
)

// morning is the day after the deadline. All who have not followed the invitation
// come with the normal password, with every program that they have, from behind
// the same few addresses as those who have.
func (st *story) morning() {
	midnight := st.ledger.sofar()
	st.each(st.all, func(p *person) error { return st.expect(p.web(""), p.answerAtWeb()) })
	newcomers := sample(st.of(func(p *person) bool { return p.answerAtWeb() == "deny enroll_required" && !p.reset }), everybody()*9/1000)
	dav := func(wire string) func(p *person) error {
		return func(p *person) error {
			want := "deny app_password_required"
			if wire == "dovecot" {
				want = "deny" // which has no word for why
			}
			return st.expect(p.over(wire, p.password), want)
		}
	}
	var all sync.WaitGroup
	all.Go(func() { st.each(newcomers, func(p *person) error { return st.setUp(p, "") }) })
	all.Go(func() { st.each(st.all, dav("auth")) })
	all.Go(func() { st.each(st.all, dav("saslauthd")) })
	all.Go(func() { st.each(sample(st.all, 1000), dav("dovecot")) })
	all.Go(func() { st.each(sample(st.all, 1000), dav("check")) })
	all.Wait()
	if st.t.Failed() {
		return
	}
	// Where one field holds both, there is no code behind the password.
	for _, wire := range []string{"saslauthd", "auth"} {
		st.each(sample(st.all, 300), func(p *person) error {
			q := p.over(wire, p.password)
			if q.service, q.agent = "web", p.web("").agent; p.answerAtWeb() == "accept ok exempt" {
				return st.expect(q, "accept ok")
			}
			return st.expect(q, p.answerAtWeb())
		})
	}
	st.everyWay(midnight)
	// At the page it leads to the code, and to nothing else.
	st.each(sample(st.of(func(p *person) bool { return p.phone != nil }), 10), func(p *person) error {
		v, err := st.signIn(p)
		if err != nil {
			return err
		}
		if v.path != "/code" {
			return fmt.Errorf("the page leads to %s", v.path)
		}
		if err = v.get("/home"); err == nil && v.path == "/home" {
			err = errors.New("the normal password alone is at home")
		}
		return err
	})
	// Whoever is set up gets in, from the same addresses, on every wire; so do machines.
	st.each(st.of(func(p *person) bool { return p.app != "" }), st.syncs)
	st.each(st.of(func(p *person) bool { return p.phone != nil && !p.early }), func(p *person) error {
		code, err := p.phone.code()
		if err != nil {
			return err
		}
		return st.expect(p.web(code), "accept ok")
	})
}

// everyWay holds the story to the config: there is no service at any socket that
// nobody has tried with the normal password since then, over its protocol.
func (st *story) everyWay(since map[check]int) {
	st.t.Helper()
	tried := map[string]bool{}
	for c, n := range st.ledger.sofar() {
		if n > since[c] {
			tried[c.frontEnd+" "+c.service] = true
		}
	}
	sockets := regexp.MustCompile(`\[\[listen\]\]\nprotocol = "(\w+)"\npath = .*\nservices = \[(.*)\]`).FindAllStringSubmatch(configText, -1)
	ways := 0
	for _, socket := range sockets {
		for _, service := range regexp.MustCompile(`\w+`).FindAllString(socket[2], -1) {
			if ways++; !tried[socket[1]+" "+service] {
				st.t.Errorf("nobody has come to %s over %s", service, socket[1])
			}
		}
	}
	if ways != 5 || len(tried) != ways {
		st.t.Errorf("the config has %d ways to ask, and %d were tried: %v", ways, len(tried), tried)
	}
}

// answerAtWeb is what the right password alone gets, once all days have come.
func (p *person) answerAtWeb() string {
	switch {
	case p.group == scanners:
		return "deny app_password_required"
	case p.phone != nil:
		return "deny code_required"
	case p.group == guests:
		return "accept ok exempt"
	default:
		return "deny enroll_required"
	}
}
