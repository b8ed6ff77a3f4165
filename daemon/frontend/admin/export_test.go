package admin

import (
	"context"
	"net/http"

	"github.com/sallyport/sallyport/daemon/listen"
)

// NewFor is New for peers that a test makes up.
func NewFor(cfg Config, peerOf func(context.Context) (listen.Peer, bool)) (http.Handler, error) {
	return build(cfg, peerOf)
}

// RoutesTaking are the patterns of all routes and whether an operator is
// needed.
func RoutesTaking() map[string]bool {
	out := map[string]bool{}
	for _, r := range (&handler{}).routes() {
		out[r.pattern] = r.role == operator
	}
	return out
}
