// Package files judges the files that a config names, as far as the standard
// library can: who may read and change a secret, and whether a certificate is
// one.
//
// It keeps nothing of what it reads, and its answers never quote a secret. It
// belongs to package config, which alone may call it.
package files

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/sallyport/sallyport/daemon/config/strict"
)

// Fault is what is wrong with a file; the zero value means nothing is.
type Fault struct{ Reason, Fix string }

func fault(fix, reason string, args ...any) Fault { return Fault{fmt.Sprintf(reason, args...), fix} }

// read returns a file that is there and that we may read.
func read(path string) ([]byte, fs.FileInfo, Fault) {
	const there = "write the path of a file that is there"
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, fault(fmt.Sprintf("let uid %d into the folders above it", os.Geteuid()), "%s: %s", path, strict.Plain(err))
	case err != nil:
		return nil, nil, fault(there, "%s: %s", path, strict.Plain(err))
	case !st.Mode().IsRegular():
		return nil, nil, fault("write the path of a file", "%s is not a regular file", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fault(fmt.Sprintf("run: chown %d %s", os.Geteuid(), path), "%s cannot be read: %s", path, strict.Plain(err))
	}
	return b, st, Fault{}
}

// Secret holds a file to the rules for what only the daemon may know: it is
// ours or root's, others can neither read nor change it, and it is not empty.
// Links are followed, because certificates are often renewed behind one.
func Secret(path string) Fault {
	b, st, bad := read(path)
	if bad != (Fault{}) {
		return bad
	}
	own := os.Geteuid()
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fault("write the path of another file", "nobody can say who owns %s", path)
	case sys.Uid != 0 && int(sys.Uid) != own:
		return fault(fmt.Sprintf("run: chown %d %s", own, path), "%s belongs to uid %d, who could read and change it", path, sys.Uid)
	case st.Mode().Perm()&0o027 != 0:
		return fault("run: chmod o-rwx,g-w "+path, "%s has mode %04o: others could read or change it", path, st.Mode().Perm())
	case len(bytes.TrimRight(b, "\r\n")) == 0:
		return fault("write the secret into it", "%s is empty", path)
	}
	return Fault{}
}

// Certificates wants a PEM file with at least one certificate in it, and no
// broken one.
func Certificates(path string) Fault {
	b, _, bad := read(path)
	if bad != (Fault{}) {
		return bad
	}
	found := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		found++
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fault("write it anew", "certificate %d in %s is broken: %v", found, path, err)
		}
	}
	if found == 0 {
		return fault("write the path of a PEM file that begins with -----BEGIN CERTIFICATE-----", "%s holds no certificate", path)
	}
	return Fault{}
}

// Pair wants the key to be one, and to belong to the certificate; both files
// have passed the checks above.
func Pair(cert, key string) Fault {
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return fault("write the key that the certificate was made for, in PEM", "%s does not go with %s: %v", key, cert, err)
	}
	return Fault{}
}
