// Package sabredav proves the recipe beside it: the class with the sabre/dav of
// Debian behind nginx and php-fpm, and with a base class of the shape that newer
// ones have.
//
// It holds tests only, and nobody imports it.
package sabredav
