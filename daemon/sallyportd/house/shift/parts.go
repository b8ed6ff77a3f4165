package shift

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/daemon/sallyportd/filled"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

// part takes long to start, or holds what must not be lost with a reload. It
// stays where nothing that it was made from has changed.
type part struct {
	// made is what it was made from.
	made      any
	directory *directory.Directory
	plugin    *pluginhost.Host
	// place is the number of the plugin's own folder.
	place int
	close func() error
	// silent says that a part that took its place speaks for the metrics.
	silent atomic.Bool
}

// kept finds the former shift's part that was made from the same.
func (s *Shift) kept(former *Shift, made any) *part {
	if former == nil {
		return nil
	}
	for _, p := range former.parts {
		if reflect.DeepEqual(p.made, made) && !slices.Contains(s.parts, p) {
			return p
		}
	}
	return nil
}

// directoryMade is what the way to the directory is made from. The files count
// with what they hold.
type directoryMade struct {
	config.Directory
	password    account.Secret
	authorities string
}

func (s *Shift) buildDirectory(_ context.Context, former *Shift) error {
	made := directoryMade{Directory: s.Config.Directory}
	if file := made.BindPasswordFile; file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading bind_password_file: %w", err)
		}
		made.password = account.Secret(strings.TrimRight(string(b), "\r\n"))
	}
	if made.CAFile != "" {
		b, err := os.ReadFile(made.CAFile)
		if err != nil {
			return fmt.Errorf("reading ca_file: %w", err)
		}
		made.authorities = string(b)
		s.Ends["directory_ca"] = firstEnd(b)
	}
	p := s.kept(former, made)
	if p == nil {
		p = &part{made: made}
		var err error
		if p.directory, err = s.openDirectory(made, &p.silent); err != nil {
			return err
		}
		p.close = p.directory.Close
	}
	s.parts, s.Directory = append(s.parts, p), p.directory
	return nil
}

// firstEnd is when the first certificate of a PEM file ends.
func firstEnd(text []byte) (end time.Time) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && (end.IsZero() || c.NotAfter.Before(end)) {
			end = c.NotAfter
		}
	}
	return end
}

func (s *Shift) openDirectory(d directoryMade, silent *atomic.Bool) (*directory.Directory, error) {
	c := filled.Directory(d.Directory)
	c.BindPassword, c.Now, c.Log, c.Alarm = d.password, s.Clock.Now, s.Log, s.Bus.Record
	c.Observe = func(op string, took time.Duration, _ error) { s.Metrics.Took("directory_"+op, took.Seconds()) }
	c.ServerUp = func(server int, up bool) {
		if !silent.Load() {
			s.Metrics.DirectoryUp(server, up)
		}
	}
	return directory.Open(c)
}

// Plugins are the plugins as a shift uses them.
type Plugins interface {
	Info(kind string) factor.Info
	Factor(kind string) factor.Factor
	Hook(name string) hook.Hook
	Status() []pluginhost.Status
}

// crew are plugin processes, each with a host of its own, so that it can go on
// where another is started anew. Factors and hooks may share a name.
type crew struct {
	factors, hooks map[string]*pluginhost.Host
	order          []*pluginhost.Host
}

// Info is what the factor says of itself.
func (c *crew) Info(kind string) factor.Info {
	if h := c.factors[kind]; h != nil {
		return h.Info(kind)
	}
	return factor.Info{}
}

// Factor returns the factor, or nil.
func (c *crew) Factor(kind string) factor.Factor {
	if h := c.factors[kind]; h != nil {
		return h.Factor(kind)
	}
	return nil
}

// Hook returns the hook, or nil.
func (c *crew) Hook(name string) hook.Hook {
	if h := c.hooks[name]; h != nil {
		return h.Hook(name)
	}
	return nil
}

// Status tells of every plugin, in the order of the config.
func (c *crew) Status() (all []pluginhost.Status) {
	for _, h := range c.order {
		all = append(all, h.Status()...)
	}
	return all
}

// pluginMade is what a plugin process is made from. The program, and files that
// settings name, count as they are on the disk.
type pluginMade struct {
	pluginhost.Spec
	hook  bool
	setup hook.Setup
	files map[string]stamp
}

// stamp tells one state of a file from another.
type stamp struct {
	inode, size uint64
	at          time.Time
}

func (s *Shift) buildPlugins(ctx context.Context, former *Shift) error {
	if s.StandIns != nil {
		s.Plugins = s.StandIns
		return nil
	}
	c := &crew{factors: map[string]*pluginhost.Host{}, hooks: map[string]*pluginhost.Host{}}
	s.Plugins = c
	for _, f := range s.Config.Factors {
		p, err := s.plugin(ctx, pluginMade{Spec: filled.Factor(f)}, former)
		if err != nil {
			return err
		}
		c.factors[f.Kind], c.order = p.plugin, append(c.order, p.plugin)
	}
	for _, k := range s.Config.Hooks {
		p, err := s.plugin(ctx, pluginMade{Spec: filled.Hook(k), hook: true, setup: s.Config.Setup()}, former)
		if err != nil {
			return err
		}
		c.hooks[k.Name], c.order = p.plugin, append(c.order, p.plugin)
	}
	return nil
}

// plugin finds the process that was made from the same, or starts one beside it.
func (s *Shift) plugin(ctx context.Context, made pluginMade, former *Shift) (*part, error) {
	made.files = map[string]stamp{}
	for _, path := range append([]string{made.Path}, made.named()...) {
		if st, err := stampOf(path); err == nil {
			made.files[path] = st
		} else if !errors.Is(err, fs.ErrNotExist) {
			s.Log.Debug("looking at a file of a plugin", "plugin", made.Kind, "error", err)
		}
	}
	if p := s.kept(former, made); p != nil {
		s.parts = append(s.parts, p)
		return p, nil
	}
	p := &part{made: made, place: s.place(former)}
	dir := filepath.Join(s.Config.State, "plugins", strconv.Itoa(p.place))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of a plugin's socket: %w", err)
	}
	cfg := pluginhost.Config{
		RunDir: dir, Log: s.Log, Setup: made.setup, Floor: s.Floor, Restarted: s.Metrics.PluginRestarted,
		Observe: func(_, _ string, took time.Duration, _ error) { s.Metrics.Took("plugin_call", took.Seconds()) },
		Up: func(kind string, up bool) {
			if !p.silent.Load() {
				s.Metrics.PluginUp(kind, up)
			}
		},
	}
	factors, hooks := []pluginhost.Spec{made.Spec}, []pluginhost.Spec(nil)
	if made.hook {
		factors, hooks = hooks, factors
	}
	var err error
	if p.plugin, err = pluginhost.Start(ctx, cfg, factors, hooks); err != nil {
		return nil, err
	}
	p.close = p.plugin.Close
	s.parts = append(s.parts, p)
	return p, nil
}

// place is the least number that no plugin has as its folder.
func (s *Shift) place(former *Shift) int {
	taken := map[int]bool{}
	for _, shift := range []*Shift{s, former} {
		if shift == nil {
			continue
		}
		for _, p := range shift.parts {
			taken[p.place] = taken[p.place] || p.plugin != nil
		}
	}
	n := 1
	for taken[n] {
		n++
	}
	return n
}

// named are the settings that can be the path of a file, and the operator's texts.
func (m pluginMade) named() (all []string) {
	for _, v := range m.Settings {
		if filepath.IsAbs(v) {
			all = append(all, v)
		}
	}
	texts, err := os.ReadDir(m.setup.Texts)
	if m.setup.Texts == "" || err != nil {
		return all // the plugin says what is wrong with the folder
	}
	for _, t := range texts {
		all = append(all, filepath.Join(m.setup.Texts, t.Name()))
	}
	return all
}

func stampOf(path string) (stamp, error) {
	st, err := os.Stat(path)
	if err != nil {
		return stamp{}, fmt.Errorf("looking at %s: %w", path, err)
	}
	s := stamp{size: uint64(st.Size()), at: st.ModTime()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s, nil
}
