// Command sallyportd is the daemon: it reads one config, builds every part in
// one visible list, serves until it is told to stop, and stops in reverse.
//
// It is flags and wiring, not rules: what a part does, and why, stands in the
// part. Being a main, it may import everything; nothing may import it.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/sallyportd/upkeep"
)

// version is what the build was made from: a tag, or a commit and its time.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// Exit statuses.
const (
	exitRefused = 1
	exitUsage   = 2
)

// usageError is a mistake in what was typed or written, as against something
// that went wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// heapGrowth is how far the heap may grow before it is collected, in percent of
// what is in use: 30 MB in use then take 120. With Go's default of 100 a tenth
// of each check went into collecting.
const heapGrowth = 300

// spareThreads is how many more may run Go code than there are processors.
const spareThreads = 6

func main() {
	debug.SetGCPercent(heapGrowth)
	if os.Getenv("GOMAXPROCS") == "" {
		// A check passes through other processes, and a thread that has just
		// handed it on, or waits for the disk, is not back at once: with some to
		// spare there is one to go on with. On two processors that is a quarter
		// more checks a second.
		runtime.GOMAXPROCS(runtime.NumCPU() + spareThreads)
	}
	err := rootCommand().Execute()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "sallyportd:", err)
	var failed upkeep.Failure
	if errors.As(err, &failed) {
		os.Exit(failed.Status)
	}
	var usage usageError
	if errors.As(err, &usage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitRefused)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sallyportd",
		Short: "Two-factor login in front of an LDAP directory",
		Long: `sallyportd makes two-factor login mandatory in front of an LDAP directory that
already exists. It reads one TOML file and serves the sockets and the page that
the file names.

To try it without a directory: sallyportd demo`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			_ = c.Help()
			return usageError{errors.New("say which command")}
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	root.AddCommand(upkeep.Commands(version())...)
	root.AddCommand(serveCommand(), checkConfigCommand(), initCommand(), demoCommand(), manCommand())
	return root
}
