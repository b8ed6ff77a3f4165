package enrollweb

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// visit is one request on its way through the page.
type visit struct {
	h     *handler
	w     http.ResponseWriter
	r     *http.Request
	texts *words.Catalog
	level guard.Level
	// session is what the cookie of the route's level held, form the token that
	// forms of this level carry.
	session account.Secret
	form    string
}

// identify reads the cookie of the route's level and, on POST, compares the
// form's token with it. It answers by itself where it returns false.
func (v *visit) identify(l guard.Level) bool {
	v.level, v.session = l, v.cookie(l)
	if l == guard.Pre && v.session == "" {
		v.renewPre()
	}
	if v.session == "" {
		v.over()
		return false
	}
	v.form = guard.FormToken(l, v.session)
	if v.r.Method == http.MethodPost && !guard.FormFits(v.form, v.r.PostForm.Get("form")) {
		v.stale()
		return false
	}
	return true
}

func (v *visit) cookie(l guard.Level) account.Secret           { return v.h.site.Cookie(v.r, l) }
func (v *visit) setCookie(l guard.Level, value account.Secret) { v.h.site.SetCookie(v.w, l, value) }
func (v *visit) dropCookie(l guard.Level)                      { v.h.site.DropCookie(v.w, l) }

// show writes one page.
func (v *visit) show(status int, name string, p look.Page) {
	p.Catalog, p.Operator, p.Support = v.texts, v.h.cfg.Operator, look.Support(v.h.cfg.Support)
	p.Form, p.Now = v.form, v.h.cfg.Now()
	out, err := v.h.look.Draw(name, p)
	if err != nil {
		v.h.cfg.Log.Error("page could not be drawn", "err", err)
		http.Error(v.w, "internal error", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", p.Lang)
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out) // a reader that went away is nobody's error
}

// message is a page of one sentence; key names it, key.title its heading.
func (v *visit) message(status int, key string) {
	v.show(status, "message", look.Page{Title: key + ".title", Notice: v.texts.T(key)})
}

// disturbed says that nothing is wrong with what was typed. The error goes to
// the log only; by contract it holds no secret.
func (v *visit) disturbed(wait time.Duration, err error) {
	if err != nil {
		v.h.cfg.Log.Error("page could not answer", slog.String("path", v.r.URL.Path), slog.Any("err", err))
	}
	if wait <= 0 {
		wait = 10 * time.Second
	}
	v.w.Header().Set("Retry-After", retryAfter(wait))
	v.message(http.StatusServiceUnavailable, "disturbed")
}

// stale is a form whose token does not fit its cookie: an old tab, or a form
// from elsewhere.
func (v *visit) stale() {
	if v.level == guard.Pre && v.r.URL.Path == "/sign-in" {
		v.show(http.StatusForbidden, "signin", look.Page{Title: "signin.title", Here: "/", Notice: v.texts.T("stale"),
			Name: v.r.PostForm.Get("name"), Next: nextOf(v.r.PostForm)})
		return
	}
	v.message(http.StatusForbidden, "stale")
}

// over leads back to the sign-in with a sentence. Somebody whose set-up was
// finished meanwhile (a reload, a second click) has a full session and goes on.
// A cookie that was not sent is left alone: under SameSite=Strict a link from
// elsewhere brings none, and must not end a session.
func (v *visit) over() {
	if v.session != "" {
		v.dropCookie(v.level)
	}
	if v.level != guard.Full && v.cookie(guard.Full) != "" {
		v.toHome()
		return
	}
	v.to("/?over=1")
}

func (v *visit) to(where string) { http.Redirect(v.w, v.r, where, http.StatusSeeOther) }

func (v *visit) toStart() { v.to("/") }
func (v *visit) toSetup() { v.to("/setup") }
func (v *visit) toHome()  { v.to("/home") }
func (v *visit) toPhone() { v.to("/phone") }

// nextOf reads where to go after signing in: one of our own pages or home.
func nextOf(form url.Values) string {
	switch next := form.Get("next"); next {
	case "/phone", "/passwords/new", "/codes":
		return next
	default:
		return ""
	}
}

// retryAfter is the header's value: whole seconds, at least one.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}

func (h *handler) random() string {
	b := make([]byte, 24)
	if _, err := io.ReadFull(h.cfg.Rand, b); err != nil {
		// Without randomness no form can be trusted; net/http ends the request.
		panic(fmt.Errorf("enrollweb: reading random bytes: %w", err))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// compact takes out the blanks that people type or paste into codes.
func compact(s string) string { return strings.Join(strings.Fields(s), "") }
