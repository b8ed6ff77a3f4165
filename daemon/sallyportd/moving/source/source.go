// Package source opens the files of an import and has them read: which format they
// are in, whose a folder of them are, how much may be taken at once.
//
// What stands in them package reading and package pskc know. It writes nothing. It
// is a piece of the daemon's main, which alone may import it.
package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/daemon/sallyportd/moving/pskc"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving/reading"
)

// mostEntries bounds one import: they are all held in memory.
const mostEntries = 200_000

// Source is where records come from.
type Source struct {
	// Format is csv, otpauth, google-authenticator or pskc.
	Format string
	// KeyFile is the file of the key or pass phrase of a PSKC; or empty.
	KeyFile string
	// Warn gets what somebody should know who reads it.
	Warn io.Writer
}

// Read reads all files. An error is a mistake in what was named or in a file.
func (s Source) Read(paths []string) (all []reading.Entry, err error) {
	var key []byte
	if s.KeyFile != "" {
		if s.Format != "pskc" {
			return nil, errors.New("--key-file is for --format pskc only")
		}
		if key, err = os.ReadFile(s.KeyFile); err != nil {
			return nil, fmt.Errorf("reading the key: %w", err)
		}
	}
	if s.Format == "google-authenticator" {
		if paths, err = homes(paths); err != nil {
			return nil, err
		}
	}
	for _, path := range paths {
		text, err := readFile(path, s.Warn)
		var found []reading.Entry
		if err == nil {
			found, err = s.entries(path, text, key)
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) > mostEntries {
			return nil, fmt.Errorf("these are more than %d entries; split them", mostEntries)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is nothing to import in it")
	}
	return all, nil
}

func (s Source) entries(path, text string, key []byte) (found []reading.Entry, err error) {
	switch s.Format {
	case "csv":
		found, err = reading.CSV(path, text)
	case "otpauth":
		found = reading.URIs(path, text)
	case "google-authenticator":
		found = []reading.Entry{reading.GoogleAuthenticator(path, text)}
	case "pskc":
		found, err = pskc.Read(path, text, key)
	case "":
		return nil, errors.New("say what it is: --format csv, otpauth, google-authenticator or pskc")
	default:
		return nil, fmt.Errorf("--format %q is not known; there are csv, otpauth, google-authenticator and pskc", s.Format)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return found, nil
}

// readFile reads a file of secrets, and says so where others can read it, too.
func readFile(path string, errs io.Writer) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint // it was read
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("looking at %s: %w", path, err)
	case info.IsDir():
		return "", fmt.Errorf("%s is a folder; name the files", path)
	case info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0:
		fmt.Fprintf(errs, "warning: %s holds secrets, and others can read it (mode %04o); when all is in, remove it: shred -u %s\n", path, info.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(file, reading.MaxFile+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	text, err := reading.Text(b)
	if err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	return text, nil
}

// homes puts in the place of each folder the files in it, and those of the usual
// name in the folders below it, as in /home.
func homes(paths []string) (files []string, err error) {
	for _, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("finding %s: %w", path, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		inside, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range inside {
			at := filepath.Join(path, e.Name())
			below := filepath.Join(at, ".google_authenticator")
			if e.Type().IsRegular() {
				files = append(files, at)
			} else if info, err := os.Lstat(below); e.IsDir() && err == nil && info.Mode().IsRegular() {
				files = append(files, below)
			}
		}
	}
	return files, nil
}
