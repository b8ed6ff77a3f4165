package backup

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/daemon/events"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
)

// hooks takes back how far each hook has read the audit: what comes after a
// restore has numbers that they have heard of, and would be passed over. It is
// done before the swap, so that a hook may hear twice, but never too little.
func (r *restore) hooks(ctx context.Context) error {
	cursor := events.Files{Dir: r.Hooks}
	found, err := filepath.Glob(filepath.Join(r.Hooks, "hook-*.seq"))
	if err != nil || r.Hooks == "" {
		return err
	}
	for _, path := range found {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "hook-"), ".seq")
		seq, err := cursor.Get(ctx, name)
		if err != nil || seq <= r.AuditHead { // the daemon tells of one that cannot be read
			continue
		}
		if err := cursor.Put(ctx, name, r.AuditHead); err != nil {
			return err
		}
		if err := state.Give(path, r.Hooks); err != nil {
			return err
		}
	}
	return nil
}
