// Package configs carries the demo's config and people, and the first config of
// a new installation, inside the daemon, so that neither needs a file but the
// programs.
//
// It is not the way to configure anything: the files beside it are, and
// package daemon/config reads those. Only the daemon's main may import it.
package configs

import _ "embed" // the files below

// DemoTOML is the config of the demo; relative paths in it begin at the demo's
// folder.
//
//go:embed demo.toml
var DemoTOML string

// FirstTOML is the config that a new installation begins with.
//
//go:embed first.toml
var FirstTOML string

// DemoLDIF are the people of the demo.
//
//go:embed demo.ldif
var DemoLDIF string
