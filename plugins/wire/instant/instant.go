// Package instant carries a time as nanoseconds since 1970 in UTC, which a time
// that is not known does not have.
//
// It reads no clock. It belongs to package wire, which alone may call it.
package instant

import "time"

// ToWire gives nil for the zero time, whose nanoseconds do not exist.
func ToWire(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.UnixNano()
	return &n
}

// FromWire gives the zero time where none was sent.
func FromWire(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return time.Unix(0, *n).UTC()
}
