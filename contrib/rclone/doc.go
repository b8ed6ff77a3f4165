// Package rclone proves the recipe beside it with the real rclone. It holds
// tests only, and nobody imports it.
package rclone
