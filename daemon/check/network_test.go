package check_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// networks are the acts of the audit that tell of a new network, by address; the
// log and the counters must have heard of the same.
func (s *scene) networks() []string {
	s.t.Helper()
	audit, err := s.real.Events(context.Background(), 0, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, e := range audit {
		if e.Act == account.ActNewNetwork {
			if e.Subject == "" || e.Name == "" || e.Actor != "user" || e.Verdict != factor.Accept {
				s.t.Errorf("the audit says %+v", e)
			}
			out = append(out, e.Address)
		}
	}
	if n := s.journal.count(account.ActNewNetwork); n != len(out) {
		s.t.Errorf("%d are audited, and the journal heard of %d", len(out), n)
	}
	return out
}

func (s *scene) from(address string) account.Answer {
	return s.engine.Check(context.Background(), account.Attempt{
		Service: "plain", FrontEnd: "test", Name: "alice", Password: "alice-password",
		Client: account.Client{Addr: netip.MustParseAddr(address)},
	})
}

// A network is told once, as soon as somebody is in, and again only after it has
// been forgotten. One household of IPv6 is one network.
func TestANewNetworkIsToldOnce(t *testing.T) {
	s := newScene(t, nil)
	expect := func(n int, after string) {
		t.Helper()
		if got := s.networks(); len(got) != n {
			t.Errorf("after %s: %v", after, got)
		}
	}
	want(t, s.try("plain", "alice", "wrong", ""), factor.Deny, account.BadCredentials)
	expect(0, "a wrong password")
	for range 3 {
		want(t, s.from("192.0.2.9"), factor.Accept, account.OK)
	}
	expect(1, "a login")
	want(t, s.from("2001:db8:1:2::1"), factor.Accept, account.OK)
	want(t, s.from("2001:db8:1:2::ffff"), factor.Accept, account.OK)
	expect(2, "a login at another household")
	for range 40 { // days of which none is missing
		s.move(24 * time.Hour)
		want(t, s.from("192.0.2.9"), factor.Accept, account.OK)
	}
	expect(2, "forty days")
	s.move(31 * 24 * time.Hour)
	want(t, s.from("192.0.2.9"), factor.Accept, account.OK)
	expect(3, "a month away")
}

// The page asks for password and code one after the other: the network is as
// known then as in one go, and is not told with every login.
func TestANewNetworkInTwoSteps(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	for range 3 {
		ticket := s.ticket("alice")
		ans := s.engine.Check(context.Background(), account.Attempt{Service: "web", FrontEnd: "page", Ticket: ticket, Code: s.code(key), Client: home()})
		want(t, ans, factor.Accept, account.OK)
		s.move(time.Minute)
	}
	if got := s.networks(); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}

// Where no address is known there is no network, and none to be told of.
func TestNoAddressIsNoNetwork(t *testing.T) {
	s := newScene(t, nil)
	ans := s.engine.Check(context.Background(), account.Attempt{Service: "plain", FrontEnd: "test", Name: "alice", Password: "alice-password"})
	want(t, ans, factor.Accept, account.OK)
	if got := s.networks(); len(got) != 0 {
		t.Errorf("told %v", got)
	}
}

// A ticket says where its owner passed the first door, which is told of what they
// do behind it.
func TestATicketSaysWhereFrom(t *testing.T) {
	s := newScene(t, nil)
	s.enroll("alice", totp.Factor{}, nil)
	ref := account.TokenRef{Kind: account.TicketPassword, Hash: account.HashToken(s.ring.MAC, account.TicketPassword, s.ticket("alice"))}
	tok, err := s.real.Token(context.Background(), ref)
	if want := "web\x00alice\x00" + home().Addr.String(); err != nil || string(tok.Data) != want {
		t.Errorf("it says %q, %v; want %q", tok.Data, err, want)
	}
}
