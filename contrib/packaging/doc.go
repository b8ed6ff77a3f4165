// Package packaging is what the Debian package is made from, and the tests that
// install it: units, scripts, and the build that make deb calls.
//
// It holds no Go beside its tests, and nobody imports it.
package packaging
