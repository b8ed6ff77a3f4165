package check_test

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// A person with several phones gets in with a code from any of them, and each
// phone has its own memory of the last code: using one's does not burn another's,
// nor let it be used twice. One that is still being connected lets nobody in.
func TestACodeFromAnyOfSeveralPhones(t *testing.T) {
	s := newScene(t, func(s *scene) { s.limits = roomy() })
	s.person("zoe", account.Fit)
	keys := map[string]string{}
	for range 3 {
		r, key := s.enroll("zoe", totp.Factor{}, nil)
		keys[r.ID] = key
	}
	_, waiting := s.enroll("zoe", totp.Factor{}, func(r *account.Record) { r.Pending = true })
	s.move(time.Minute)
	if ans := s.try("web", "zoe", "zoe-password", s.code(waiting)); ans.Reason != account.CodeWrong {
		t.Errorf("a phone that is still being connected: %+v", ans)
	}
	for id, key := range keys {
		if ans := s.try("web", "zoe", "zoe-password", s.code(key)); ans.Verdict != factor.Accept {
			t.Fatalf("the code of phone %s: %+v", id, ans)
		}
		if e := s.journal.last(); e.Record != id {
			t.Errorf("the audit names %s, and phone %s was used", e.Record, id)
		}
	}
	for id, key := range keys {
		if ans := s.try("web", "zoe", "zoe-password", s.code(key)); ans.Reason != account.CodeUsed {
			t.Errorf("the code of phone %s, a second time: %+v", id, ans)
		}
	}
	s.move(time.Minute)
	for id, key := range keys {
		if ans := s.try("web", "zoe", "zoe-password", s.code(key)); ans.Verdict != factor.Accept {
			t.Errorf("the next code of phone %s: %+v", id, ans)
		}
	}
}
