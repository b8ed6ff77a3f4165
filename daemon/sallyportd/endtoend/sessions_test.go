package endtoend

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode"
)

// cookie: cookie VARIABLE NAME takes the value of one of the page's cookies.
func (st *story) cookie(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	for _, c := range st.page.client.Jar.Cookies(st.page.base) {
		if c.Name == "__Host-sallyport-"+args[1] {
			st.ts.Setenv(args[0], c.Value)
			return "", nil
		}
	}
	return "", fmt.Errorf("no cookie %s", args[1])
}

// ticket: ticket VARIABLE LINK takes the ticket out of a link to the page.
func (st *story) ticket(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	u, err := url.Parse(args[1])
	if err == nil && u.Query().Get("ticket") == "" {
		err = errors.New("no ticket in the link")
	}
	if err == nil {
		st.ts.Setenv(args[0], u.Query().Get("ticket"))
	}
	return "", err
}

// nowhere: nowhere NAME PASSWORD SECRET [CODE] asks for every service with a
// secret of the page, in every form and every field that a thief could think
// of, beside the right password and beside a right code. Each is refused like
// any other wrong secret.
func (st *story) nowhere(args []string) (string, error) {
	if err := arity(args, 3, 4); err != nil {
		return "", err
	}
	who := login{name: args[0], password: args[1]}
	if len(args) == 4 {
		who.code = args[3]
	}
	said := ""
	for _, secret := range forms(args[2]) {
		// Waiting for the throttle would hide what the answer would have been.
		if _, err := st.command("0", "", []string{"sallyport", "unlock", args[0], "--reason", "the next form"}); err != nil {
			return "", err
		}
		services := []string{"dav", "web"}
		errs := make([]error, len(services))
		var wg sync.WaitGroup
		for i, service := range services {
			l := who
			l.service = service
			wg.Go(func() { errs[i] = st.refused(l, secret) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return "", fmt.Errorf("as %q: %w", secret, err)
		}
		said += secret + "\n"
	}
	return said, nil
}

// forms are the ways to write a value of a cookie or a ticket: as it is, without
// its mark, decoded, and without the prefix that is found then.
func forms(raw string) []string {
	out := []string{raw}
	if _, bare, ok := strings.Cut(raw, "."); ok {
		out = append(out, bare)
	}
	inner, err := base64.RawURLEncoding.DecodeString(out[len(out)-1])
	if err != nil || strings.ContainsFunc(string(inner), func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return out
	}
	out = append(out, string(inner))
	if _, bare, ok := strings.Cut(string(inner), "."); ok {
		out = append(out, bare)
	}
	return out
}

// refused tries the secret as Basic password, as bearer, as password and as
// code of somebody whose real password is in l, and a real code if there is one.
func (st *story) refused(l login, secret string) error {
	basic, err := st.check().auth(login{service: l.service, name: l.name, password: secret}, false)
	if err := barred(basic, err, "Basic"); err != nil {
		return err
	}
	bearer, err := st.check().ask(request{method: http.MethodGet, path: "/v1/auth",
		headers: []string{"Authorization: Bearer " + secret, "X-Sallyport-Service: " + l.service}})
	if err := barred(bearer, err, "Bearer"); err != nil {
		return err
	}
	password, err := st.check().verdict(login{service: l.service, name: l.name, password: secret, code: l.code})
	if err := barred(password, err, "password"); err != nil {
		return err
	}
	l.code = secret
	code, err := st.check().verdict(l)
	if err == nil && len(secret) > 64 && code.status == http.StatusBadRequest {
		return nil // no code is that long; the shorter forms follow
	}
	return barred(code, err, "code")
}

func barred(a answer, err error, how string) error {
	if err != nil {
		return err
	}
	if err := expectStatus(a, http.StatusUnauthorized); err != nil {
		return fmt.Errorf("%s: %w", how, err)
	}
	if a.header.Get("X-Sallyport-User") != "" || strings.Contains(a.body, `"accept"`) {
		return fmt.Errorf("%s: it lets somebody in:\n%s", how, a)
	}
	return nil
}
