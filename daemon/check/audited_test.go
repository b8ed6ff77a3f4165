package check_test

import (
	"context"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// A wrong or used code behind a right password may be somebody who has the
// password: it is audited, so that hooks hear of it. A wrong password is not.
func TestACodeRefusedBehindARightPasswordIsAudited(t *testing.T) {
	s := newScene(t, nil)
	_, key := s.enroll("alice", totp.Factor{}, nil)
	right := s.code(key)
	wrong := account.Secret("000000")
	if right == wrong {
		wrong = "000001"
	}
	s.try("web", "alice", "not-her-password", right)
	s.try("web", "alice", "alice-password", wrong)
	s.try("web", "alice", "alice-password", right)
	s.try("web", "alice", "alice-password", right)
	events, err := s.real.Events(context.Background(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []account.Reason
	for _, e := range events {
		if e.Act == account.ActCheck {
			got = append(got, e.Reason)
		}
	}
	if want := []account.Reason{account.CodeWrong, account.OK, account.CodeUsed}; !slices.Equal(got, want) {
		t.Errorf("audited %v, want %v", got, want)
	}
}

// A login that an operator tries is theirs, in audit and log; any other is the
// person's, whatever program brought it.
func TestWhoTriesOverTheAdminSocketIsNamed(t *testing.T) {
	for _, c := range []struct {
		frontEnd    string
		peer        account.Peer
		actor, told string
	}{
		{"admin", account.Peer{UID: 1000, GID: 1000, PID: 7, Login: "berta"}, "berta(1000)", "berta(1000)"},
		{"admin", account.Peer{UID: 4242, PID: 7}, "unknown(4242)", "unknown(4242)"},
		{"http", account.Peer{UID: 990, GID: 990, PID: 8, Login: "radicale"}, "user", "radicale(990)"},
		{"http", account.Peer{UID: 0, PID: 1, Login: "root"}, "user", "root(0)"},
		{"page", account.Peer{UID: -1, GID: -1, PID: -1}, "user", ""},
		{"admin", account.Peer{}, "user", ""},
	} {
		s := newScene(t, nil)
		ans := s.engine.Check(context.Background(), account.Attempt{
			Service: "plain", FrontEnd: c.frontEnd, Name: "alice", Password: "alice-password", Client: home(), Peer: c.peer,
		})
		want(t, ans, factor.Accept, account.OK)
		audit, err := s.real.Events(context.Background(), 0, 10)
		if c.actor == "user" && len(audit) == 2 && audit[1].Act == account.ActNewNetwork {
			audit = audit[:1] // where an operator tries a login is no new network of its owner
		}
		if err != nil || len(audit) != 1 || audit[0].Actor != c.actor {
			t.Errorf("%s, %+v: audited %+v, %v", c.frontEnd, c.peer, audit, err)
		}
		if e := s.journal.last(); e.Actor != c.actor || e.Peer != c.told {
			t.Errorf("%s, %+v: told of %q by %q", c.frontEnd, c.peer, e.Actor, e.Peer)
		}
	}
}
