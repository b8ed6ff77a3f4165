// Package lighttpd proves the recipe beside it with the real lighttpd: files over
// WebDAV, by PAM and over the socket of saslauthd.
//
// It holds tests only, and nobody imports it.
package lighttpd
