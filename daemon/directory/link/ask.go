package link

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
)

// Search lends a connection to ask, which may search more than once. Searches
// do no harm twice: if a connection out of the pool proves dead, ask runs again
// over a new one.
func (s *Server) Search(ctx context.Context, ask func(ctx context.Context, c *Conn) error) error {
	for fresh := false; ; fresh = true {
		c, reused, err := s.searches.get(ctx, fresh)
		if err != nil {
			s.blame(ctx, err)
			return err
		}
		err = ask(ctx, c)
		broken := c.broken
		s.searches.put(c)
		switch {
		case broken && reused && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			continue
		case broken, overloaded(err):
			s.blame(ctx, err)
		}
		return err
	}
}

// Bind asks whether the password of the entry is right. Sent says that the
// server may have counted a try, so that no other one should be asked.
//
// It is sent twice only where a connection out of the pool proved dead: closed
// by the server before it answered. Silence is not that. A server that is slow
// to say no has counted a try, and would count another.
func (s *Server) Bind(ctx context.Context, dn string, password account.Secret) (reason account.Reason, sent bool, err error) {
	for fresh := false; ; fresh = true {
		c, reused, err := s.binds.get(ctx, fresh)
		if err != nil {
			s.blame(ctx, err)
			return "", false, err
		}
		state, err := c.bind(ctx, dn, password)
		reason, judged := judgeBind(state, err)
		s.binds.put(c)
		switch {
		case judged == nil:
			return reason, true, nil
		case errors.Is(err, context.DeadlineExceeded):
			s.suspect()
		case ctx.Err() != nil:
		case reused && !answered(err):
			continue
		case !answered(err), overloaded(err):
			s.failed(judged) // without the directory's text, which may hold the DN
		}
		return "", true, fmt.Errorf("%s: %w", s.URL, judged)
	}
}

// blame takes the server out, unless the caller ran out of time or patience.
func (s *Server) blame(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.failed(err)
	}
}
