// Package radicale proves the plugin and the config files beside it with the
// real Radicale and a real client. It holds tests only, and nobody imports it.
package radicale
