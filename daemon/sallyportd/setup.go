package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
	"github.com/sallyport/sallyport/daemon/seal"
)

func checkConfigCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "check-config --config FILE",
		Short: "Read the config and tell everything that is wrong with it",
		Long: `check-config reads the config file, looks at the files that it names, and
prints every problem with file, line, key, reason and a way to mend it. It opens
no socket, starts no plugin and asks no server. It looks with the eyes of the
user who runs it, so run it as the daemon's. Exit status: 0 usable, 2 not usable.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(path, machine.Here(false))
			var problems config.Problems
			if errors.As(err, &problems) {
				for _, p := range problems {
					cmd.PrintErrln(p)
				}
				if os.Geteuid() == 0 {
					cmd.PrintErrln("(Asked by root, this took root for the daemon's user. If it is another: sudo -u USER sallyportd check-config --config " + path + ")")
				}
				return usageError{fmt.Errorf("%s is not usable: %d to mend", path, len(problems))}
			}
			if err != nil {
				return err
			}
			cmd.Printf("%s is usable: %d services, %d factors, %d sockets\n",
				path, len(cfg.Services), len(cfg.Factors), len(cfg.Listeners))
			return nil
		},
	}
	configFlag(c, &path)
	c.SetOut(os.Stdout)
	return c
}

func initCommand() *cobra.Command {
	var kek, state string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the master key and the state folder",
		Long: `init makes what the daemon will not make by itself: the master key (32 random
bytes, mode 0400) and the state folder (mode 0700). What is there already stays
as it is.

Keep a copy of the master key where the backups of the state are not: without
it nobody can read the sealed records, and everybody has to set up anew.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, step := range []struct {
				what, path string
				make       func(string) error
			}{
				{"state folder", state, machine.OwnFolder},
				{"folder of the master key", filepath.Dir(kek), func(p string) error { return os.MkdirAll(p, 0o755) }},
				{"master key", kek, createKEK},
			} {
				_, before := os.Lstat(step.path)
				if err := step.make(step.path); err != nil {
					return fmt.Errorf("making the %s: %w", step.what, err)
				}
				did := "is there"
				if errors.Is(before, fs.ErrNotExist) {
					did = "made"
				}
				cmd.Printf("%-8s %s: %s\n", did, step.what, step.path)
			}
			return nil
		},
	}
	c.SetOut(os.Stdout)
	c.Flags().StringVar(&kek, "kek", "/etc/sallyport/kek", "where the master key shall be")
	c.Flags().StringVar(&state, "state", "/var/lib/sallyport", "where the state shall be")
	return c
}

// createKEK makes a key, or makes sure that the one that is there can be used.
func createKEK(path string) error {
	err := seal.CreateKEK(path)
	if errors.Is(err, fs.ErrExist) {
		_, err = seal.LoadKEK(path)
	}
	return err
}

// absolute makes the demo's folder independent of where it is started.
func absolute(dir string) (string, error) {
	abs, err := filepath.Abs(strings.TrimSpace(dir))
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", dir, err)
	}
	return abs, nil
}
