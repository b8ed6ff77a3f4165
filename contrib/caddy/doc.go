// Package caddy proves the recipe beside it with the real Caddy and the real
// Radicale. It holds tests only, and nobody imports it.
package caddy
