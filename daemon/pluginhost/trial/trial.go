// Package trial has a factor make a record of nobody, so that a setting that it
// does not take is told at the start, and not to the first person who sets up.
//
// It keeps nothing of the record. It belongs to package pluginhost; the main asks
// it as well, where it looks at a config.
package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// ErrSettings means that a factor makes no record with its settings.
var ErrSettings = errors.New("it does not take its settings")

// Record has the factor make a record with these settings, beside those that it
// has already. A factor that calls out should be spared: there, a new record may be
// news to somebody. The error wraps ErrSettings.
func Record(ctx context.Context, f factor.Factor, settings map[string]string) error {
	_, err := f.Enroll(ctx, factor.Enrollment{
		Account: "trial", Issuer: "trial", Entropy: make([]byte, factor.EntropySize), Now: time.Now(), Settings: settings,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return nil
}
