// Package wires asks the built daemon the same questions over every protocol
// that it speaks: no wire may accept what another denies.
//
// It holds tests only, and nobody imports it.
package wires
