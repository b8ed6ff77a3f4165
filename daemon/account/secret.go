package account

import "log/slog"

const redacted = "[redacted]"

// Secret is a string that never prints itself: passwords, codes, app
// passwords, tickets and cookies.
type Secret string

// Reveal returns the secret. Every call is a place to review.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret from fmt.
func (s Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return redacted }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret from JSON, TOML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
