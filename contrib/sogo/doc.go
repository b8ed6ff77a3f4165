// Package sogo proves the recipe beside it: the real SOGo with its database and
// its cache, behind the real nginx.
//
// It holds tests only, and nobody imports it.
package sogo
