// Package socketform reads what a config says about sockets and addresses:
// paths, modes, peers, networks, "host:port".
//
// It is about how they are written, and opens none of them; whether people,
// groups and folders exist is asked elsewhere. It belongs to package config,
// which alone may call it.
package socketform

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/strict"
)

// maxPath is what the kernel takes, in bytes.
const maxPath = 107

// Path reads the path of a Unix socket, which none in taken may have; it is
// added there.
func Path(t *strict.Table, taken map[string]bool) string {
	t.Need("path", "/run/sallyport/check.sock")
	p := t.File("path", "")
	switch {
	case p == "":
	case taken[p]:
		t.Refuse("path", "another [[listen]] has it already", "give each its own socket")
	default:
		checkLength(t, "path", p)
	}
	taken[p] = true
	return p
}

func checkLength(t *strict.Table, k, path string) {
	if len(path) > maxPath {
		t.Refuse(k, fmt.Sprintf("has %d bytes, and a socket's path at most %d", len(path), maxPath), "choose a shorter one")
	}
}

// Mode reads the file mode of a socket; default 0660.
func Mode(t *strict.Table) uint32 {
	s := t.Text("mode", "0660")
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 || n&0o200 == 0 {
		t.Refuse("mode", fmt.Sprintf("%q is not the mode of a socket", s), `write for example: mode = "0660"`)
		return 0o660
	}
	return uint32(n)
}

// Peers reads a list of people and groups.
func Peers(t *strict.Table, k string, def ...string) []string {
	list := t.List(k, def...)
	for _, p := range list {
		name := strings.TrimPrefix(p, "@")
		if name == "" || len(name) > 64 || strings.ContainsAny(name, " @:/*") {
			t.Refuse(k, fmt.Sprintf("%q is neither a user nor a group", p), `write "name", a uid, "@group" or "@gid"`)
		}
	}
	return list
}

// Once refuses an address at a full key where another part has it already, and
// returns all that are taken then.
func Once(t *strict.Table, key, address string, taken []string) []string {
	if address != "" && slices.Contains(taken, address) {
		t.Refuse(key, fmt.Sprintf("%q is taken by another part of this config", address), "give each its own address or socket")
	}
	return append(taken, address)
}

// Address reads "host:port" or the path of a Unix socket; empty if the key is
// not written.
func Address(t *strict.Table, k string) string {
	a := t.Text(k, "")
	if a == "" {
		return ""
	}
	if strings.Contains(a, "/") {
		p := t.File(k, "")
		checkLength(t, k, p)
		return p
	}
	host, port, err := net.SplitHostPort(a)
	n, perr := strconv.ParseUint(port, 10, 16)
	if _, ierr := netip.ParseAddr(host); err != nil || perr != nil || n == 0 || ierr != nil && host != "localhost" && host != "" {
		t.Refuse(k, fmt.Sprintf("%q is not an address", a), `write an IP address and a port, for example "127.0.0.1:8080", or the path of a Unix socket`)
	}
	return a
}

// Networks reads a list of addresses and networks, none of which is everything.
func Networks(t *strict.Table, k string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range t.List(k) {
		p, err := netip.ParsePrefix(s)
		if a, aerr := netip.ParseAddr(s); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil:
			t.Refuse(k, fmt.Sprintf("%q is not a network", s), `write for example: "127.0.0.1" or "10.1.2.0/24"`)
		case p.Bits() == 0:
			t.Refuse(k, "everybody on earth could forge their address", "name the addresses of your proxies only")
		default:
			out = append(out, p.Masked())
		}
	}
	return out
}

// IsLoopback tells whether a host is this machine itself.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// IsLocal tells whether only this machine reaches what Address has read.
func IsLocal(address string) bool {
	if filepath.IsAbs(address) {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && IsLoopback(host)
}
