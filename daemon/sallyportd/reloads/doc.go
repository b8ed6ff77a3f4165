// Package reloads changes the config of the built daemon, and the daemon itself,
// under the load of clients on every front end: no answer may be wrong and no
// request lost.
//
// It holds tests only, and nobody imports it.
package reloads
