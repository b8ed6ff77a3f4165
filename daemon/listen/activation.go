package listen

import (
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
)

// Activation holds the sockets that systemd opened before the daemon started.
// A nil Activation holds none.
type Activation struct {
	mu    sync.Mutex
	files map[string]*os.File
}

// Activated takes over the sockets that systemd passed, by FileDescriptorName=.
// It may be called once a process; the environment that told of them is
// cleared, so that no plugin takes them for its own. Two sockets of one name
// are an error.
func Activated() (*Activation, error) {
	a := &Activation{files: make(map[string]*os.File)}
	for _, f := range activation.Files(true) {
		if _, twice := a.files[f.Name()]; twice {
			return nil, fmt.Errorf("systemd passed two sockets named %q: give each .socket unit its own FileDescriptorName=", f.Name())
		}
		a.files[f.Name()] = f
	}
	return a, nil
}

// Left names the sockets that nobody has asked for: most likely a spelling
// mistake in a unit, so a daemon should say it aloud at start.
func (a *Activation) Left() []string {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for name := range a.files {
		names = append(names, name)
	}
	return names
}

// take hands out the listener of that name; nil where systemd passed none.
func (a *Activation) take(name string) (net.Listener, error) {
	if a == nil || name == "" {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.files[name]
	if !ok {
		return nil, nil
	}
	delete(a.files, name)
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("taking over socket %q from systemd: %w", name, err)
	}
	u, ok := ln.(*net.UnixListener)
	if !ok {
		ln.Close()
		return nil, fmt.Errorf("socket %q from systemd is no Unix stream socket: use ListenStream= with a path", name)
	}
	u.SetUnlinkOnClose(false)
	return u, nil
}
