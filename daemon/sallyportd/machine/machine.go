// Package machine answers for the machine that the daemon runs on: whether the
// programs, keys, people, groups and folders that a config names are there, and
// such that nobody else can use them.
//
// It decides nothing by itself: each answer is that of the part that will use
// the thing, asked beforehand. It is a piece of the daemon's main, which alone
// may import it.
package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory/link"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/pluginhost/trusted"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite/file"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// Here answers for this machine and the user of this process. It makes nothing.
// Where the daemon is not being started, what systemd makes for it at the start
// may be missing.
func Here(starting bool) config.Machine {
	return config.Machine{
		Program: program,
		Key:     func(kek string) error { return key(kek, starting) },
		Peer:    peer, Group: group, Texts: texts,
		Store: func(path string) error { return mended(file.Fit(path), "write the path of a file") },
		DN: func(dn string) error {
			return mended(link.CheckDN(dn), "write for example: ou=people,dc=example,dc=org")
		},
		Filter: func(filter string, places ...string) error {
			_, err := link.ParseTemplate(filter, places...)
			return mended(err, "write it in balanced brackets, for example: (uid={name})")
		},
		Socket: func(path string) error {
			return mended(listen.CheckFolder(path), "write the path of a socket in a folder that the daemon can use")
		},
		State: func(path string) error {
			_, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it is made at the start
			}
			return mended(judge(path), "write the path of a folder that the daemon can use")
		},
	}
}

// mended adds what mends an error that does not say so itself.
func mended(err error, fix string) error {
	if err == nil || strings.Contains(err.Error(), "; ") {
		return err
	}
	return fmt.Errorf("%w; %s", err, fix)
}

func program(path, pin string) error {
	f, err := trusted.Open(path, pin)
	if err != nil {
		if pin != "" {
			return mended(err, "put the right program there, or write this sum if you trust what is there")
		}
		return mended(err, "install the program there, or write its path")
	}
	f.Close()
	return nil
}

// Programs tells what keeps the daemon from running plugins, if anything does.
// What is open to others it tells all at once, with one command that mends it:
// in a folder cloned with umask 002 that is every folder on the way.
func Programs(paths []string) error {
	loose := map[string]bool{}
	for _, p := range paths {
		for at := p; ; at = filepath.Dir(at) {
			st, err := os.Stat(at)
			shared := err == nil && st.IsDir() && st.Mode()&fs.ModeSticky != 0 // such as /tmp
			if err == nil && st.Mode().Perm()&0o022 != 0 && !shared {
				loose[quoted(at)] = true
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	if len(loose) > 0 {
		return fmt.Errorf("others can change the plugins or a folder above them, and such programs are not run; to mend it: chmod go-w %s",
			strings.Join(slices.Sorted(maps.Keys(loose)), " "))
	}
	for _, p := range paths {
		if err := program(p, ""); err != nil {
			return err
		}
	}
	return nil
}

// quoted is a path as a shell wants it.
func quoted(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// KEK resolves "credential:NAME" to the file that systemd made.
func KEK(kek string) string {
	if name, ok := strings.CutPrefix(kek, "credential:"); ok {
		return filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), name)
	}
	return kek
}

func key(kek string, starting bool) error {
	path := KEK(kek)
	if path != kek && os.Getenv("CREDENTIALS_DIRECTORY") == "" {
		if !starting {
			return nil
		}
		return fmt.Errorf("systemd has passed no credentials; write into the unit: LoadCredential=%s:/etc/sallyport/kek", filepath.Base(path))
	}
	k, err := seal.LoadKEK(path)
	clear(k)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file or directory; for a new installation run: sallyportd init --kek %s (an old one needs its own key back)", path, path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; run: chown %d %s", err, os.Geteuid(), path)
	}
	return mended(err, "put back the key of this state")
}

func peer(name string) error {
	_, err := listen.ParseAllow([]string{name})
	return mended(err, "write one that is there, or make it with useradd or groupadd")
}

func group(name string) error {
	if _, err := listen.ParseAllow([]string{"@" + name}); err != nil {
		return fmt.Errorf("no such group on this machine: %q; run: groupadd --system %s", name, name)
	}
	return nil
}

func texts(dir string) error {
	_, err := words.Load(dir, "", "")
	return mended(err, "mend or remove that file; without it the built-in texts show")
}
