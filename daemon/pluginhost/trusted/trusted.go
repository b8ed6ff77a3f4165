// Package trusted decides whether a file may be run as a plugin: whether
// anybody but root and the daemon's own user could have put it there or changed
// it, and whether it is the file that the config pins. The rules are in the
// doc of package pluginhost, which alone calls it. It runs nothing.
package trusted

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// File is a plugin that may be executed.
type File struct {
	// Path is how the config names it; it becomes the process's own name.
	Path string
	// Exec is what to execute. It may name a descriptor of this process, and
	// is good until Close.
	Exec string
	file *os.File
}

// Close gives back what Open took. The file may run on.
func (f *File) Close() {
	if f.file != nil {
		_ = f.file.Close()
	}
}

// Open holds a file to the rules; pin is its sha256 in hex, or empty. An error
// names the path at fault and, where there is one, the command that mends it.
// The result must stay open until the process runs.
func Open(path, pin string) (*File, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	out := &File{Path: path, Exec: path}
	if pin == "" {
		return out, nil
	}
	want, err := hex.DecodeString(strings.ToLower(pin))
	if err != nil || len(want) != sha256.Size {
		return nil, errors.New("the sha256 pin is not 64 hexadecimal digits")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the plugin: %w", err)
	}
	out.file = f
	head := make([]byte, 4)
	if _, err := io.ReadFull(f, head); err != nil {
		out.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	sum := sha256.New()
	sum.Write(head)
	if _, err := io.Copy(sum, f); err != nil {
		out.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if got := sum.Sum(nil); !bytes.Equal(got, want) {
		out.Close()
		return nil, fmt.Errorf("%s is not the file that is pinned: its sha256 is %x", path, got)
	}
	// A script is opened again by its interpreter, which cannot follow our
	// descriptor, so there the path's owners are the only guard.
	if string(head) == "\x7fELF" {
		out.Exec = fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	}
	return out, nil
}

// checkPath looks at the path as written and at where its links lead.
func checkPath(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Errorf("the plugin's path %q is not absolute and clean", path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("finding the plugin: %w", err)
	}
	st, err := os.Stat(real)
	if err != nil {
		return fmt.Errorf("looking at the plugin: %w", err)
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file; `chmod u=rwx,go=rx %s` mends that", real, real)
	}
	if err := checkChain(real); err != nil {
		return err
	}
	if real == path {
		return nil
	}
	return checkChain(path)
}

// checkChain looks at the last name of a path and every directory above it.
func checkChain(path string) error {
	belowIsDir := false
	for at := path; ; at = filepath.Dir(at) {
		st, err := os.Lstat(at)
		if err != nil {
			return fmt.Errorf("looking at %s: %w", at, err)
		}
		if err := checkOwner(at, st, belowIsDir); err != nil {
			return err
		}
		if at == "/" {
			return nil
		}
		belowIsDir = st.IsDir()
	}
}

// checkOwner refuses what somebody else could replace or write to.
func checkOwner(at string, st fs.FileInfo, belowIsDir bool) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("nobody can say who owns %s", at)
	}
	if sys.Uid != 0 && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, and must belong to root or to the user of the daemon; "+
			"`chown root %s` mends that", at, sys.Uid, at)
	}
	if st.Mode()&fs.ModeSymlink != 0 || st.Mode().Perm()&0o022 == 0 {
		return nil // a link has no mode of its own
	}
	// Sticky: what is in it can be renamed and removed by its owner only, and
	// that is us, as the name below was looked at first. Not for a file: others
	// may be able to put a hard link to an old one of ours there.
	if st.Mode()&fs.ModeSticky != 0 && sys.Uid == 0 && st.IsDir() && belowIsDir {
		return nil
	}
	return fmt.Errorf("%s can be written to by others; `chmod go-w %s` mends that", at, at)
}
