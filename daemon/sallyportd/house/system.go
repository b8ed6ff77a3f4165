package house

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/sallyportd/anchors"
	"github.com/sallyport/sallyport/daemon/sallyportd/clock"
	"github.com/sallyport/sallyport/daemon/store/sqlite/trail"
)

// The house as the admin front end and the health check see it.

// Status is one screen about the daemon.
func (h *House) Status(ctx context.Context) (api.Status, error) {
	node, err := os.Hostname()
	if err != nil {
		node = "" // a nicety, not worth failing for
	}
	now := h.duty.Now()
	cfg := now.Config
	s := api.Status{
		Version: h.version, Node: node, Started: h.started, Now: h.clock.Now(), Page: cfg.Page.URL,
		Clock: api.Clock{OK: h.clock.Safe()},
		Store: api.Store{OK: true, Kind: "sqlite"},
	}
	s.Config.Note, s.Config.OK = h.reloadNote()
	if !s.Clock.OK {
		s.Clock.Note = fmt.Sprintf("the clock jumped by %s: codes wait until it has held still for a minute", h.clock.Skew().Round(clock.Jump/10))
	}
	for _, d := range now.Directory.Status(ctx) {
		s.Directory = append(s.Directory, api.Server{URL: d.Server, Up: d.Up, Since: d.Since, Note: d.Error})
	}
	for _, p := range now.Plugins.Status() {
		s.Plugins = append(s.Plugins, api.Plugin{Kind: p.Kind, Up: p.Up, PID: p.PID, Restarts: p.Restarts, Unjailed: p.Up && !p.Jailed})
	}
	for _, l := range cfg.Listeners {
		s.Listeners = append(s.Listeners, api.Listening{Protocol: l.Protocol, Address: l.Path})
	}
	if cfg.Page.Listen != "" {
		s.Listeners = append(s.Listeners, api.Listening{Protocol: "page", Address: cfg.Page.Listen})
	}
	if cfg.Metrics != "" {
		s.Listeners = append(s.Listeners, api.Listening{Protocol: "metrics", Address: cfg.Metrics})
	}
	if st, err := os.Stat(cfg.Store); err == nil {
		s.Store.Bytes = st.Size()
	}
	census, err := h.store.Census(ctx)
	if err != nil {
		s.Store.OK, s.Store.Note = false, err.Error()
		return s, nil
	}
	s.Store.AuditSeq = census.AuditHead
	s.Enrollment = api.Enrollment{Subjects: int(census.Subjects), Records: map[string]int{}, Policy: h.metrics.Muster(h.clock.Now())}
	for kind, n := range census.Factors {
		s.Enrollment.Records[kind] = int(n.Records)
	}
	return s, nil
}

// Events returns the audit after a number, oldest first.
func (h *House) Events(ctx context.Context, after int64, limit int) ([]account.Event, error) {
	return h.store.Events(ctx, after, limit)
}

// VerifyAudit walks the whole audit and everything that is sealed, and compares it with
// the anchors beside the revocation journal and those in a text, such as a log.
func (h *House) VerifyAudit(ctx context.Context, log string) (api.AuditReport, error) {
	noted, err := anchors.Kept(h.cfg.Load().Journal)
	if err != nil {
		return api.AuditReport{}, err
	}
	noted = append(noted, trail.FindAnchors([]byte(log))...)
	r, err := h.store.Verify(ctx, noted...)
	if err != nil {
		return api.AuditReport{}, err
	}
	report := api.AuditReport{OK: r.OK(), Events: r.Events, Last: r.AuditHead, Head: hex.EncodeToString(r.AuditLink)}
	if r.Events > 0 {
		report.First = r.AuditHead - r.Events + 1
	}
	if a := r.Anchors; a != nil {
		report.Anchors, report.AnchorsOlder, report.AnchorsRestored = a.Held, a.Older, a.Restored
		report.AnchoredEvent, report.AnchoredAt = a.Newest.Seq, a.Newest.At
	}
	problems := r.Damage
	if r.BrokenEvent > 0 {
		problems = append([]string{fmt.Sprintf("event %d: %s", r.BrokenEvent, r.BrokenWhy)}, problems...)
	}
	report.Problem = strings.Join(problems, "; ")
	return report, nil
}

// Ready says what is missing for a login, if anything is. A directory that is
// away is no reason to take the daemon out of service: app passwords go on.
func (h *House) Ready(ctx context.Context) error {
	if !h.clock.Safe() {
		return errors.New("the clock jumped and has not settled yet")
	}
	for _, p := range h.duty.Now().Plugins.Status() {
		if !p.Up {
			return fmt.Errorf("plugin %s is down", p.Kind)
		}
	}
	// Any row will do; one that nobody has is the cheapest.
	_, err := h.store.Token(ctx, account.TokenRef{Kind: account.TicketEntry})
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return errors.New("the store does not answer")
	}
	return nil
}
