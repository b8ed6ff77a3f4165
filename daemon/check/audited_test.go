package check_test

import (
	"context"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
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
