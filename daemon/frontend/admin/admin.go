// Package admin is the front end of the support desk and of operators:
// HTTP/JSON on a socket of its own.
//
// It decides nothing about logins and writes no records itself: package enroll
// does, through the Support interface. It is not for browsers, and refuses
// everything that smells of one. Its peers are identified by the kernel, and
// named in the audit that way. The main wires it; contrib/sallyport and
// contrib/openapi/admin.yaml are its other end.
package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/frontend/admin/keeping"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
	"github.com/sallyport/sallyport/daemon/listen"
)

const (
	frontEnd = "admin"
	// HostName is what the Host header must say; "localhost" is taken, too.
	HostName = "sallyport"

	maxBody   = 16 << 10
	maxHeader = 16 << 10
	maxName   = 256
	timeout   = 10 * time.Second
	// answerTimeout leaves room for a check of the whole audit.
	answerTimeout = 5 * time.Minute
	idleTimeout   = time.Minute
)

// Support acts on one person. Its errors are account.ErrNotFound,
// *enroll.Refusal, *bylaws.Refusal, account.ErrConflict, or mean unavailable.
type Support interface {
	User(ctx context.Context, name string) (enroll.Overview, error)
	Reset(ctx context.Context, o enroll.Order) (enroll.Invite, error)
	Unlock(ctx context.Context, o enroll.Order) error
	Revoke(ctx context.Context, o enroll.Order) (int, error)
	EndSessions(ctx context.Context, o enroll.Order) error
	Code(ctx context.Context, o enroll.Order) (enroll.Invite, error)
}

// Engine tries and explains logins.
type Engine interface {
	Check(ctx context.Context, a account.Attempt) account.Answer
	Explain(ctx context.Context, name, service string) ([]check.Step, error)
}

// System tells of the daemon and of its audit.
type System interface {
	Status(ctx context.Context) (api.Status, error)
	// Events returns at most limit events numbered above after, oldest first.
	Events(ctx context.Context, after int64, limit int) ([]account.Event, error)
	// VerifyAudit checks the audit, also against the anchors that a log has of it.
	VerifyAudit(ctx context.Context, log string) (api.AuditReport, error)
}

// Config is what the front end needs.
type Config struct {
	Support Support
	Issuer  Issuer
	Engine  Engine
	System  System
	// Keeper copies the state and changes its keys.
	Keeper keeping.Keeper
	// Ledger tells about everybody, and erases.
	Ledger ledger.Source
	// Text says a reason to people.
	Text func(account.Reason) account.Text
	// Desk and Operators name who holds the two roles, as listen.ParseAllow
	// reads it. An operator may do all that the desk may, and read the audit.
	// Root and the daemon's own user are operators always: they own the store
	// anyway.
	Desk      []string
	Operators []string
	// Now tells the time, for the state of records.
	Now func() time.Time
	// Log hears of refusals and outages; nil means nobody.
	Log *slog.Logger
}

// role is what a peer may do; each includes the ones before it.
type role uint8

const (
	nobody role = iota
	desk
	operator
)

type handler struct {
	Config
	desk, operators listen.Allow
	// peerOf is listen.PeerOf; tests make up peers.
	peerOf func(context.Context) (listen.Peer, bool)
}

// New makes the handler.
func New(cfg Config) (http.Handler, error) { return build(cfg, listen.PeerOf) }

func build(cfg Config, peerOf func(context.Context) (listen.Peer, bool)) (http.Handler, error) {
	if cfg.Support == nil || cfg.Issuer == nil || cfg.Engine == nil || cfg.System == nil || cfg.Now == nil || cfg.Text == nil {
		return nil, errors.New("admin: a part is missing")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{Config: cfg, peerOf: peerOf}
	var err error
	if h.desk, err = listen.ParseAllow(cfg.Desk); err != nil {
		return nil, err
	}
	if h.operators, err = listen.ParseAllow(cfg.Operators); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, r := range h.routes() {
		mux.Handle(r.pattern, h.guard(r))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, http.StatusNotFound, api.Problem{Error: "There is nothing at this address for this method."})
	})
	return local(mux), nil
}

// route is one place of the API and the role that it takes.
type route struct {
	pattern string
	role    role
	serve   func(w http.ResponseWriter, r *http.Request, operator string)
}

func (h *handler) routes() []route {
	return []route{
		{"GET /v1/status", desk, h.status},
		{"GET /v1/users/{name}", desk, h.user},
		{"GET /v1/users/{name}/explain", desk, h.explain},
		{"POST /v1/users/{name}/reset", desk, h.reset},
		{"POST /v1/users/{name}/code", desk, h.code},
		{"POST /v1/users/{name}/unlock", desk, h.unlock},
		{"POST /v1/users/{name}/revoke", desk, h.revoke},
		{"POST /v1/users/{name}/end-sessions", desk, h.endSessions},
		{"POST /v1/users/{name}/app-password", operator, h.issue},
		{"POST /v1/check", desk, h.check},
		{"GET /v1/audit", operator, h.audit},
		{"GET /v1/audit/verify", operator, h.verify},
		{"POST /v1/audit/verify", operator, h.verify},
		{"GET /v1/audit/export", operator, h.exportAudit},
		{"GET /v1/report", operator, h.report},
		{"GET /v1/users/{name}/export", operator, h.exportPerson},
		{"POST /v1/users/{name}/erase", operator, h.erase},
		{"POST /v1/backup", operator, h.backup},
		{"POST /v1/keys/rotate", operator, h.rotate},
	}
}

// Server wraps a handler of New in a server with every deadline and limit set.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler: h, ReadHeaderTimeout: timeout, ReadTimeout: timeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnContext: listen.ConnContext,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// local refuses whatever a browser would send, before anything is looked up: a
// web page must not be able to talk a local program into resetting people.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Site", "X-Forwarded-For"} {
			if len(r.Header[name]) > 0 {
				problem(w, http.StatusForbidden, api.Problem{Error: "Web pages and proxies may not ask here.",
					Hint: "Send the request without " + name + ", from the machine itself."})
				return
			}
		}
		if r.Host != HostName && r.Host != "localhost" {
			problem(w, http.StatusForbidden, api.Problem{Error: "The Host header names another place.",
				Hint: "Ask for http://" + HostName + "/ over the socket."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guard lets in whom the kernel says to be one of those who hold the role.
func (h *handler) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := h.peerOf(r.Context())
		if !ok || h.roleOf(p) < rt.role {
			h.Log.Warn("refused", "front_end", frontEnd, "peer", operatorName(p), "route", rt.pattern)
			problem(w, http.StatusForbidden, api.Problem{Error: "You do not have the role that this takes.",
				Hint: "Ask whoever runs the daemon to add you to the desk or to the operators in its config, or try with sudo."})
			return
		}
		rt.serve(w, calledBy(r, p, h.roleOf(p)), operatorName(p))
	})
}

func (h *handler) roleOf(p listen.Peer) role {
	switch {
	case p.UID < 0:
		return nobody
	case p.UID == 0 || p.UID == os.Geteuid() || h.operators.Has(p):
		return operator
	case h.desk.Has(p):
		return desk
	default:
		return nobody
	}
}

// operatorName is how the audit names an operator.
func operatorName(p listen.Peer) string {
	name := p.Login
	if name == "" {
		name = "unknown"
	}
	return name + "(" + strconv.Itoa(p.UID) + ")"
}
