package house

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Alive tells whether the parts that everybody waits for answer in time: the
// store's writer, and what writes down finished acts. An answer is enough, be it
// an error: a full disk is not mended by another start of the daemon, and is
// told of elsewhere.
func (h *House) Alive(ctx context.Context) error {
	if err := h.bus.Alive(ctx); err != nil {
		return err
	}
	// A look at tries that nobody made goes through the writer and counts nothing.
	_, _, err := h.store.Fail(ctx, account.Try{
		Bucket: "alive", At: h.clock.Now(), Allow: func([]time.Time) time.Duration { return time.Second },
	})
	if ctx.Err() != nil {
		return fmt.Errorf("the store's writer does not answer: %w", err)
	}
	return nil
}
