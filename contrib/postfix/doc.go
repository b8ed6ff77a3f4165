// Package postfix proves the recipes beside it with the real Postfix, over both
// protocols that it can ask in.
//
// It holds tests only, and nobody imports it.
package postfix
