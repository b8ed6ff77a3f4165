// Package enrollweb is the page: sign in, set up the code app, make and remove
// app passwords, connect, replace and lose phones, make emergency codes, see why
// a device does not sync, sign out.
//
// It is not where anything is decided. Every rule lives behind Judge and
// Desk; the page turns forms into questions and answers into sentences. It
// keeps no state but which shown-once forms it has answered already, so it
// runs on any number of nodes and could run in a process of its own. Everything
// works without JavaScript; one small script copies and looks again by itself.
//
// Only mains make a handler. Deadlines on connections belong to the server
// that the main puts around it.
package enrollweb

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport/sallyport/enrollweb/back"
	"github.com/sallyport/sallyport/enrollweb/codes"
	"github.com/sallyport/sallyport/enrollweb/flow"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/home"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/passwords"
	"github.com/sallyport/sallyport/enrollweb/phones"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/setup"
	"github.com/sallyport/sallyport/enrollweb/signin"
	"github.com/sallyport/sallyport/enrollweb/tries"
	"github.com/sallyport/sallyport/enrollweb/visit"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// Desk is what stands behind the page; enroll.Desk is one.
type Desk interface {
	entrance
	keeper
	flow.Desk
}

// entrance leads to a session.
type entrance interface {
	signin.Redeemer
	setup.SetUp
	visit.Sessions
}

// keeper shows and changes what somebody has.
type keeper interface {
	passwords.Maker
	codes.Maker
	phones.Keeper
	tries.Teller
}

// Config is everything the page needs.
type Config struct {
	Judge signin.Judge
	Desk  Desk
	// Service is the service that a sign-in to the page asks for.
	Service string
	// Operator names the organisation at the top of every page; optional.
	Operator string
	// Brand is the operator's colour and logo; optional.
	Brand   look.Brand
	Support look.Support
	// Servers are what programs are given to sync with.
	Servers []recipe.Server
	// Signer signs the profiles for Apple's devices; optional.
	Signer *tls.Certificate
	// BaseURL is the page's public address, for example
	// https://login.example.org. Only scheme and host are used.
	BaseURL string
	// Insecure lets cookies go without Secure and __Host-. It is refused unless
	// BaseURL is plain http on a loopback address.
	Insecure bool
	// TrustedProxies may name the client in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// TextsDir may hold de.json, de-du.json and en.json, each replacing single messages.
	TextsDir string
	// Lang, "de" or "en", is the language for everybody, and no page has a
	// switch then; empty leaves it to the browser and its switch.
	Lang string
	// German is how the German texts address people: "sie", as empty means too,
	// or "du".
	German string
	// ReturnTo are origins, and beginnings of addresses, of the web applications
	// that people may be sent back to.
	ReturnTo []string
	// Visits hands people over to the hosts of Origins, whose web servers ask
	// about browsers; both are empty where none does.
	Visits  signin.Host
	Origins []string
	// Now and Rand are the clock and the random source; both are required.
	Now  func() time.Time
	Rand io.Reader
	Log  *slog.Logger
}

type handler struct {
	*visit.Frame
	texts  *words.Texts
	routes map[string]visit.Route
}

// New returns the page, or says what is wrong with the configuration.
func New(cfg Config) (http.Handler, error) {
	if cfg.Judge == nil || cfg.Desk == nil || cfg.Now == nil || cfg.Rand == nil {
		return nil, errors.New("enrollweb: Judge, Desk, Now and Rand are required")
	}
	if cfg.Service == "" {
		return nil, errors.New("enrollweb: Service is required: the service that signing in to the page asks for")
	}
	if len(cfg.Origins) > 0 && cfg.Visits == nil {
		return nil, errors.New("enrollweb: Visits is required where Origins are given")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{routes: routes(cfg), Frame: &visit.Frame{
		Sessions: cfg.Desk, Operator: cfg.Operator, Support: cfg.Support, Now: cfg.Now, Rand: cfg.Rand, Log: cfg.Log,
	}}
	var err error
	if h.Site, err = guard.New(cfg.BaseURL, cfg.Insecure, cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	if h.Back, err = back.New(cfg.ReturnTo, cfg.Origins); err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	if h.texts, err = words.Load(cfg.TextsDir, cfg.Lang, cfg.German); err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	if h.Look, err = look.New(cfg.Brand); err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	flows, err := flow.New(cfg.Desk, cfg.Servers, cfg.BaseURL, cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("enrollweb: %w", err)
	}
	maps.Copy(h.routes, flows.Routes())
	return h, nil
}

// routes are the paths of all packages of pages.
func routes(cfg Config) map[string]visit.Route {
	all := home.Routes()
	maps.Copy(all, (&signin.Pages{Judge: cfg.Judge, Redeem: cfg.Desk, Host: cfg.Visits, Service: cfg.Service}).Routes())
	maps.Copy(all, (&setup.Pages{SetUp: cfg.Desk}).Routes())
	maps.Copy(all, (&passwords.Pages{Maker: cfg.Desk, Servers: cfg.Servers, Signer: cfg.Signer}).Routes())
	maps.Copy(all, (&codes.Pages{Maker: cfg.Desk}).Routes())
	maps.Copy(all, (&phones.Pages{Keeper: cfg.Desk}).Routes())
	maps.Copy(all, (&tries.Pages{Teller: cfg.Desk}).Routes())
	return all
}

// ServeHTTP puts the guards before every route; the order is the point.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Site.Headers(w.Header())
	if h.Look.Serve(w, r) {
		return
	}
	v := &visit.Visit{Frame: h.Frame, W: w, R: r, Words: h.texts.Pick(r, h.Site.Taste(r, words.Cookie))}
	if lang := h.texts.Chosen(r); lang != "" {
		h.Site.SetTaste(w, words.Cookie, lang) // a taste, not a state: a GET may write it
	}
	rt, ok := h.routes[r.URL.Path]
	if !ok {
		v.Retry = "/" // not a path that only a stranger has chosen
		v.Message(http.StatusNotFound, "not_found")
		return
	}
	if rt.Get == nil {
		v.Retry = "/"
	}
	serve := rt.Get
	switch {
	case r.Method == http.MethodPost && rt.Program != nil:
		rt.Program(v)
		return
	case r.Method == http.MethodPost && rt.Post != nil:
		serve = rt.Post
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && rt.Get != nil:
	default:
		w.Header().Set("Allow", allow(rt))
		v.Message(http.StatusMethodNotAllowed, "not_found")
		return
	}
	if r.Method == http.MethodPost {
		if status := h.Site.Admit(w, r); status == http.StatusForbidden {
			v.Message(status, "foreign")
			return
		} else if status != 0 {
			v.Message(status, "unreadable")
			return
		}
	}
	level := rt.Level
	if r.URL.Path == "/sign-out" && v.Cookie(guard.Full) == "" {
		// Whoever is in the middle of the set-up can leave a shared computer, too.
		level = guard.Setup
	}
	if v.Identify(level) {
		serve(v)
	}
}

func allow(rt visit.Route) string {
	var methods []string
	if rt.Get != nil {
		methods = append(methods, http.MethodGet, http.MethodHead)
	}
	if rt.Post != nil || rt.Program != nil {
		methods = append(methods, http.MethodPost)
	}
	return strings.Join(methods, ", ")
}
