package house

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/handed"
	"github.com/sallyport/sallyport/daemon/listen/stream"
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
func (h *House) buildFrontEnds(context.Context) (err error) {
	if h.given, err = handed.Take(); err != nil {
		return err
	}
	h.sockets = map[string]net.Listener{}
	for _, l := range h.cfg.Load().Listeners {
		given, err := h.given.Named(filepath.Base(l.Path))
		var socket net.Listener
		if err == nil {
			socket, err = listening(given, listen.Config{
				Path: l.Path, Mode: fs.FileMode(l.Mode), Group: l.Group, Allow: l.Allow, Tell: l.Protocol == "http", Refused: h.refusedPeer(l.Protocol),
			})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.Config, err)
		}
		h.sockets[l.Path] = socket
		h.serve(l.Protocol, socket, h.frontEnd(l))
	}
	return nil
}

// listening is a socket from systemd, or, where there is none, one of our own.
func listening(given net.Listener, cfg listen.Config) (net.Listener, error) {
	if given != nil {
		return listen.Over(given, cfg)
	}
	return listen.Unix(cfg)
}

// frontEnd is a server with a protocol's limits, in front of whoever is on duty.
func (h *House) frontEnd(l config.Listen) server {
	switch l.Protocol {
	case "admin":
		return admin.Server(h.duty.HTTP(l.Path), h.log)
	case "http":
		return httpcheck.Server(h.duty.HTTP(l.Path), h.log)
	case "dovecot":
		return stream.New(h.duty.Dovecot(l.Path))
	default:
		return stream.New(h.duty.Stream(l.Path))
	}
}

// buildPage serves the enrollment page, over TLS, behind a proxy, or, for the
// demo only, in the clear on loopback.
func (h *House) buildPage(ctx context.Context) error {
	p := h.cfg.Load().Page
	if p.Listen == "" {
		return nil
	}
	l, err := h.open(ctx, "page", p.Listen, pageConns)
	if err != nil {
		return err
	}
	l = listen.Fair(l, pageConns/pageShare, p.TrustedProxies)
	if p.TLSCert != "" {
		l = tls.NewListener(l, &tls.Config{GetCertificate: h.duty.Certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	}
	h.serve("page", l, h.browserServer(h.duty.Page()))
	return nil
}

// buildMetricsPage serves what Prometheus reads. It opens the last socket.
func (h *House) buildMetricsPage(ctx context.Context) error {
	defer func() {
		for _, socket := range h.given.Left() {
			h.log.Warn("systemd passed a socket that nothing in the config asks for: let the .socket unit and the config say the same, or disable the unit", "socket", socket)
		}
	}()
	if h.cfg.Load().Metrics == "" {
		return nil
	}
	l, err := h.open(ctx, "metrics", h.cfg.Load().Metrics, metricsConns)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h.metrics.Handler())
	h.serve("metrics", l, h.browserServer(mux))
	return nil
}

// open listens on "host:port", or on a Unix socket if it is a path; where systemd
// does already, its socket is taken. The name is what refused peers are counted under.
func (h *House) open(ctx context.Context, name, where string, conns int) (l net.Listener, err error) {
	given := h.given.At(where)
	if given != nil || filepath.IsAbs(where) {
		l, err = listening(given, listen.Config{Path: where, MaxConns: conns, Refused: h.refusedPeer(name)})
	} else {
		l, err = listen.TCP(ctx, where, conns, false)
	}
	if errors.Is(err, syscall.EACCES) {
		err = fmt.Errorf("%w; ports below 1024 are opened by systemd for a daemon without rights: see reload.md", err)
	}
	if left := h.given.Left(); err != nil && len(left) > 0 {
		err = fmt.Errorf("%w; systemd holds %s, and not this: let the .socket unit and the config say the same", err, strings.Join(left, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", where, err)
	}
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
