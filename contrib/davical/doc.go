// Package davical proves the recipe beside it with the real DAViCal. It holds
// tests only, and nobody imports it.
package davical
