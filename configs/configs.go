// Package configs holds the config files that come with the house: the
// commented reference, one file for each scenario, and the demo's two, which
// are built into the daemon so that the demo runs anywhere.
//
// It is not code: package config reads TOML, package directory reads LDIF. Only
// the daemon's main may import it.
package configs

import _ "embed"

// DemoTOML is the demo's config; its relative paths begin at the demo's folder.
//
//go:embed demo.toml
var DemoTOML string

// DemoLDIF is the demo's directory: five people.
//
//go:embed demo.ldif
var DemoLDIF string
