// Package cyrus proves the recipe beside it with the real Cyrus, as a server of
// calendars and contacts and of mail.
//
// It holds tests only, and nobody imports it.
package cyrus
