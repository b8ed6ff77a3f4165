// Package listen opens the sockets of the daemon and says who is at the other
// end of them.
//
// It is not a protocol: it knows bytes no better than the kernel does. It
// holds what every front end needs in the same way: a socket file that nobody
// else can replace, the peer's kernel credentials taken at accept, a bound on
// open connections, and no busy loop when descriptors run out. The mains open
// listeners; front ends only ask PeerOf. Package handed has the sockets that
// systemd opens instead.
//
// Decided against: reading /proc/PID of a peer (a number that can be reused
// between the look and the use), and abstract sockets (no file mode guards
// them).
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// MaxPath is the longest path of a Unix socket, in bytes: sun_path of the
// kernel is 108 and wants a closing NUL.
const MaxPath = 107

const (
	defaultMode = fs.FileMode(0o660)
	// defaultConns leaves room above the 10,000 idle connections that a busy
	// proxy farm has been seen to keep.
	defaultConns = 12000
	probeTimeout = time.Second
)

// ErrInUse means that a living process answers on the socket.
var ErrInUse = errors.New("somebody answers there already")

// Config says how one Unix socket is opened.
type Config struct {
	// Path is where the socket file shall be; at most MaxPath bytes.
	Path string
	// Mode is the file mode; 0 means 0660.
	Mode fs.FileMode
	// Group owns the file: a name or a number; empty leaves it as it is.
	Group string
	// Allow names who may connect, see ParseAllow; empty means whoever the
	// file mode lets.
	Allow []string
	// MaxConns bounds the open connections; further ones wait in the kernel's
	// queue. 0 means 12,000, or three quarters of the descriptors that the
	// process may have, whichever is less.
	MaxConns int
	// Tell lets in a few of those who may not connect, with Barred in their Peer, so
	// that they can be told. Whoever serves such a socket must refuse them.
	Tell bool
	// Refused, if set, hears of every peer that may not connect.
	Refused func(Peer)
}

// Unix opens a Unix socket. It refuses a folder that others can write, a path
// where somebody answers, and a file that is no socket; a socket left behind
// by a dead process is replaced. Every connection it accepts carries its Peer.
// Close removes the file.
func Unix(cfg Config) (net.Listener, error) {
	l, err := over(nil, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening socket %s: %w", cfg.Path, err)
	}
	inner, info, err := bind(cfg)
	if err != nil {
		return nil, fmt.Errorf("opening socket %s: %w", cfg.Path, err)
	}
	l.Listener, l.path, l.info = inner, cfg.Path, info
	return l, nil
}

// Over does what Unix does on a socket that is open already, of whichever kind.
// Path, Mode and Group mean nothing: whoever opened it owns the file.
func Over(inner net.Listener, cfg Config) (net.Listener, error) {
	l, err := over(inner, cfg)
	if err != nil {
		return nil, fmt.Errorf("taking over socket %s: %w", inner.Addr(), err)
	}
	return l, nil
}

func over(inner net.Listener, cfg Config) (*listener, error) {
	allow, err := ParseAllow(cfg.Allow)
	if err != nil {
		return nil, err
	}
	l := &listener{
		Listener: inner, slots: make(chan struct{}, connLimit(cfg.MaxConns)), done: make(chan struct{}),
		refused: cfg.Refused,
	}
	if cfg.Tell {
		l.barred = make(chan struct{}, maxBarred)
	}
	Admit(l, allow)
	return l, nil
}

func bind(cfg Config) (*net.UnixListener, fs.FileInfo, error) {
	if err := checkPath(cfg.Path); err != nil {
		return nil, nil, err
	}
	gid, err := groupID(cfg.Group)
	if err != nil {
		return nil, nil, err
	}
	mode := cfg.Mode
	if mode == 0 {
		mode = defaultMode
	}
	if err := checkFolder(filepath.Dir(cfg.Path), mode, gid); err != nil {
		return nil, nil, err
	}
	if err := clearStale(cfg.Path); err != nil {
		return nil, nil, err
	}
	// The file is born with no rights for others and gets its final group
	// before its final mode, so that there is no moment in which it is open to
	// more than it should be. The backlog is the kernel's somaxconn.
	ln, err := listenClosed(cfg.Path)
	if err != nil {
		return nil, nil, err
	}
	ln.SetUnlinkOnClose(false)
	info, err := adorn(cfg.Path, mode, gid)
	if err != nil {
		ln.Close()
		os.Remove(cfg.Path)
		return nil, nil, err
	}
	return ln, info, nil
}

// listenClosed binds to a file that shuts everybody else out: on Linux it is made
// with the mode that the socket has before it is bound. The umask would do the
// same, but it belongs to the whole process, and of two that change and restore
// it at once one restores what the other has set.
func listenClosed(path string) (*net.UnixListener, error) {
	cfg := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) error {
		var inner error
		err := socket.Control(func(fd uintptr) { inner = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, inner)
	}}
	l, err := cfg.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

func adorn(path string, mode fs.FileMode, gid int) (fs.FileInfo, error) {
	if gid >= 0 {
		if err := os.Lchown(path, -1, gid); err != nil {
			return nil, fmt.Errorf("giving it to group %d: %w (the daemon's user must be in that group)", gid, err)
		}
	}
	if err := os.Chmod(path, mode.Perm()); err != nil {
		return nil, fmt.Errorf("setting its mode: %w", err)
	}
	return os.Lstat(path)
}

func checkPath(path string) error {
	switch {
	case !filepath.IsAbs(path) && strings.HasPrefix(path, "@"):
		return errors.New("abstract sockets have no file mode; give a path")
	case path == "" || strings.ContainsRune(path, 0):
		return errors.New("the path is empty or holds a NUL")
	case len(path) > MaxPath:
		return fmt.Errorf("the path is %d bytes long, and the kernel takes at most %d: choose a shorter folder", len(path), MaxPath)
	}
	return nil
}

// checkFolder wants the socket's folder to be such that nobody else can swap
// the socket for their own. A missing folder is made, one level deep.
func checkFolder(dir string, mode fs.FileMode, gid int) error {
	perm := fs.FileMode(0o750)
	if mode.Perm()&0o007 != 0 {
		perm = 0o755
	}
	owner := gid
	if gid < 0 {
		owner = os.Getegid()
	}
	// Often the daemon may not make it, as below /run; whoever may gets the
	// whole command.
	mend := fmt.Sprintf("to make it, as root: install -d -o %d -g %d -m %04o %s", os.Geteuid(), owner, perm, dir)
	switch err := os.Mkdir(dir, perm); {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return fmt.Errorf("making its folder: %w; %s", errors.Unwrap(err), mend)
	case gid >= 0:
		if err := os.Chown(dir, -1, gid); err != nil {
			return fmt.Errorf("giving its folder to group %d: %w; %s", gid, errors.Unwrap(err), mend)
		}
	}
	return judgeFolder(dir)
}

// CheckFolder says what Unix would say of the folder of a socket, where there
// is one, and makes none.
func CheckFolder(path string) error {
	err := judgeFolder(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func judgeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at its folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("folder %s belongs to uid %d, who could replace the socket; to mend it: chown %d %s",
			dir, st.Uid, os.Geteuid(), dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("folder %s has mode %04o, so others could replace the socket; to mend it: chmod go-w %s",
			dir, info.Mode().Perm(), dir)
	}
	return nil
}

// clearStale removes the socket of a dead process, and nothing else. Only the
// kernel's clear word that nobody listens counts as dead.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("a file that is no socket is in the way; look at it, then: rm %s", path)
	}
	conn, err := net.DialTimeout("unix", path, probeTimeout)
	switch {
	case err == nil:
		conn.Close()
		return ErrInUse
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return fmt.Errorf("cannot tell whether somebody answers there: %w", err)
	}
}

// groupID resolves a group name or number; -1 for none.
func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if n, err := strconv.Atoi(group); err == nil && n >= 0 {
		return n, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return -1, fmt.Errorf("group %q is not known on this machine; to make it: groupadd --system %s", group, group)
	}
	return strconv.Atoi(g.Gid)
}

// connLimit applies the default.
func connLimit(n int) int {
	if n > 0 {
		return n
	}
	limit := defaultConns
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err == nil && r.Cur/4*3 < uint64(limit) {
		limit = max(1, int(r.Cur/4*3))
	}
	return limit
}

// TCP opens a TCP socket for the page or the metrics. With loopbackOnly, any
// address but 127.0.0.0/8 and ::1 is refused. maxConns is as in Config. Its
// peers have UID -1: TCP carries no credentials.
func TCP(ctx context.Context, addr string, maxConns int, loopbackOnly bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("opening %s: want host:port: %w", addr, err)
	}
	if ip := net.ParseIP(host); loopbackOnly && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("opening %s: only a loopback address such as 127.0.0.1 is allowed here", addr)
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", addr, err)
	}
	return Over(inner, Config{MaxConns: maxConns})
}
