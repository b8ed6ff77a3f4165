package browser

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
)

// The cookies of the application's host. Both go along when somebody follows a
// link from elsewhere, the page's own above all, and with no form or script of
// another site.
const (
	tryCookie   = "sallyport-try"
	visitCookie = "sallyport-visit"
)

// secretBytes is how long what we put into cookies is.
const secretBytes = 32

// name binds a cookie to the host: no other host of the domain can plant it.
// Over plain HTTP, which is for trying out on loopback, browsers know no such
// thing.
func name(origin, cookie string) string {
	if strings.HasPrefix(origin, "https://") {
		return "__Host-" + cookie
	}
	return cookie
}

func (d *Door) setCookie(w http.ResponseWriter, origin string, c *http.Cookie) {
	c.Name, c.Path, c.HttpOnly, c.SameSite = name(origin, c.Name), "/", true, http.SameSiteLaxMode
	c.Secure = strings.HasPrefix(origin, "https://")
	http.SetCookie(w, c)
}

// cookie is the only cookie of the name that looks like ours, or "".
func (d *Door) cookie(r *http.Request, origin, cookie string) string {
	found := r.CookiesNamed(name(origin, cookie))
	if len(found) != 1 {
		return ""
	}
	if secret, _, _ := strings.Cut(found[0].Value, "."); !isSecret(secret) {
		return ""
	}
	return found[0].Value
}

func isSecret(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == secretBytes
}

// try reads the cookie of somebody who is on the way to the page and back: the
// browser's secret, and what the person wanted.
func (d *Door) try(r *http.Request, origin string) (account.Secret, string, bool) {
	secret, coded, found := strings.Cut(d.cookie(r, origin, tryCookie), ".")
	address, err := base64.RawURLEncoding.DecodeString(coded)
	if !found || err != nil {
		return "", "", false
	}
	// Read again: the cookie has been out of our hands.
	return account.Secret(secret), wanted(&http.Request{Header: http.Header{"X-Forwarded-Uri": {string(address)}}}), true
}
