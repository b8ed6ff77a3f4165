// Package apache proves the recipe beside it with the real Apache. It holds
// tests only, and nobody imports it.
package apache
