package shift

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync/atomic"

	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
	"github.com/sallyport/sallyport/daemon/listen/stream"
)

// Duty is who is on duty. Sockets and connections belong to it and stay; each
// request is answered from beginning to end by the shift that is on duty when it
// comes in.
type Duty struct{ now atomic.Pointer[Shift] }

// Now is the shift on duty. Whoever answers a request with it takes it by one of
// the other methods.
func (d *Duty) Now() *Shift { return d.now.Load() }

// Change lets the next shift take over.
func (d *Duty) Change(next *Shift) { d.now.Store(next) }

// take returns the shift on duty, which stays until leave is called.
func (d *Duty) take() *Shift {
	for {
		// One that has gone home already was relieved after it was looked up.
		if s := d.now.Load(); s.hold() {
			return s
		}
	}
}

// HTTP answers on the socket of that path.
func (d *Duty) HTTP(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := d.take()
		defer s.leave()
		s.http[path].ServeHTTP(w, r)
	})
}

// Page answers browsers.
func (d *Duty) Page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := d.take()
		defer s.leave()
		s.Page.ServeHTTP(w, r)
	})
}

// Certificate is the one that new connections to the page are shown.
func (d *Duty) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return d.Now().Cert, nil }

// Stream answers on the socket of that path, where a connection carries one
// request.
func (d *Duty) Stream(path string) stream.Handler {
	return func(ctx context.Context, c *stream.Conn) {
		s := d.take()
		defer s.leave()
		s.streams[path](ctx, c)
	}
}

// Dovecot answers on the socket of that path, where connections are kept.
func (d *Duty) Dovecot(path string) stream.Handler {
	return dovecotauth.Handler(func() (*dovecotauth.Front, func()) {
		s := d.take()
		return s.dovecot[path], s.leave
	})
}
