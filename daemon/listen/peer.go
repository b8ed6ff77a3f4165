package listen

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/daemon/account"
)

// Peer is the process at the other end, as the kernel knew it when it
// connected.
type Peer struct {
	account.Peer
	// Groups are its supplementary groups.
	Groups []int
	// Barred says that it may not connect, and is here to be told so; see
	// Config.Tell.
	Barred bool
}

func tcpPeer() Peer { return Peer{Peer: account.Peer{UID: -1, GID: -1, PID: -1}} }

type contextKey struct{}

// ConnContext is for http.Server: it puts the connection's Peer where PeerOf
// finds it.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if p, ok := PeerOfConn(c); ok {
		return context.WithValue(ctx, contextKey{}, p)
	}
	return ctx
}

// PeerOf returns the peer of the connection that a request came on. Without
// ConnContext there is none, and the caller must refuse.
func PeerOf(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(contextKey{}).(Peer)
	return p, ok
}

// PeerOfConn returns the peer of a connection that a listener of this package
// accepted.
func PeerOfConn(c net.Conn) (Peer, bool) {
	mine, ok := c.(*conn)
	if !ok {
		return tcpPeer(), false
	}
	return mine.peer, true
}

// credentials asks the kernel who connected.
func credentials(c *net.UnixConn) (Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("reaching the socket: %w", err)
	}
	p := tcpPeer()
	var inner error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); inner != nil {
			return
		}
		p.UID, p.GID, p.PID = int(cred.Uid), int(cred.Gid), int(cred.Pid)
		p.Groups, inner = peerGroups(fd)
	})
	if err == nil {
		err = inner
	}
	if err != nil {
		return Peer{}, fmt.Errorf("asking the kernel for the peer: %w", err)
	}
	return p, nil
}

// peerGroups reads SO_PEERGROUPS, which x/sys has no wrapper for. The kernel
// says ERANGE and the right size where the buffer is too small.
func peerGroups(fd uintptr) ([]int, error) {
	buf := make([]uint32, 32)
	for {
		size := uint32(len(buf) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && int(size)/4 > len(buf):
			buf = make([]uint32, size/4)
			continue
		case errno == unix.ENOPROTOOPT || errno == unix.ENODATA:
			return nil, nil
		case errno != 0:
			return nil, errno
		}
		groups := make([]int, 0, size/4)
		for _, g := range buf[:size/4] {
			groups = append(groups, int(g))
		}
		return groups, nil
	}
}

// Allow is a list of people and groups of the operating system. The zero
// value is empty and holds nobody.
type Allow struct{ uids, gids []int }

// ParseAllow reads a list of "name", "uid", "@group" and "@gid". A name that
// the machine does not know is an error: a list that silently shrinks would
// lock out, one that grows later would let in. Names that only a network
// directory knows must be given as numbers, because the daemon is built
// without the C library that could ask there.
func ParseAllow(entries []string) (Allow, error) {
	var a Allow
	for _, entry := range entries {
		name, isGroup := strings.CutPrefix(entry, "@")
		if isGroup {
			gid, err := groupID(name)
			if err != nil || name == "" {
				return Allow{}, fmt.Errorf("allowed peer %q: no such group on this machine", entry)
			}
			a.gids = append(a.gids, gid)
			continue
		}
		if uid, err := strconv.ParseUint(name, 10, 31); err == nil {
			a.uids = append(a.uids, int(uid))
			continue
		}
		u, err := user.Lookup(name)
		if err != nil {
			return Allow{}, fmt.Errorf("allowed peer %q: no such user on this machine (groups are written @group)", entry)
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return Allow{}, fmt.Errorf("allowed peer %q: %w", entry, err)
		}
		a.uids = append(a.uids, uid)
	}
	return a, nil
}

// Empty tells whether the list names nobody.
func (a Allow) Empty() bool { return len(a.uids) == 0 && len(a.gids) == 0 }

// Has tells whether the peer is on the list, by itself or by a group.
func (a Allow) Has(p Peer) bool {
	if p.UID < 0 {
		return false
	}
	return slices.Contains(a.uids, p.UID) || slices.Contains(a.gids, p.GID) ||
		slices.ContainsFunc(p.Groups, func(g int) bool { return slices.Contains(a.gids, g) })
}

const (
	loginsKept = 256
	loginsTTL  = 5 * time.Minute
)

// logins remembers the names of user numbers, because a look into the
// operating system's table at each accept would cost more than the accept.
type logins struct {
	mu    sync.Mutex
	since time.Time
	names map[int]string
}

func (l *logins) of(uid int) string {
	if uid < 0 {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.names == nil || len(l.names) >= loginsKept || now.Sub(l.since) > loginsTTL {
		l.names, l.since = make(map[int]string), now
	}
	name, ok := l.names[uid]
	if !ok {
		if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
			name = u.Username
		}
		l.names[uid] = name
	}
	return name
}
