package rollout

import "sync"

// morning is the day after the deadline. All who have not followed the invitation
// come with the normal password, with every program that they have, from behind
// the same few addresses as those who have.
func (st *story) morning() {
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
	all.Wait()
	if st.t.Failed() {
		return
	}
	st.each(sample(st.all, 300), func(p *person) error {
		// Where one field holds both, there is no code behind the password.
		q := p.over("saslauthd", p.password)
		if q.service = "web"; p.answerAtWeb() == "accept ok exempt" {
			return st.expect(q, "accept ok")
		}
		return st.expect(q, p.answerAtWeb())
	})
	// Whoever is set up gets in, from the same addresses, on every wire.
	st.each(st.of(func(p *person) bool { return p.app != "" }), func(p *person) error {
		for _, wire := range []string{"auth", "saslauthd", "dovecot"} {
			if err := st.expect(p.over(wire, p.app), "accept ok"); err != nil {
				return err
			}
		}
		return nil
	})
	st.each(st.of(func(p *person) bool { return p.phone != nil && !p.early }), func(p *person) error {
		code, err := p.phone.code()
		if err != nil {
			return err
		}
		return st.expect(p.web(code), "accept ok")
	})
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
