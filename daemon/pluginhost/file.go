package pluginhost

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

// checkedFile is a plugin that may be executed.
type checkedFile struct {
	path string // as the config names it; the process's own name
	exec string // what is executed
	file *os.File
}

func (f *checkedFile) close() {
	if f.file != nil {
		_ = f.file.Close()
	}
}

// checkFile holds the plugin to the rules of the package doc. The result must
// stay open until the process runs.
func checkFile(path, pin string) (*checkedFile, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	out := &checkedFile{path: path, exec: path}
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
		out.close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	sum := sha256.New()
	sum.Write(head)
	if _, err := io.Copy(sum, f); err != nil {
		out.close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if got := sum.Sum(nil); !bytes.Equal(got, want) {
		out.close()
		return nil, fmt.Errorf("%s is not the file that is pinned: its sha256 is %x", path, got)
	}
	// A script is opened again by its interpreter, which cannot follow our
	// descriptor, so there the path's owners are the only guard.
	if string(head) == "\x7fELF" {
		out.exec = fmt.Sprintf("/proc/self/fd/%d", f.Fd())
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
