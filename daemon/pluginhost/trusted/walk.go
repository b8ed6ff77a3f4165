package trusted

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many links one path may lead over, as in the kernel.
const maxLinks = 40

var errLinks = errors.New("too many links, or they lead in a circle")

// walk follows paths as the kernel does, name by name and link by link, and
// notes everything on the way that somebody else could replace.
type walk struct {
	loose   []string // can be written to by others
	shared  []string // for everybody, and meant to be
	foreign []string // belongs to somebody else
	owners  []string // the same, in words
}

// follow returns where the path ends, with no link left in it.
func (w *walk) follow(path string) (string, fs.FileInfo, error) {
	at := "/"
	dir, err := os.Lstat(at)
	if err != nil {
		return "", nil, err
	}
	w.owned(at, dir)
	links, rest := 0, names(path)
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name) // of .., too: there is no link in at
		st, err := os.Lstat(next)
		if err != nil {
			return "", nil, err
		}
		if name != ".." {
			w.writable(at, dir, st.IsDir())
			w.owned(next, st)
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			at, dir = next, st
			continue
		}
		to, err := os.Readlink(next)
		if err != nil {
			return "", nil, err
		}
		if links++; links > maxLinks {
			return "", nil, fmt.Errorf("following %s: %w", path, errLinks)
		}
		rest = append(names(to), rest...)
		if !filepath.IsAbs(to) {
			continue
		}
		at = "/"
		if dir, err = os.Lstat(at); err != nil {
			return "", nil, err
		}
	}
	w.writable(at, dir, false)
	return at, dir, nil
}

func names(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(n string) bool { return n == "" || n == "." })
}

// owned notes what belongs neither to root nor to us.
func (w *walk) owned(at string, st fs.FileInfo) {
	uid := owner(st)
	if uid == 0 || uid == os.Geteuid() || slices.Contains(w.foreign, at) {
		return
	}
	w.foreign = append(w.foreign, at)
	w.owners = append(w.owners, fmt.Sprintf("%s belongs to user %d", at, uid))
}

// writable notes the end of a path, or a folder on it in which the next name
// was looked up, if others may write there.
func (w *walk) writable(at string, st fs.FileInfo, belowIsDir bool) {
	if st.Mode().Perm()&0o022 == 0 {
		return
	}
	shared := st.Mode()&fs.ModeSticky != 0 && owner(st) == 0 && st.IsDir()
	into := &w.loose
	switch {
	// Sticky: what is in it can be renamed and removed by its owner only, and
	// that is looked at for itself. Not for a file or a link: others may be able
	// to put a hard link to an old one of ours there.
	case shared && belowIsDir:
		return
	case shared:
		into = &w.shared
	}
	if !slices.Contains(*into, at) {
		*into = append(*into, at)
	}
}

// owner is -1, which is nobody, if the system does not say.
func owner(st fs.FileInfo) int {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(sys.Uid)
}

// err says all that was noted, and the one command that mends it.
func (w *walk) err() error {
	var wrong, mend []string
	if len(w.foreign) > 0 {
		wrong = append(wrong, strings.Join(w.owners, ", ")+", not to root or to the user of the daemon")
		mend = append(mend, "chown -h root "+quote(w.foreign...))
	}
	if len(w.loose) > 0 {
		wrong = append(wrong, strings.Join(w.loose, ", ")+" can be written to by others: "+
			"by a group, which counts even if only you are in it today, or by everybody")
		mend = append(mend, "chmod go-w "+quote(w.loose...))
	}
	for _, at := range w.shared {
		wrong = append(wrong, at+" is there for everybody to write to: put the plugin into a folder of its own")
	}
	if len(wrong) == 0 {
		return nil
	}
	text := "not safe from others: " + strings.Join(wrong, "; ")
	if len(mend) > 0 {
		text += "; `" + strings.Join(mend, " && ") + "` mends that"
	}
	return errors.New(text)
}

// quote writes paths so that a shell reads them as they are.
func quote(paths ...string) string {
	out := make([]string, 0, len(paths))
	for _, p := range paths {
		if strings.ContainsFunc(p, needsQuotes) {
			p = "'" + strings.ReplaceAll(p, "'", `'\''`) + "'"
		}
		out = append(out, p)
	}
	return strings.Join(out, " ")
}

func needsQuotes(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+@%:,=", r)
}
