package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// probeEvery is how often a server that is down is asked again, and how
	// often the pools of one that is up are topped up.
	probeEvery = 500 * time.Millisecond
	// warm is how many connections of each kind are dialled ahead of need.
	warm = 4
)

// Settings say where a server is and how it is treated.
type Settings struct {
	// URL names the server in statuses, logs and errors.
	URL string
	// Address is host:port.
	Address string
	// TLS is nil where the connection stays plain.
	TLS *tls.Config
	// StartTLS secures the connection after it is made; it needs TLS.
	StartTLS bool
	// BindDN and BindPassword are the account that searches; with no BindDN
	// the search is anonymous.
	BindDN       string
	BindPassword account.Secret
	// Timeout bounds one operation, CoolDown is how long the server stands
	// behind the others after it failed.
	Timeout  time.Duration
	CoolDown time.Duration
	// PoolSize bounds the connections of each kind, 1 or more.
	PoolSize int
	Now      func() time.Time
	// Observe is told of each "bind" and "search"; the error is nil where the
	// directory answered, whatever it said.
	Observe func(op string, took time.Duration, err error)
	// Notify is told when the server comes or goes.
	Notify func(up bool)
}

// Server is one of the directory's servers, and what is known of its health.
type Server struct {
	Settings
	searches *pool
	binds    *pool
	kick     chan struct{}

	mu sync.Mutex
	// down is set by a failure and cleared by a probe that succeeds.
	down bool
	// until is when a server that failed may again come before later ones.
	until   time.Time
	since   time.Time
	lastErr error
	// ends is when the certificate ends that the server last proved itself with.
	ends time.Time
}

// Status is what is known of one server.
type Status struct {
	// Server is its address as configured.
	Server string
	Up     bool
	// Since is when Up last changed.
	Since time.Time
	// Error is the last failure, or empty; it never holds a secret.
	Error string
	// Ready is the number of connections that lie ready.
	Ready int
	// CertificateEnds is when the first certificate ends of those that the server
	// last proved itself with; zero before that, and where there is no TLS.
	CertificateEnds time.Time
}

// NewServer makes a server; nothing is dialled before Tend or the first call.
func NewServer(settings Settings) *Server {
	s := &Server{Settings: settings, kick: make(chan struct{}, 1), since: settings.Now()}
	s.searches = newPool(s.PoolSize, s.dialService)
	s.binds = newPool(s.PoolSize, s.dial)
	return s
}

// Close ends what lies ready. Tend must have ended.
func (s *Server) Close() {
	s.searches.drop(true)
	s.binds.drop(true)
}

// dialService opens a connection for searches, as the service account.
func (s *Server) dialService(ctx context.Context) (*Conn, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	if s.BindDN != "" {
		if _, err := c.bind(ctx, s.BindDN, s.BindPassword); err != nil {
			c.sever()
			return nil, fmt.Errorf("binding to %s as %s: %w", s.URL, s.BindDN, err)
		}
	}
	c.forSearches(s.TLS != nil)
	return c, nil
}

// failed takes the server out until a probe succeeds, and behind the others
// for the cool-down.
func (s *Server) failed(err error) {
	s.mu.Lock()
	was := s.down
	s.down, s.lastErr = true, err
	s.until = s.Now().Add(s.CoolDown)
	if !was {
		s.since = s.Now()
	}
	s.mu.Unlock()
	s.searches.drop(false)
	s.binds.drop(false)
	if !was {
		s.Notify(false)
	}
}

// proved notes the certificates that the server has just proved itself with.
func (s *Server) proved(chain []*x509.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range chain {
		if i == 0 || c.NotAfter.Before(s.ends) {
			s.ends = c.NotAfter
		}
	}
}

// revived puts the server back after a probe.
func (s *Server) revived() {
	s.mu.Lock()
	was := s.down
	if was {
		s.down, s.since = false, s.Now()
	}
	s.mu.Unlock()
	if was {
		s.Notify(true)
	}
}

// suspect asks for a probe soon: an operation took too long, which can be the
// operation's fault or the server's.
func (s *Server) suspect() {
	s.binds.drop(false) // those may be half open
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *Server) state() (up, cooling bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.down, s.Now().Before(s.until)
}

// Tend keeps the pools filled, and probes while the server is down, until the
// context ends. A request never waits for a server that is known to be away.
func (s *Server) Tend(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		up, _ := s.state()
		s.topUp(ctx, !up)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.kick:
			s.topUp(ctx, true)
		}
	}
}

// topUp fills the pools. A probe does so over a new connection in any case.
func (s *Server) topUp(ctx context.Context, probe bool) {
	ctx, cancel := context.WithTimeout(ctx, 3*s.Timeout)
	defer cancel()
	var err error
	if probe {
		err = s.probe(ctx)
	}
	want := min(warm, cap(s.binds.slots))
	if err == nil {
		err = s.searches.fill(ctx, want)
	}
	if err == nil {
		err = s.binds.fill(ctx, want)
	}
	switch {
	case err == nil:
		s.revived()
	case !errors.Is(ctx.Err(), context.Canceled):
		s.failed(err)
	}
}

// probe asks for one harmless thing over a new connection: the root entry.
func (s *Server) probe(ctx context.Context) error {
	c, err := s.dialService(ctx)
	if err != nil {
		return err
	}
	_, err = c.Search(ctx, Query{Base: "", Limit: 1, Filter: anyEntry(), Attributes: []string{"1.1"}})
	if err != nil && (!answered(err) || overloaded(err)) {
		c.sever()
		return fmt.Errorf("probing %s: %w", s.URL, err)
	}
	if !s.searches.push(c) {
		c.sever()
	}
	return nil
}

// Status tells what is known of the server; it asks nobody.
func (s *Server) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Server: s.URL, Up: !s.down, Since: s.since, CertificateEnds: s.ends}
	if s.lastErr != nil {
		status.Error = s.lastErr.Error()
	}
	status.Ready = s.searches.count() + s.binds.count()
	return status
}

// InOrder returns the servers worth asking, best first: those that are well as
// configured, then those that came back but still cool down.
func InOrder(servers []*Server) []*Server {
	var well, cooling []*Server
	for _, s := range servers {
		switch up, cool := s.state(); {
		case !up:
		case cool:
			cooling = append(cooling, s)
		default:
			well = append(well, s)
		}
	}
	return append(well, cooling...)
}
