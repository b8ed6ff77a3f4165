// Package upkeep is the commands that look after the state: backup, restore and
// keys. Where the daemon runs they ask it over its admin socket, because one
// process owns the database; where it does not, they do the same themselves.
// Moving code apps in and out needs the daemon stopped; package moving says why.
//
// It is flags and words: packages backup, keeper, moving and state do the work. It is a
// piece of the daemon's main, which alone may import it.
package upkeep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/config/strict"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
	"github.com/sallyport/sallyport/daemon/sallyportd/state"
)

const (
	// temporary is the exit status of what may go better later.
	temporary = 75
	usage     = 2
	// dialTimeout bounds the question whether the daemon runs.
	dialTimeout = 5 * time.Second
)

// Failure ends the program with a status of its own.
type Failure struct {
	// Status is the exit status.
	Status int
	error
}

// Unwrap is for errors.As.
func (f Failure) Unwrap() error { return f.error }

// Commands are the commands; version is that of the program.
func Commands(version string) []*cobra.Command {
	t := &tool{version: version}
	keys := &cobra.Command{
		Use: "keys", Short: "Change the keys that the state is sealed with",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_ = c.Help()
			return Failure{usage, errors.New("say which command")}
		},
	}
	keys.AddCommand(t.rotateCommand(), t.rewrapCommand())
	return []*cobra.Command{t.backupCommand(), t.restoreCommand(), keys, t.importCommand(), t.exportCommand()}
}

// tool is what every command needs.
type tool struct {
	version string
	config  string
	kek     string
	json    bool
}

func (t *tool) flags(c *cobra.Command) *cobra.Command {
	c.Flags().StringVarP(&t.config, "config", "c", "/etc/sallyport/sallyport.toml", "the config file")
	c.Flags().StringVar(&t.kek, "kek", "", "the file of the master key, where another one is meant, or the config names a credential whose file is not beside it")
	c.Flags().BoolVar(&t.json, "json", false, "print the result as JSON")
	c.Args = cobra.NoArgs
	c.SetOut(os.Stdout)
	return c
}

// load reads the config, but looks at nothing else that it names: programs and
// certificates may be gone when somebody restores.
func (t *tool) load() (*config.Config, error) {
	abs, err := filepath.Abs(t.config)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", t.config, err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the daemon's own folder: %w", err)
	}
	text, err := strict.Guarded(t.config)
	var cfg *config.Config
	if err == nil {
		cfg, err = config.Parse(config.Source{File: t.config, Dir: filepath.Dir(abs), Bin: filepath.Dir(self), Text: text})
	}
	if err != nil {
		return nil, Failure{usage, fmt.Errorf("the config is not usable:\n%w", err)}
	}
	return cfg, nil
}

// place is where the state is. The daemon must be stopped for whoever opens it.
func (t *tool) place(cfg *config.Config, errs io.Writer) (state.Config, error) {
	kek := t.kek
	if kek == "" {
		kek = machine.KEK(cfg.KEK)
		if kek != cfg.KEK && os.Getenv("CREDENTIALS_DIRECTORY") == "" {
			// systemd reads it from beside the config, where the package has put it.
			name := filepath.Base(kek)
			kek = filepath.Join(filepath.Dir(t.config), name)
			if _, err := os.Stat(kek); errors.Is(err, fs.ErrNotExist) {
				return state.Config{}, Failure{usage, fmt.Errorf("the config names the credential %q, which only systemd has, and there is no %s; "+
					"name its file with --kek FILE", name, kek)}
			}
		}
	}
	return state.Config{Path: cfg.Store, Journal: cfg.Journal, KEK: kek, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn}))}, nil
}

// asDaemon adds what root may have to do: files of the daemon's user are
// somebody else's for root.
func asDaemon(err error, folder string) error {
	if err == nil || os.Geteuid() != 0 {
		return err
	}
	info, serr := os.Stat(folder)
	if serr != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return err
	}
	name := strconv.Itoa(int(owner.Uid))
	if u, uerr := user.LookupId(name); uerr == nil {
		name = u.Username
	}
	return fmt.Errorf("%w\n(You are root; the state is of another user. Try: sudo -u %s %s)", err, name, strings.Join(os.Args, " "))
}

// ask posts to the running daemon. There is none where the answer is nil.
func ask(ctx context.Context, cfg *config.Config, path string) (*http.Response, error) {
	socket := ""
	for _, l := range cfg.Listeners {
		if l.Protocol == "admin" {
			socket = l.Path
		}
	}
	if socket == "" {
		return nil, nil //nolint // a daemon without an admin socket is one that cannot be asked
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", socket)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+admin.HostName+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking the daemon: %w", err)
	}
	answer, err := (&http.Client{Transport: transport}).Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, nil //nolint // nobody listens: the daemon is stopped
	case err != nil:
		return nil, Failure{temporary, fmt.Errorf("asking the daemon at %s: %w", socket, err)}
	case answer.StatusCode == http.StatusOK:
		return answer, nil
	}
	defer answer.Body.Close() //nolint // it was read
	return nil, refused(answer)
}

// refused is what the daemon says to what it did not do.
func refused(answer *http.Response) error {
	var p api.Problem
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(text)).Decode(&p)
	}
	if err != nil || p.Error == "" {
		p.Error = fmt.Sprintf("the daemon answered with HTTP status %d", answer.StatusCode)
	}
	f := Failure{1, errors.New(strings.TrimSpace(p.Error + " " + p.Hint))}
	if answer.StatusCode >= 500 {
		f.Status = temporary
	}
	return f
}

// operator is how the audit names whoever runs a command.
func operator() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("%s(%d)", name, os.Getuid())
}

// print writes a result as JSON, or as the words given.
func (t *tool) print(c *cobra.Command, result any, words string) error {
	if !t.json {
		c.Print(words)
		return nil
	}
	enc := json.NewEncoder(c.OutOrStdout())
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}
