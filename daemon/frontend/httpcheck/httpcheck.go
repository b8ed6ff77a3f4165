// Package httpcheck is the front end that programs ask over HTTP on a Unix
// socket: is this name, with this password and perhaps a code, good for this
// service?
//
// It is bytes in, bytes out: it decides nothing and keeps nothing, and every
// question becomes one account.Attempt. It is not for browsers and not for
// networks. The main wires it to the engine and to a listener of package
// listen, and contrib/openapi/check.yaml describes it to the outside.
package httpcheck

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck/browser"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/http1"
	"github.com/sallyport/sallyport/daemon/listen/stream"
)

// Limits on what a peer may send.
const (
	// MaxHeader is the most bytes of header lines: a check made by a proxy
	// carries everything that the client sent.
	MaxHeader = 64 << 10
	// MaxBody is the most bytes of a request's body.
	MaxBody = 16 << 10

	maxName     = 256
	maxPassword = 1024
	maxCode     = 64
	maxAgent    = 256
	maxService  = 64

	readTimeout  = 10 * time.Second
	writeTimeout = 20 * time.Second
	// idleTimeout outlives the 60 s for which nginx keeps a connection.
	idleTimeout = 90 * time.Second
)

const frontEnd = "http"

// Checker decides. Anything but an accept lets nobody in.
type Checker interface {
	Check(ctx context.Context, a account.Attempt) account.Answer
}

// Health tells whether the daemon can answer at all right now; the error says
// what is missing, without any secret.
type Health interface {
	Ready(ctx context.Context) error
}

// Config is what the front end needs.
type Config struct {
	Checker Checker
	Health  Health
	// Text says a reason to people.
	Text func(account.Reason) account.Text
	// Services are those that may be asked on this socket.
	Services []string
	// DefaultService is asked where a request names none; it must be one of
	// Services. Empty means that /v1/auth must name one, unless there is only
	// one.
	DefaultService string
	// Strict demands the canonical spelling of a login: for sockets whose
	// programs go on with what was typed, although the answer names the login.
	Strict bool
	// Realm stands in the challenge of /v1/auth. It is a constant, so that the
	// challenge tells nothing. Empty means "sallyport".
	Realm string
	// PageURL is where people set up, without a slash at its end; empty leaves
	// enroll_url out.
	PageURL string
	// Proxies is how many trusted proxies append to X-Forwarded-For. 0 means
	// that the header must be one single address.
	Proxies int
	// Browsers answers for the browsers of web applications; nil means that this
	// socket is not asked about any.
	Browsers *browser.Door
	// Log hears of requests that could not be served; nil means nobody.
	Log *slog.Logger
}

type handler struct {
	Config
	challenge string
}

// New makes the handler. It refuses a config that could serve nobody or would
// surprise: no checker, no services, a default that is not among them.
func New(cfg Config) (http.Handler, error) {
	if cfg.Checker == nil || cfg.Health == nil || cfg.Text == nil {
		return nil, errors.New("httpcheck: no checker, no health or no words for people")
	}
	if len(cfg.Services) == 0 {
		return nil, errors.New("httpcheck: no service may be asked on this socket")
	}
	if cfg.DefaultService == "" && len(cfg.Services) == 1 {
		cfg.DefaultService = cfg.Services[0]
	}
	if cfg.DefaultService != "" && !slices.Contains(cfg.Services, cfg.DefaultService) {
		return nil, errors.New("httpcheck: the default service is not among the allowed ones")
	}
	if cfg.Realm == "" {
		cfg.Realm = "sallyport"
	}
	if strings.ContainsFunc(cfg.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return nil, errors.New("httpcheck: the realm must be plain ASCII without quotes")
	}
	if cfg.Proxies < 0 {
		return nil, errors.New("httpcheck: a negative number of proxies")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.PageURL = strings.TrimSuffix(cfg.PageURL, "/")
	return &handler{Config: cfg, challenge: `Basic realm="` + cfg.Realm + `", charset="UTF-8"`}, nil
}

// Server wraps a handler of New in a server with every deadline and limit set:
// a client that takes longer than 10 s to send its request is cut.
func Server(h http.Handler, log *slog.Logger) *stream.Server { return http1.New(Limits(h, log)) }

// Limits are the deadlines and limits of Server.
func Limits(h http.Handler, log *slog.Logger) http1.Config {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return http1.Config{
		Handler: h, Log: log, MaxHeader: MaxHeader,
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
	}
}

// ServeHTTP routes by hand: there are few places, and this is the hot path.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p, ok := listen.PeerOf(r.Context()); ok && p.Barred {
		h.bar(w)
		return
	}
	if h.Browsers != nil && h.Browsers.Serve(w, r) {
		return
	}
	if r.URL.RawQuery != "" {
		// A password in a query would end in logs; nothing here takes one.
		h.refuse(w, r, fault{http.StatusBadRequest, account.Malformed, "this address takes no query"})
		return
	}
	switch r.URL.Path {
	case "/v1/auth":
		h.only(w, r, http.MethodGet, h.auth)
	case "/v1/check":
		h.only(w, r, http.MethodPost, h.check)
	case "/v1/health/live":
		h.only(w, r, http.MethodGet, h.live)
	case "/v1/health/ready":
		h.only(w, r, http.MethodGet, h.ready)
	default:
		h.refuse(w, r, fault{http.StatusNotFound, account.Malformed, "there is nothing at this address; see /v1/check and /v1/auth"})
	}
}

func (h *handler) only(w http.ResponseWriter, r *http.Request, method string, next http.HandlerFunc) {
	if r.Method != method {
		w.Header()["Allow"] = []string{method}
		h.refuse(w, r, fault{http.StatusMethodNotAllowed, account.Malformed, "this address takes " + method + " only"})
		return
	}
	next(w, r)
}

// attempt is what both questions have in common. The error is a fault, for the
// caller to answer with, where the service may not be asked here.
func (h *handler) attempt(r *http.Request, service string) (account.Attempt, error) {
	if service == "" {
		service = h.DefaultService
	}
	if !slices.Contains(h.Services, service) {
		return account.Attempt{}, fault{http.StatusForbidden, account.NotAllowed, "this service may not be asked on this socket"}
	}
	a := account.Attempt{Service: service, FrontEnd: frontEnd, Peer: account.Peer{UID: -1, GID: -1, PID: -1}}
	if p, ok := listen.PeerOf(r.Context()); ok {
		a.Peer = p.Peer
	}
	return a, nil
}

// spell tells the engine how the peer will go on calling the person.
func (h *handler) spell(a *account.Attempt) {
	if h.Strict {
		a.Spelled = a.Name
	}
}

func (h *handler) live(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, healthReply{Status: "live"})
}

func (h *handler) ready(w http.ResponseWriter, r *http.Request) {
	if err := h.Health.Ready(r.Context()); err != nil {
		w.Header()["Retry-After"] = []string{retryText(0)}
		send(w, http.StatusServiceUnavailable, healthReply{Status: "unavailable", Error: err.Error()})
		return
	}
	send(w, http.StatusOK, healthReply{Status: "ready"})
}
