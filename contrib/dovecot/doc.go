// Package dovecot proves the recipe beside it with the real Dovecot, and asks
// the daemon's Dovecot socket with Dovecot's own client library.
//
// It holds tests only, and nobody imports it.
package dovecot
