// Package enrollweb is the page: sign in, set up the code app, make and remove
// app passwords, replace the phone, make emergency codes, sign out.
//
// It is not where anything is decided. Every rule lives behind SignIn, SetUp
// and Home; the page turns forms into questions and answers into sentences. It
// keeps no state but which shown-once forms it has answered already, so it
// runs on any number of nodes and could run in a process of its own. It ships
// no JavaScript at all: what works without it needs no second way.
//
// Only mains make a handler. Deadlines on connections belong to the server
// that the main puts around it.
package enrollweb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// SignIn judges what somebody typed; check.Engine is one.
type SignIn interface {
	Check(ctx context.Context, a account.Attempt) account.Answer
}

// SetUp leads to a confirmed code app. Errors are those of enroll.Refusal.
type SetUp interface {
	// Open redeems a ticket that lets somebody in: to the set-up after
	// account.EnrollRequired, to a full session after an accept.
	Open(ctx context.Context, ticket account.Secret) (enroll.Session, error)
	// Invite redeems the invite code while the stage is enroll.StageInvite.
	Invite(ctx context.Context, session, code account.Secret) error
	// Begin makes the key, or shows the one that still waits.
	Begin(ctx context.Context, session account.Secret) (enroll.View, error)
	// Confirm ends the set-up, or the replacement of a phone, with a first code.
	Confirm(ctx context.Context, session, code account.Secret) (enroll.Confirmed, error)
}

// Home is what the owner of a session can see and do. View answers for set-up
// sessions, too; the rest is for full sessions only.
type Home interface {
	// View is account.ErrNotFound when the session is over.
	View(ctx context.Context, session account.Secret) (enroll.View, error)
	// Issue makes an app password, which is shown once.
	Issue(ctx context.Context, session account.Secret, w enroll.Wish) (account.Secret, error)
	// Codes makes a new sheet of emergency codes and ends the old one.
	Codes(ctx context.Context, session account.Secret) ([]account.Secret, error)
	// Revoke ends one app password.
	Revoke(ctx context.Context, session account.Secret, record string) error
	// End ends the session.
	End(ctx context.Context, session account.Secret) error
}

// Support is whom people can ask; empty parts are left out.
type Support struct {
	Phone string
	Hours string
	Mail  string
}

// Config is everything the page needs.
type Config struct {
	SignIn SignIn
	SetUp  SetUp
	Home   Home
	// Service is the service that a sign-in to the page asks for.
	Service string
	// Operator names the organisation at the top of every page; optional.
	Operator string
	Support  Support
	// BaseURL is the page's public address, for example
	// https://login.example.org. Only scheme and host are used.
	BaseURL string
	// Insecure lets cookies go without Secure and __Host-. It is refused unless
	// BaseURL is plain http on a loopback address.
	Insecure bool
	// TrustedProxies may name the client in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// TextsDir may hold de.json and en.json, each replacing single messages.
	TextsDir string
	// Lang, "de" or "en", is the language for everybody, and no page has a
	// switch then; empty leaves it to the browser and its switch.
	Lang string
	// Now and Rand are the clock and the random source; both are required.
	Now  func() time.Time
	Rand io.Reader
	Log  *slog.Logger
}

type handler struct {
	cfg    Config
	site   *guard.Site
	texts  *words.Texts
	look   *look.Look
	once   guard.Once
	routes map[string]route
}

// route is what one path answers to; a nil get or post is a 405.
type route struct {
	level guard.Level
	get   func(*visit)
	post  func(*visit)
}

// New returns the page, or says what is wrong with the configuration.
func New(cfg Config) (http.Handler, error) {
	if cfg.SignIn == nil || cfg.SetUp == nil || cfg.Home == nil || cfg.Now == nil || cfg.Rand == nil {
		return nil, errors.New("enrollweb: SignIn, SetUp, Home, Now and Rand are required")
	}
	if cfg.Service == "" {
		return nil, errors.New("enrollweb: Service is required: the service that signing in to the page asks for")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{cfg: cfg, routes: routes()}
	var err error
	if h.site, err = guard.New(cfg.BaseURL, cfg.Insecure, cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	if h.texts, err = words.Load(cfg.TextsDir, cfg.Lang); err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	if h.look, err = look.New(); err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	return h, nil
}

func routes() map[string]route {
	return map[string]route{
		"/":                 {guard.Pre, (*visit).signInForm, nil},
		"/sign-in":          {guard.Pre, (*visit).toStart, (*visit).signIn},
		"/enroll":           {guard.Pre, (*visit).linkForm, (*visit).link},
		"/code":             {guard.Code, (*visit).codeForm, (*visit).code},
		"/setup":            {guard.Setup, (*visit).setup, nil},
		"/setup/invite":     {guard.Setup, (*visit).toSetup, (*visit).invite},
		"/setup/begin":      {guard.Setup, (*visit).toSetup, (*visit).begin},
		"/setup/confirm":    {guard.Setup, (*visit).toSetup, (*visit).confirm},
		"/home":             {guard.Full, (*visit).home, nil},
		"/phone":            {guard.Full, (*visit).phone, nil},
		"/phone/begin":      {guard.Full, (*visit).toPhone, (*visit).begin},
		"/phone/confirm":    {guard.Full, (*visit).toPhone, (*visit).confirm},
		"/passwords/new":    {guard.Full, (*visit).wishForm, (*visit).issue},
		"/passwords/remove": {guard.Full, (*visit).removeForm, (*visit).remove},
		"/codes":            {guard.Full, (*visit).codesForm, (*visit).newCodes},
		"/codes/kept":       {guard.Full, (*visit).toHome, (*visit).kept},
		"/sign-out":         {guard.Full, (*visit).toStanding, (*visit).signOut},
	}
}

// ServeHTTP puts the guards before every route; the order is the point.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.site.Headers(w.Header())
	if r.URL.Path == h.look.CSS {
		h.look.ServeStyle(w, r)
		return
	}
	v := &visit{h: h, w: w, r: r, texts: h.texts.Pick(r, h.site.Taste(r, words.Cookie))}
	if lang := h.texts.Chosen(r); lang != "" {
		h.site.SetTaste(w, words.Cookie, lang) // a taste, not a state: a GET may write it
	}
	rt, ok := h.routes[r.URL.Path]
	if !ok {
		v.message(http.StatusNotFound, "not_found")
		return
	}
	serve := rt.get
	switch {
	case r.Method == http.MethodPost && rt.post != nil:
		serve = rt.post
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && rt.get != nil:
	default:
		w.Header().Set("Allow", rt.allow())
		v.message(http.StatusMethodNotAllowed, "not_found")
		return
	}
	if r.Method == http.MethodPost {
		if status := h.site.Admit(w, r); status == http.StatusForbidden {
			v.message(status, "foreign")
			return
		} else if status != 0 {
			v.message(status, "unreadable")
			return
		}
	}
	level := rt.level
	if r.URL.Path == "/sign-out" && v.cookie(guard.Full) == "" {
		// Whoever is in the middle of the set-up can leave a shared computer, too.
		level = guard.Setup
	}
	if v.identify(level) {
		serve(v)
	}
}

func (rt route) allow() string {
	var methods []string
	if rt.get != nil {
		methods = append(methods, http.MethodGet, http.MethodHead)
	}
	if rt.post != nil {
		methods = append(methods, http.MethodPost)
	}
	return strings.Join(methods, ", ")
}
