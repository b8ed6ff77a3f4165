// Package nginx proves the recipes beside it with the real nginx and the real
// servers behind it. It holds tests only, and nobody imports it.
package nginx
