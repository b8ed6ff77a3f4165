// Package trusted decides whether a file may be run as a plugin: whether
// anybody but root and the daemon's own user could have put it there or changed
// it, and whether it is the file that the config pins. The rules are in the
// doc of package pluginhost, which calls it before it runs one; the daemon's
// main does too, to tell of a mistake in the config early. It runs nothing.
package trusted

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxScripts is how many interpreters may be scripts themselves, as in the
// kernel; maxHead is how much of a first line the kernel reads.
const (
	maxScripts = 4
	maxHead    = 256
)

// File is a plugin that may be executed.
type File struct {
	// Path is how the config names it; it becomes the process's own name.
	Path string
	// Exec is what to execute: the path that all links led to when they were
	// checked, or a descriptor of this process, which is good until Close.
	Exec string
	file *os.File
}

// Close gives back what Open took. The file may run on.
func (f *File) Close() { _ = f.file.Close() }

// Check looks at the way to many files and folders at once, so that one error
// names everything that others may write to, and one command mends it. What is
// wrong with a path beside that is left to those who use it.
func Check(paths ...string) error {
	var w walk
	for _, p := range paths {
		_, _, _ = w.follow(p)
	}
	return w.err()
}

// Open holds a file to the rules; pin is its sha256 in hex, or empty. An error
// names the paths at fault and, where there is one, the command that mends them.
// The result must stay open until the process runs.
func Open(path, pin string) (*File, error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return nil, fmt.Errorf("the plugin's path %q is not absolute and clean", path)
	}
	out, err := open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, maxHead)
	n, err := io.ReadFull(out.file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		out.Close()
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	head = head[:n]
	if err := checkInterpreters(head); err != nil {
		out.Close()
		return nil, fmt.Errorf("what runs %s: %w", path, err)
	}
	if pin == "" {
		return out, nil
	}
	if err := out.compare(head, pin); err != nil {
		out.Close()
		return nil, err
	}
	// A script is opened again by its interpreter, which cannot follow our
	// descriptor, so there the path's owners are the only guard.
	if bytes.HasPrefix(head, []byte("\x7fELF")) {
		out.Exec = fmt.Sprintf("/proc/self/fd/%d", out.file.Fd())
	}
	return out, nil
}

// open follows the path by hand and opens what it found there, not the path.
func open(path string) (*File, error) {
	var w walk
	real, found, err := w.follow(path)
	if bad := w.err(); bad != nil {
		return nil, bad
	}
	if err != nil {
		return nil, fmt.Errorf("finding the plugin: %w", err)
	}
	if !found.Mode().IsRegular() || found.Mode().Perm()&0o111 == 0 {
		return nil, fmt.Errorf("%s is not an executable file; `chmod u=rwx,go=rx %s` mends that", real, quote(real))
	}
	// Such a program would be stronger than its host, which could not end it,
	// and the kernel would not end it with its host.
	if found.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 {
		return nil, fmt.Errorf("%s runs as somebody else than the one who starts it; `chmod ug-s %s` mends that", real, quote(real))
	}
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the plugin: %w", err)
	}
	st, err := f.Stat()
	if err == nil && !os.SameFile(st, found) {
		err = errors.New("it was replaced in this moment")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("looking at %s: %w", real, err)
	}
	return &File{Path: path, Exec: real, file: f}, nil
}

// compare reads the rest of the file and holds all of it to the pin.
func (f *File) compare(head []byte, pin string) error {
	want, err := hex.DecodeString(strings.ToLower(pin))
	if err != nil || len(want) != sha256.Size {
		return errors.New("the sha256 pin is not 64 hexadecimal digits")
	}
	sum := sha256.New()
	sum.Write(head)
	if _, err := io.Copy(sum, f.file); err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	if got := sum.Sum(nil); !bytes.Equal(got, want) {
		return fmt.Errorf("%s is not the file that is pinned: its sha256 is %x", f.Path, got)
	}
	return nil
}

// checkInterpreters holds the program that runs a script to the rules of the
// script: whoever may write to it decides what the plugin does.
func checkInterpreters(head []byte) error {
	for range maxScripts {
		line, isScript := bytes.CutPrefix(head, []byte("#!"))
		if !isScript {
			return nil
		}
		line, _, _ = bytes.Cut(line, []byte("\n"))
		words := strings.Fields(string(line))
		if len(words) == 0 || !filepath.IsAbs(words[0]) {
			return errors.New("after #! its first line names no absolute path")
		}
		f, err := open(words[0])
		if err != nil {
			return err
		}
		next := make([]byte, maxHead)
		n, err := io.ReadFull(f.file, next)
		f.Close()
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("reading %s: %w", words[0], err)
		}
		head = next[:n]
	}
	return errors.New("its interpreter is a script, too, again and again")
}
