package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
)

//go:embed help.txt
var helpText string

//go:embed sallyport-check.8
var manPage []byte

//go:embed completion.bash
var completion string

// manual answers what is asked about the program itself, and returns goOn where
// the first word is none of these.
func (p *process) manual(word string, args []string) int {
	switch {
	case word == "":
		fmt.Fprint(p.err, helpText)
		return exitMisuse
	case word == "--help" || word == "-h" || word == "-help" || word == "help":
		fmt.Fprint(p.out, helpText)
		return 0
	case word == "--version":
		fmt.Fprintln(p.out, program, version())
		return 0
	case word == "completion" && len(args) == 1 && args[0] == "bash":
		fmt.Fprint(p.out, completion)
		return 0
	case word == "man" && len(args) == 1:
		if err := writeMan(args[0]); err != nil {
			fmt.Fprintf(p.err, "%s: writing the man page: %v\n", program, err)
			return exitRefused
		}
		return 0
	}
	return goOn
}

func writeMan(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, program+".8"), manPage, 0o644)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
