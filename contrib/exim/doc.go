// Package exim proves the recipe beside it with the real Exim.
//
// It holds tests only, and nobody imports it.
package exim
