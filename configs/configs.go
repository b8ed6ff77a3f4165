// Package configs carries the demo's config and people inside the daemon, so
// that the demo needs no file but the programs.
//
// It is not the way to configure anything: the files beside it are, and
// package daemon/config reads those. Only the daemon's main may import it.
package configs

import _ "embed" // the two files below

// DemoTOML is the config of the demo; relative paths in it begin at the demo's
// folder.
//
//go:embed demo.toml
var DemoTOML string

// DemoLDIF are the people of the demo.
//
//go:embed demo.ldif
var DemoLDIF string
