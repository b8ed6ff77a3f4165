// Package guard holds what protects the page whatever it shows: headers, the
// cookies of each level, form tokens, the check of where a form comes from, and
// the client's address.
//
// It knows no page and no rule of signing in. Only package enrollweb and the
// packages under it use it.
package guard

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/daemon/account"
)

// maxForm is the most bytes of a form.
const maxForm = 16 << 10

// Level is how far somebody has come. Each has a cookie of its own, or at
// least a mark of its own inside it, so that none can pass for another.
type Level uint8

const (
	// Pre is nobody yet; the cookie only binds forms to a browser.
	Pre Level = iota
	// Code means that the password was right; the cookie is the ticket.
	Code
	// Setup may set up, and nothing else.
	Setup
	// Full has passed both doors.
	Full
)

// Site is the page's place in the world.
type Site struct {
	secure   bool
	proxies  []netip.Prefix
	crossing *http.CrossOriginProtection
}

// New learns from the public address how cookies and origins must look.
// Insecure cookies are refused unless the address is plain http on loopback,
// and plain http is refused without them.
func New(base string, insecure bool, proxies []netip.Prefix) (*Site, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("the page's address %q is not an http or https address", base)
	}
	addr, _ := netip.ParseAddr(u.Hostname())
	loopback := addr.IsLoopback() || u.Hostname() == "localhost"
	switch {
	case insecure && (u.Scheme != "http" || !loopback):
		return nil, fmt.Errorf("cookies without Secure are only for plain http on a loopback address, not for %q", base)
	case !insecure && u.Scheme != "https":
		return nil, fmt.Errorf("the page's address %q must be https; behind a TLS proxy, give the address that people type", base)
	}
	s := &Site{secure: !insecure, proxies: proxies, crossing: http.NewCrossOriginProtection()}
	if err := s.crossing.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, fmt.Errorf("trusting the page's own address: %w", err)
	}
	return s, nil
}

func (s *Site) name(l Level) string {
	return s.own([...]string{"sallyport-pre", "sallyport-pending", "sallyport-pending", "sallyport-session"}[l])
}

// own is the name of a cookie that no other host of the domain can plant.
func (s *Site) own(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// mark keeps the two kinds of pending cookie apart.
func (l Level) mark() string { return [...]string{"", "c.", "s.", ""}[l] }

// Secure tells whether everything goes over TLS.
func (s *Site) Secure() bool { return s.secure }

// SetCookie puts a browser on a level; it lasts until the browser closes.
func (s *Site) SetCookie(w http.ResponseWriter, l Level, value account.Secret) {
	s.write(w, s.name(l), l.mark()+base64.RawURLEncoding.EncodeToString([]byte(value.Reveal())), 0)
}

// DropCookie takes a browser off a level.
func (s *Site) DropCookie(w http.ResponseWriter, l Level) { s.write(w, s.name(l), "", -1) }

func (s *Site) write(w http.ResponseWriter, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// SetTaste remembers something that is no secret and proves nothing, for a year.
func (s *Site) SetTaste(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: s.own(name), Value: value, Path: "/", MaxAge: 365 * 24 * 3600,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// Taste returns what SetTaste or SetNote remembered, or "".
func (s *Site) Taste(r *http.Request, name string) string {
	c, err := r.Cookie(s.own(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// SetNote remembers for some seconds what is to be done next and proves nothing;
// Taste reads it, too. A negative number forgets it.
func (s *Site) SetNote(w http.ResponseWriter, name, value string, seconds int) {
	s.write(w, s.own(name), value, seconds)
}

// Cookie returns what SetCookie stored, or "" if there is nothing of that level.
func (s *Site) Cookie(r *http.Request, l Level) account.Secret {
	c, err := r.Cookie(s.name(l))
	if err != nil {
		return ""
	}
	coded, ok := strings.CutPrefix(c.Value, l.mark())
	if !ok {
		return ""
	}
	value, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil || len(value) > 1024 {
		return ""
	}
	return account.Secret(value)
}

// FormToken binds a form to the cookie of its level. Keyed by the cookie
// itself, it needs no state, dies with the cookie, and holds on every node.
func FormToken(l Level, cookie account.Secret) string {
	mac := hmac.New(sha256.New, []byte(cookie.Reveal()))
	mac.Write([]byte{'f', 'o', 'r', 'm', byte(l)})
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// FormFits compares, in constant time, a form's token with the one it must have.
func FormFits(want, got string) bool {
	return want != "" && hmac.Equal([]byte(want), []byte(got))
}

// Admit lets only small forms from our own pages in and parses them; it returns
// the status to refuse with, or 0. A POST that says nothing of where it comes
// from is refused. "Origin: null" alone goes on to the form's token: it is what
// browsers without Sec-Fetch-Site send from a page that says no-referrer, as
// ours do.
func (s *Site) Admit(w http.ResponseWriter, r *http.Request) int {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	ownNull := origin == "null" && site == ""
	if (origin == "" && site == "") || (!ownNull && s.crossing.Check(r) != nil) {
		return http.StatusForbidden
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return http.StatusUnsupportedMediaType
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err = r.ParseForm()
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return http.StatusRequestEntityTooLarge
	case err != nil:
		return http.StatusBadRequest
	}
	return 0
}

// policy is what a browser may do with an answer.
const policy = "default-src 'none'; img-src 'self' data:; style-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// AllowScript lets a page load the one script that carries the nonce, and the
// script ask this site.
func (s *Site) AllowScript(head http.Header, nonce string) {
	head.Set("Content-Security-Policy", policy+"; script-src 'nonce-"+nonce+"'; connect-src 'self'")
}

// Headers is for every answer, errors included.
func (s *Site) Headers(head http.Header) {
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	head.Set("Cache-Control", "no-store")
	if s.secure {
		head.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// Client is the remote end: the socket's peer, or, if that is a trusted proxy,
// the right-most hop in X-Forwarded-For that is not. What stands further left
// was written by the client and means nothing. The peer of a Unix socket has no
// address: it is a proxy, and trusted by the mode of the socket.
func (s *Site) Client(r *http.Request) account.Client {
	agent := strings.ToValidUTF8(r.UserAgent(), "")
	if len(agent) > 256 {
		agent = strings.ToValidUTF8(agent[:256], "")
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && (!addr.IsValid() || s.trusts(addr)); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap().WithZone("")
	}
	return account.Client{Addr: addr, Agent: agent}
}

func (s *Site) trusts(addr netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Once remembers which shown-once forms were answered, so that a reload or a
// second click makes no second app password. It is a courtesy, not a guard: a
// restart forgets it, and the worst is an app password that nobody uses.
type Once struct {
	mu    sync.Mutex
	taken map[string]bool
	order []string
}

// onceLimit and onceKey bound the memory of Once, in keys and in bytes a key;
// ours are shorter, and a form can say anything.
const (
	onceLimit = 4096
	onceKey   = 64
)

// Take is true the first time that it sees a key.
func (o *Once) Take(key string) bool {
	if len(key) > onceKey {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.taken == nil {
		o.taken = make(map[string]bool)
	}
	if o.taken[key] {
		return false
	}
	o.taken[key] = true
	if o.order = append(o.order, key); len(o.order) > onceLimit {
		delete(o.taken, o.order[0])
		o.order = o.order[1:]
	}
	return true
}

// GiveBack lets a form be sent again whose answer was not a yes.
func (o *Once) GiveBack(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.taken, key)
}
