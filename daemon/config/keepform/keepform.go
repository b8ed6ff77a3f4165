// Package keepform reads for how long what is told of people is kept: [retention].
//
// It removes nothing, and the limits are no rule of its own: one is what the law of
// many countries expects, the other what an investigation needs. Only package config
// may call it; the main reads its values.
package keepform

import (
	"time"

	"github.com/sallyport/sallyport/daemon/config/strict"
)

const day = 24 * time.Hour

// Retention is for how long something is kept.
type Retention struct {
	// Addresses is for how long the addresses of clients are.
	Addresses time.Duration
	// Logins is for how long it is told who has logged in.
	Logins time.Duration
	// Events is for how long the events of the audit are.
	Events time.Duration
}

// Read reads [retention] out of the whole file.
func Read(file *strict.Table) Retention {
	t := file.Sub("retention")
	defer t.Close()
	r := Retention{
		Addresses: t.Duration("addresses", 7*day, time.Hour, 90*day),
		Events:    t.Duration("events", 90*day, 7*day, 3660*day),
	}
	r.Logins = t.Duration("logins", min(31*day, r.Events), day, 3660*day)
	if r.Logins > r.Events {
		t.Refuse("logins", "is more than events", "write a duration not above it: a login is an event, too")
	}
	if r.Events < r.Addresses {
		t.Refuse("events", "is less than addresses", "write a duration not below it")
	}
	return r
}
