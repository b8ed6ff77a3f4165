package house

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/config/pageform"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck/browser"
	"github.com/sallyport/sallyport/daemon/frontend/saslauthd"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/enrollweb"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// Limits on a browser, or on whoever pretends to be one.
const (
	pageReadTimeout  = 10 * time.Second
	pageWriteTimeout = 30 * time.Second
	pageIdleTimeout  = 2 * time.Minute
	pageMaxHeader    = 16 << 10
	// metricsConns is enough for a few Prometheus servers and a curious person.
	metricsConns = 32
	pageConns    = 4096
	// pageShare is the part of them that one household or office may hold.
	pageShare = 8
)

// buildFrontEnds opens a socket for each [[listen]] and puts its protocol on it.
func (h *House) buildFrontEnds(context.Context) error {
	active, err := activated()
	if err != nil {
		return err
	}
	if h.text, err = words.Reasons(h.cfg.Page.Texts, h.cfg.Page.German); err != nil {
		return err
	}
	for _, l := range h.cfg.Listeners {
		socket, err := listen.Unix(listen.Config{
			Path: l.Path, Mode: fs.FileMode(l.Mode), Group: l.Group, Allow: l.Allow,
			Refused: h.refusedPeer(l.Protocol), Activated: active, Name: filepath.Base(l.Path),
		})
		if err != nil {
			return fmt.Errorf("%s: %w", l.Config, err)
		}
		h.onStop(func() error { return ignoreClosed(socket.Close()) })
		server, err := h.frontEnd(l)
		if err != nil {
			return fmt.Errorf("%s: building the %s front end: %w", l.Config, l.Protocol, err)
		}
		h.serve(l.Protocol, socket, server)
	}
	for _, name := range active.Left() {
		h.log.Warn("systemd passed a socket that no [[listen]] asks for", "name", name)
	}
	return nil
}

// frontEnd puts a protocol's handler into a server with that protocol's limits.
func (h *House) frontEnd(l config.Listen) (server, error) {
	switch l.Protocol {
	case "admin":
		handler, err := admin.New(admin.Config{
			Support: h.support, Engine: h.engine, System: h, Text: h.text,
			Desk: h.cfg.Admin.Support, Operators: h.cfg.Admin.Operators, Now: h.clock.Now, Log: h.log,
		})
		if err != nil {
			return nil, err
		}
		return admin.Server(handler, h.log), nil
	case "http":
		door, err := h.door(l)
		if err != nil {
			return nil, err
		}
		handler, err := httpcheck.New(httpcheck.Config{
			Browsers: door,
			Checker:  h.engine, Health: h, Text: h.text, Services: l.Services, DefaultService: l.DefaultService,
			Strict: l.Strict, Proxies: l.Proxies, Realm: "sallyport", PageURL: h.cfg.Page.URL, Log: h.log,
		})
		if err != nil {
			return nil, err
		}
		return httpcheck.Server(handler, h.log), nil
	default:
		handler, err := h.foreign(l)
		if err != nil {
			return nil, err
		}
		return stream.New(handler), nil
	}
}

// door answers for browsers, where the config names web applications.
func (h *House) door(l config.Listen) (*browser.Door, error) {
	if len(l.Origins) == 0 {
		return nil, nil //nolint // this socket is not asked about any
	}
	return browser.New(browser.Config{
		Visits: h.visits, Origins: l.Origins, PageURL: h.cfg.Page.URL, Rand: rand.Reader, Log: h.log,
	})
}

// origins are all web applications whose web servers ask about browsers.
func (h *House) origins() (all []string) {
	for _, l := range h.cfg.Listeners {
		all = append(all, l.Origins...)
	}
	return all
}

// foreign builds the handler of a protocol that is not HTTP.
func (h *House) foreign(l config.Listen) (stream.Handler, error) {
	services, err := servicemap.New(l.Services, l.DefaultService, l.ServiceMap)
	if err != nil {
		return nil, err
	}
	switch l.Protocol {
	case "saslauthd":
		return saslauthd.New(saslauthd.Config{
			Checker: h.engine, Services: services, Strict: l.Strict,
			Domains: l.Domains, IgnoreRealms: l.IgnoreRealms, Log: h.log,
		})
	case "dovecot":
		return dovecotauth.New(dovecotauth.Config{
			Checker: h.engine, Services: services, Strict: l.Strict,
			PageURL: h.cfg.Page.URL, Text: h.text, German: h.cfg.Page.Language == "de",
			PID: os.Getpid(), Rand: rand.Reader, Log: h.log,
		})
	default:
		return nil, fmt.Errorf("no front end speaks %q", l.Protocol)
	}
}

// buildPage serves the enrollment page, over TLS, behind a proxy, or, for the
// demo only, in the clear on loopback.
func (h *House) buildPage(ctx context.Context) error {
	p := h.cfg.Page
	if p.Listen == "" {
		return nil
	}
	public, err := url.Parse(p.URL)
	if err != nil {
		return fmt.Errorf("reading the page's url: %w", err)
	}
	lang := p.Language
	if lang == "auto" {
		lang = "" // the browser chooses
	}
	var signer *tls.Certificate
	if p.ProfileCert != "" {
		pair, err := tls.LoadX509KeyPair(p.ProfileCert, p.ProfileKey)
		if err != nil {
			return fmt.Errorf("reading the certificate for profiles: %w", err)
		}
		signer = &pair
	}
	var logo []byte
	if p.Brand.Logo != "" {
		if logo, err = os.ReadFile(p.Brand.Logo); err != nil {
			return fmt.Errorf("reading the logo: %w", err)
		}
	}
	page, err := enrollweb.New(enrollweb.Config{
		Judge: h.engine, Desk: h.desk,
		Service: p.Service, Operator: p.Operator, Brand: look.Brand{Accent: p.Brand.Accent, Logo: logo}, Support: look.Support(p.Support),
		Servers: servers(p.Servers), Signer: signer,
		BaseURL: p.URL, Insecure: public.Scheme == "http" && loopback(public.Hostname()),
		ReturnTo: p.ReturnTo, Visits: h.visits, Origins: h.origins(), TrustedProxies: p.TrustedProxies, TextsDir: p.Texts, Lang: lang, German: p.German,
		Now: h.clock.Now, Rand: rand.Reader, Log: h.log,
	})
	if err != nil {
		return err
	}
	l, err := h.open(ctx, "page", p.Listen, pageConns)
	if err != nil {
		return err
	}
	l = listen.Fair(l, pageConns/pageShare, p.TrustedProxies)
	if p.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(p.TLSCert, p.TLSKey)
		if err != nil {
			return fmt.Errorf("reading the page's certificate: %w", err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	}
	h.serve("page", l, h.browserServer(page))
	return nil
}

// servers are what the page tells people to give their programs.
func servers(from []pageform.Server) []recipe.Server {
	var all []recipe.Server
	for _, s := range from {
		all = append(all, recipe.Server(s))
	}
	return all
}

// loopback tells whether the name of a URL is this machine's own.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// buildMetricsPage serves what Prometheus reads.
func (h *House) buildMetricsPage(ctx context.Context) error {
	if h.cfg.Metrics == "" {
		return nil
	}
	l, err := h.open(ctx, "metrics", h.cfg.Metrics, metricsConns)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h.metrics.Handler())
	h.serve("metrics", l, h.browserServer(mux))
	return nil
}

// open listens on "host:port", or on a Unix socket if it is a path. The name is
// what refused peers are counted under.
func (h *House) open(ctx context.Context, name, where string, conns int) (net.Listener, error) {
	var l net.Listener
	var err error
	if filepath.IsAbs(where) {
		l, err = listen.Unix(listen.Config{Path: where, MaxConns: conns, Refused: h.refusedPeer(name)})
	} else {
		l, err = listen.TCP(ctx, where, conns, false)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", where, err)
	}
	h.onStop(func() error { return ignoreClosed(l.Close()) })
	return l, nil
}

func (h *House) browserServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: pageReadTimeout, ReadTimeout: pageReadTimeout,
		WriteTimeout: pageWriteTimeout, IdleTimeout: pageIdleTimeout,
		MaxHeaderBytes: pageMaxHeader, ConnContext: listen.ConnContext,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
}

// ignoreClosed lets a listener be closed twice: by its server, and by the list
// of things to undo.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
