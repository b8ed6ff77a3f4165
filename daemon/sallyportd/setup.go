package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
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
no socket and asks no server. Each plugin alone knows whether it can use its
settings, so it is started, asked, and ended again: hooks as soon as they can be,
factors once nothing else is wrong. It looks with the eyes of the user who runs it,
so run it as the daemon's. Exit status: 0 usable, 2 not usable.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			here := machine.Here(false)
			here.Hook, here.Factors = machine.Hook, machine.Factors
			cfg, err := config.Load(path, here)
			var problems config.Problems
			if errors.As(err, &problems) {
				for _, p := range problems {
					cmd.PrintErrln(p)
				}
				if h := asRoot(problems, "check-config", path); h != "" {
					cmd.PrintErrln(h)
				}
				return usageError{fmt.Errorf("%s is not usable: %d to mend", path, len(problems))}
			}
			if err != nil {
				return err
			}
			cmd.Printf("%s is usable: %d services, %d factors, %d sockets\n",
				path, len(cfg.Services), len(cfg.Factors), len(cfg.Listeners))
			for _, a := range cfg.Advice() {
				cmd.PrintErrln("better: " + a)
			}
			return nil
		},
	}
	configFlag(c, &path)
	c.SetOut(os.Stdout)
	return c
}

// asRoot is a hint for root, whom the daemon takes for its own user: what
// belongs to the real one then looks like somebody else's, and must not be
// taken away from them.
func asRoot(problems config.Problems, command, path string) string {
	if os.Geteuid() != 0 || !strings.Contains(problems.Error(), "belongs to uid ") {
		return ""
	}
	return "(You are root, and were taken for the daemon's user. If that is another, change no owner, but run: sudo -u USER sallyportd " +
		command + " --config " + path + ")"
}

func initCommand() *cobra.Command {
	var f first
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the master key, the state folder and a first config",
		Long: `init makes what the daemon will not make by itself: the master key (32 random
bytes, mode 0400) and the state folder (mode 0700); with --config also a first
config, with a word on what you have to fill in. What is there already stays as
it is; with --user, root gives key and state to the user who will run the daemon.
It asks nothing.

Keep a copy of the master key where the backups of the state are not: without
it nobody can read the sealed records, and everybody has to set up anew.`,
		Example: `  sallyportd init --user sallyport --config /etc/sallyport/sallyport.toml \
    --ldap-url ldaps://ldap.example.org --base ou=people,dc=example,dc=org
  sallyportd init --dir try      # everything in one folder`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	c.SetOut(os.Stdout)
	c.Flags().StringVar(&f.kek, "kek", "/etc/sallyport/kek", "where the master key shall be")
	c.Flags().StringVar(&f.state, "state", "/var/lib/sallyport", "where the state shall be")
	c.Flags().StringVar(&f.owner, "user", "", "who will run the daemon; default: who runs this")
	c.Flags().StringVar(&f.config, "config", "", "where a first config shall be; default: none is made")
	c.Flags().StringVar(&f.dir, "dir", "", "a folder for all of that, with the sockets in its folder run")
	c.Flags().StringVar(&f.url, "ldap-url", "", "the directory, for the config: ldaps://NAME")
	c.Flags().StringVar(&f.base, "base", "", "where people are in it")
	c.Flags().StringVar(&f.bind, "bind-dn", "", "the account that searches it")
	return c
}

// giver returns what gives a path to the named user, or nil for nobody.
func giver(name string) (func(path string) error, error) {
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, usageError{fmt.Errorf("there is no user %q on this machine; run: useradd --system %s", name, name)}
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	if err := errors.Join(uerr, gerr); err != nil {
		return nil, fmt.Errorf("reading the ids of %s: %w", name, err)
	}
	// A link is not followed: it could lead to anything.
	return func(path string) error { return os.Lchown(path, uid, gid) }, nil
}

// makeOnce makes a path, or has what is there looked at, and says which. What
// is given away is theirs to look at, so then only its owner is set.
func makeOnce(path string, create, give func(string) error, given bool) (string, error) {
	given = given && give != nil
	did := "is there"
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		did = "made"
	}
	if did == "made" || !given {
		if err := create(path); err != nil {
			return "", err
		}
	}
	if given {
		if err := give(path); err != nil {
			return "", fmt.Errorf("giving it to the daemon's user: %w", err)
		}
	}
	return did, nil
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
