package admin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// An app password of an operator is answered once, and only for whom the policy
// says so; what is asked wrongly is not done.
func TestAppPasswordsOfOperators(t *testing.T) {
	for body, want := range map[string]string{
		`{"reason":"new scanner","label":"Copy room"}`:                           "issue Copy room for  to scanner3",
		`{"reason":"new scanner","label":"Copy room","service":"dav"}`:           "issue Copy room for dav to scanner3",
		`{"reason":"new scanner","label":"Copy room","ticket":"47"}`:             "issue Copy room for  to scanner3",
		`{"reason":"new scanner"}`:                                               "",
		`{"reason":"new scanner","label":""}`:                                    "",
		`{"label":"Copy room"}`:                                                  "",
		`{"reason":"new scanner","label":"Copy room","service":1}`:               "",
		`{"reason":"new scanner","label":"Copy room","record":"r1"}`:             "",
		`{"reason":"new scanner","label":"` + strings.Repeat("x", 65*4+1) + `"}`: "",
	} {
		code, d := askAs(t, "POST /v1/users/scanner3/app-password\n"+body, peer(4242, 4242), true)
		if done := strings.Join(d.done, " "); done != want || (code == 200) != (want != "") {
			t.Errorf("%s: %d, done %q", body, code, done)
		}
		if want != "" && d.order.Operator == "" {
			t.Errorf("%s: nobody asked for it", body)
		}
	}
	path := serve(t, &desk{})
	const ask = "POST /v1/users/scanner3/app-password HTTP/1.1\nHost: sallyport\nContent-Type: application/json\nConnection: close\n\n" +
		`{"reason":"new scanner","label":"Copy room"}`
	if code, body := say(t, path, ask); code != 200 || body != `{"done":"app-password","removed":0,"app_password":"k7m2-9qxv","record":"r9"}` {
		t.Errorf("%d %s", code, body)
	}
	for err, says := range map[error]int{
		&enroll.Refusal{Reason: account.NotAllowed}: 409, &enroll.Refusal{Reason: account.Malformed}: 400,
		account.ErrNotFound: 404, errors.New("no disk"): 503,
	} {
		if code, body := say(t, serve(t, &desk{err: err}), ask); code != says || strings.Contains(body, "k7m2") {
			t.Errorf("%v: %d %s, want %d", err, code, body, says)
		}
	}
}
