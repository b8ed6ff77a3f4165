package seal

import (
	"bytes"
	"crypto/rand"
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

// LoadKEK reads the key-encryption key: a file of 32 raw bytes, or of 64
// hexadecimal digits and at most one line end.
//
// The file must be a regular one of mode 0400, owned by root or by the user
// that runs this process. A systemd credential, below $CREDENTIALS_DIRECTORY,
// may also have the modes that systemd gives it (0440). Anything else is
// refused, with the command that mends it.
func LoadKEK(path string) (kek []byte, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the key %s: %w", path, err)
		}
	}()
	// O_NOFOLLOW and Fstat: what is judged is what is read.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is none; for a new installation run: sallyportd init (%w)", fs.ErrNotExist)
	case errors.Is(err, syscall.ELOOP):
		return nil, errors.New("it is a symbolic link; name the file itself")
	case err != nil:
		return nil, errors.Unwrap(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := judge(path, info); err != nil {
		return nil, err
	}
	// One byte more than the longest form, to notice what is too long.
	b, err := io.ReadAll(io.LimitReader(file, 2*KEKSize+2))
	if err != nil {
		return nil, err
	}
	return parseKEK(b)
}

func judge(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("it is not a regular file")
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("its owner cannot be told")
	}
	if own := os.Geteuid(); stat.Uid != 0 && int(stat.Uid) != own {
		return fmt.Errorf("it belongs to uid %d; run: chown %d %s", stat.Uid, own, path)
	}
	mode := info.Mode().Perm()
	if mode == 0o400 || (mode == 0o440 && isCredential(path)) {
		return nil
	}
	return fmt.Errorf("its mode is %04o and must be 0400; run: chmod 400 %s", mode, path)
}

// isCredential tells whether systemd has put the file there for this service.
func isCredential(path string) bool {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if !filepath.IsAbs(dir) || !filepath.IsAbs(path) {
		return false
	}
	below, err := filepath.Rel(filepath.Clean(dir), filepath.Clean(path))
	return err == nil && below != "." && below != ".." && !strings.HasPrefix(below, "../")
}

func parseKEK(b []byte) ([]byte, error) {
	if len(b) == KEKSize {
		return checkKEK(b)
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	kek := make([]byte, KEKSize)
	if len(text) != hex.EncodedLen(KEKSize) {
		return nil, errors.New("it must be 32 bytes, or 64 hexadecimal digits")
	}
	if _, err := hex.Decode(kek, text); err != nil {
		// hex's own error would quote a character of the key.
		return nil, errors.New("it must be 32 bytes, or 64 hexadecimal digits")
	}
	return checkKEK(kek)
}

// checkKEK refuses what a truncated or forgotten write leaves behind.
func checkKEK(kek []byte) ([]byte, error) {
	if bytes.Count(kek, kek[:1]) == len(kek) {
		return nil, errors.New("it is one byte repeated, and no key")
	}
	return kek, nil
}

// CreateKEK writes a fresh random key to a new file of mode 0400 and makes
// sure that it is on the disk. It never replaces a file: the error is then
// fs.ErrExist, wrapped.
func CreateKEK(path string) (err error) {
	kek := make([]byte, KEKSize)
	if _, err := rand.Read(kek); err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	_, err = file.Write(kek)
	if err == nil {
		err = file.Chmod(0o400) // whatever the umask
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing the key file %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the name of a new file as durable as the file.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the folder of the key: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("flushing the folder of the key: %w", err)
	}
	return nil
}
