// Package browser answers for the browsers of web applications: who is this, and
// where to go with somebody whom nobody knows yet.
//
// A web server asks it about each request (nginx auth_request, Caddy forward
// auth), and hands one path of the application's host through to it. A browser
// without a visit is sent to the page, and comes back with a code, which it
// changes here for a cookie of this host. What a visit is, and why it is safe,
// stands in package visits.
//
// It takes no password and no secret of the page, and decides nothing: the
// cookies of the page never come here, because they are another host's. It
// belongs to package httpcheck, which alone may call it.
package browser

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck/told"
)

const (
	// maxCode and maxAddress bound what a browser may bring.
	maxCode    = 128
	maxAddress = 1024
	// tryFor is how long, in seconds, a sign-in may take.
	tryFor = 60 * 60
	// Enter is the one path of the application's host that is ours.
	Enter = "/.sallyport/enter"
)

// Visits knows who is signed in where; visits.Visits is one.
type Visits interface {
	// Enter takes the code that the page gave, with the browser's own secret;
	// account.ErrNotFound where they do not belong together.
	Enter(ctx context.Context, origin string, code, secret account.Secret) (account.Secret, error)
	// See tells whose a visit is; account.ErrNotFound when it is over.
	See(ctx context.Context, origin string, visit account.Secret) (account.Subject, error)
}

// Config is what a Door needs.
type Config struct {
	Visits Visits
	// Origins are the web applications that may be asked about.
	Origins []string
	// PageURL is where people sign in, without a slash at its end.
	PageURL string
	Rand    io.Reader
	Log     *slog.Logger
}

// Door answers for browsers.
type Door struct{ cfg Config }

// New returns a Door, or says what is missing.
func New(cfg Config) (*Door, error) {
	if cfg.Visits == nil || cfg.Rand == nil || cfg.PageURL == "" || len(cfg.Origins) == 0 || cfg.Log == nil {
		return nil, errors.New("browsers can be answered for with visits, randomness, a log, a page and origins only")
	}
	return &Door{cfg}, nil
}

// Serve answers for its paths, and tells whether it did.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request) bool {
	serve := map[string]func(http.ResponseWriter, *http.Request, string){
		"/v1/session": d.session, "/v1/session/sign-in": d.signIn, Enter: d.enter,
	}[r.URL.Path]
	if serve == nil {
		return false
	}
	head := w.Header()
	head["Cache-Control"] = []string{"no-store"}
	head["Referrer-Policy"] = []string{"no-referrer"}
	head["X-Content-Type-Options"] = []string{"nosniff"}
	head["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"}
	if r.ContentLength != 0 {
		head["Connection"] = []string{"close"} // a body that the proxy has kept
	}
	if r.Method != http.MethodGet {
		head["Allow"] = []string{http.MethodGet}
		w.WriteHeader(http.StatusMethodNotAllowed)
		return true
	}
	if origin, ok := d.origin(r); ok {
		serve(w, r, origin)
	} else {
		d.cfg.Log.Warn("refused", "front_end", "http", "reason", account.NotAllowed, "error", "X-Sallyport-Origin names no origin of this socket")
		refuse(w, http.StatusForbidden, account.NotAllowed)
	}
	return true
}

// origin is the application that the web server asks for. The server must say
// it, where this socket has several; a client must not.
func (d *Door) origin(r *http.Request) (string, bool) {
	switch values := r.Header["X-Sallyport-Origin"]; {
	case len(values) == 0 && len(d.cfg.Origins) == 1:
		return d.cfg.Origins[0], true
	case len(values) == 1 && slices.Contains(d.cfg.Origins, values[0]):
		return values[0], true
	default:
		return "", false
	}
}

// session says who the browser is: 204 with headers, 401 for nobody.
func (d *Door) session(w http.ResponseWriter, r *http.Request, origin string) {
	if d.known(w, r, origin) {
		return
	}
	refuse(w, http.StatusUnauthorized, account.CodeRequired)
}

// signIn is the same, but sends a browser whom nobody knows to the page. Only
// somebody who opens a page can go there; a program in it gets the 401.
func (d *Door) signIn(w http.ResponseWriter, r *http.Request, origin string) {
	if d.known(w, r, origin) {
		return
	}
	method, mode := r.Header.Get("X-Forwarded-Method"), r.Header.Get("Sec-Fetch-Mode")
	if (method != "" && method != http.MethodGet && method != http.MethodHead) || (mode != "" && mode != "navigate") {
		refuse(w, http.StatusUnauthorized, account.CodeRequired)
		return
	}
	secret, _, ok := d.try(r, origin)
	if !ok { // else another window is on its way, and both may arrive
		b := make([]byte, 32)
		if _, err := io.ReadFull(d.cfg.Rand, b); err != nil {
			d.away(w, fmt.Errorf("reading random bytes: %w", err))
			return
		}
		secret = account.Secret(base64.RawURLEncoding.EncodeToString(b))
	}
	d.setCookie(w, origin, &http.Cookie{Name: tryCookie, Value: secret.Reveal() + "." + base64.RawURLEncoding.EncodeToString([]byte(wanted(r))), MaxAge: tryFor})
	sum := sha256.Sum256([]byte(secret.Reveal()))
	q := url.Values{"return": {origin + "/"}, "bind": {base64.RawURLEncoding.EncodeToString(sum[:])}}
	w.Header()["Location"] = []string{d.cfg.PageURL + "/?" + q.Encode()}
	w.WriteHeader(http.StatusFound)
}

// enter changes the code from the page for a cookie of this host, and goes on to
// what the person wanted.
func (d *Door) enter(w http.ResponseWriter, r *http.Request, origin string) {
	secret, address, ok := d.try(r, origin)
	code := r.URL.Query().Get("code")
	err := account.ErrNotFound
	var visit account.Secret
	if ok && code != "" && len(code) <= maxCode {
		visit, err = d.cfg.Visits.Enter(r.Context(), origin, account.Secret(code), secret)
	}
	switch {
	case errors.Is(err, account.ErrNotFound):
		d.lost(w)
	case err != nil:
		d.away(w, err)
	default:
		d.setCookie(w, origin, &http.Cookie{Name: visitCookie, Value: visit.Reveal()})
		w.Header()["Location"] = []string{origin + address}
		w.WriteHeader(http.StatusSeeOther)
	}
}

// known answers for somebody with a visit, and in an outage.
func (d *Door) known(w http.ResponseWriter, r *http.Request, origin string) bool {
	visit := d.cookie(r, origin, visitCookie)
	if visit == "" {
		return false
	}
	who, err := d.cfg.Visits.See(r.Context(), origin, account.Secret(visit))
	switch {
	case errors.Is(err, account.ErrNotFound):
		return false
	case err == nil && !(account.Answer{Subject: who}).Usable():
		err = errors.New("a visit of nobody")
		fallthrough
	case err != nil:
		d.away(w, err)
	default:
		told.Who(w.Header(), who)
		w.WriteHeader(http.StatusNoContent)
	}
	return true
}

// wanted is what the person asked the application for, or its start.
func wanted(r *http.Request) string {
	values := r.Header["X-Forwarded-Uri"]
	if len(values) != 1 || len(values[0]) > maxAddress || !strings.HasPrefix(values[0], "/") || strings.HasPrefix(values[0], "/.sallyport/") ||
		strings.ContainsFunc(values[0], func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "/"
	}
	return values[0]
}
