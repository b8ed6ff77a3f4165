// Package trial has a factor make a record of nobody, so that a setting that it
// does not take is told at the start, and not to the first person who sets up; and it
// has a folder for plugins that are started for a question.
//
// It keeps nothing of the record, and starts nothing. It belongs to package
// pluginhost; the main asks it as well, where it looks at a config or moves records.
package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// longest is how long the path of a folder may be in which plugins have their sockets.
const longest = 61

// Folder makes an empty one for a short while. Where the machine's folder for
// temporary files is too long for the name of a socket, it lies in /tmp.
func Folder() (string, error) {
	dir, err := os.MkdirTemp("", "sallyport-plugins-")
	if err != nil || len(dir) <= longest {
		return dir, err
	}
	if err := os.Remove(dir); err != nil {
		return "", err
	}
	return os.MkdirTemp("/tmp", "sallyport-plugins-")
}
