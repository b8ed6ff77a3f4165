package httpcheck

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck/told"
)

const (
	// maxBasic bounds the encoded credentials: name and password at their
	// longest, in base64.
	maxBasic     = (maxName+1+maxPassword)/3*4 + 4
	maxForwarded = 16
)

// auth answers the sub-request of a web server (nginx auth_request, Caddy and
// Traefik forward auth) by its status and headers. It looks at the three
// headers meant for it and ignores everything else that the client sent; in
// particular an Origin, which nginx hands through from an honest web client.
func (h *handler) auth(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// A proxy that announces the client's body and keeps it would make the
		// server wait for it before the answer goes out.
		w.Header()["Connection"] = []string{"close"}
	}
	service, err := single(r.Header["X-Sallyport-Service"], "X-Sallyport-Service")
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	a, err := h.attempt(r, service)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	credentials, err := single(r.Header["Authorization"], "Authorization")
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	if a.Client.Addr, err = clientAddr(r.Header["X-Forwarded-For"], h.Proxies); err != nil {
		h.refuse(w, r, err)
		return
	}
	a.Client.Agent = agent(r.Header["User-Agent"])
	encoded, basic := cutBasic(credentials)
	if !basic {
		// Without a challenge no client ever sends a password.
		h.deny(w, "")
		return
	}
	if a.Name, a.Password, err = parseBasic(encoded); err != nil {
		h.refuse(w, r, err)
		return
	}
	a.OneField = true
	h.spell(&a)
	h.reflect(w, h.Checker.Check(r.Context(), a))
}

// reflect tells an answer by status and headers alone.
func (h *handler) reflect(w http.ResponseWriter, a account.Answer) {
	status, a := h.settle(a)
	out := w.Header()
	switch status {
	case http.StatusOK:
		told.Who(out, a.Subject)
		out["X-Sallyport-Scope"] = []string{told.List(a.Scope)}
		if a.DaysLeft > 0 {
			out["X-Sallyport-Days-Left"] = []string{strconv.Itoa(a.DaysLeft)}
		}
		out["Cache-Control"] = []string{"no-store"}
		w.WriteHeader(http.StatusNoContent)
	case http.StatusUnauthorized:
		h.deny(w, a.Reason.Outward())
	default:
		out["X-Sallyport-Reason"] = []string{string(a.Reason)}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			out["Retry-After"] = []string{retryText(a.RetryAfter)}
		}
		h.empty(w, status)
	}
}

// deny is a no with the challenge, which is the same for everybody. Without a
// reason nobody has tried anything yet. Its text is for people whose program or
// proxy shows it, in both languages, and says no more than the reason.
func (h *handler) deny(w http.ResponseWriter, reason account.Reason) {
	w.Header()["Www-Authenticate"] = []string{h.challenge}
	if reason == "" {
		h.empty(w, http.StatusUnauthorized)
		return
	}
	text := h.Text(reason)
	body := text.DE + "\n" + text.EN + "\n"
	if reason.AtPage() && h.PageURL != "" {
		body += h.PageURL + "\n"
	}
	out := w.Header()
	out["X-Sallyport-Reason"] = []string{string(reason)}
	out["Cache-Control"] = []string{"no-store"}
	out["Content-Type"] = []string{"text/plain; charset=utf-8"}
	out["X-Content-Type-Options"] = []string{"nosniff"}
	out["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, body) // a peer that left needs no answer
}

func (h *handler) empty(w http.ResponseWriter, status int) {
	w.Header()["Cache-Control"] = []string{"no-store"}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(status)
}

// single returns the only value of a header, or "" where it is absent. Two
// would be two readings.
func single(values []string, name string) (string, error) {
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	default:
		return "", malformed("more than one " + name + " header")
	}
}

// cutBasic returns what follows the scheme Basic, whose case does not matter.
func cutBasic(credentials string) (string, bool) {
	const scheme = "basic "
	if len(credentials) < len(scheme) || !strings.EqualFold(credentials[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimLeft(credentials[len(scheme):], " "), true
}

// parseBasic reads the credentials of RFC 7617: name, first colon, password.
// All of it is UTF-8 or, where it cannot be, Latin-1: some calendar clients
// can send nothing else. Never both, because two readings are two guesses.
func parseBasic(encoded string) (string, account.Secret, error) {
	if len(encoded) > maxBasic {
		return "", "", malformed("the Basic credentials are too long")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", "", malformed("the Basic credentials are not base64")
	}
	text := string(raw)
	if !utf8.Valid(raw) {
		text = fromLatin1(raw)
	}
	name, password, found := strings.Cut(text, ":")
	switch {
	case !found:
		return "", "", malformed("the Basic credentials hold no colon")
	case len(name) > maxName || len(password) > maxPassword:
		return "", "", malformed("the name or the password is too long")
	case hasControl(name):
		return "", "", malformed("the name holds a control character")
	}
	return name, account.Secret(password), nil
}

// fromLatin1 reads each byte as the character of that number.
func fromLatin1(raw []byte) string {
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes)
}

// clientAddr finds the client among what proxies wrote. With n trusted proxies
// that append, it is the nth address from the right; whatever stands further
// left came from the client and is worth nothing. With none, the header must
// be a single address, or absent.
func clientAddr(values []string, proxies int) (netip.Addr, error) {
	if len(values) == 0 {
		return netip.Addr{}, nil
	}
	const sentence = "X-Forwarded-For must be one IP address (set it, do not append to it, or configure the number of proxies)"
	if proxies == 0 {
		if len(values) > 1 {
			return netip.Addr{}, malformed(sentence)
		}
		addr, err := parseAddr(values[0])
		if err != nil {
			return netip.Addr{}, malformed(sentence)
		}
		return addr, nil
	}
	hops := strings.Split(strings.Join(values, ","), ",")
	if len(hops) < proxies || len(hops) > maxForwarded {
		return netip.Addr{}, malformed("X-Forwarded-For does not fit the configured number of proxies")
	}
	addr, err := parseAddr(strings.Trim(hops[len(hops)-proxies], " \t"))
	if err != nil {
		return netip.Addr{}, malformed("X-Forwarded-For holds something that is no IP address")
	}
	return addr, nil
}

// agent is what the client calls itself: a note for people, so it is cut and
// cleaned rather than refused.
func agent(values []string) string {
	if len(values) == 0 {
		return ""
	}
	s := values[0]
	if len(s) > maxAgent {
		s = s[:maxAgent]
	}
	return told.Plain(s)
}
