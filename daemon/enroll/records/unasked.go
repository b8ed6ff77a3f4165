package records

import "context"

// unasked is the key of the mark in a context.
type unasked struct{}

// Unasked marks what a page asks by itself, with nobody in front of it perhaps.
// It is answered like everything else, and keeps no session from idling out.
func Unasked(ctx context.Context) context.Context {
	return context.WithValue(ctx, unasked{}, true)
}

// IsUnasked tells whether the mark is there.
func IsUnasked(ctx context.Context) bool { return ctx.Value(unasked{}) != nil }
