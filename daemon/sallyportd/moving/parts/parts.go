// Package parts opens what records are moved in and out with while the daemon is
// stopped: a way to the directory, and the plugin of the code app.
//
// It opens them as the daemon does, and does nothing with them; the state it does
// not know. It is a piece of the daemon's main, which alone may import it.
package parts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/daemon/pluginhost/trial"
	"github.com/sallyport/sallyport/daemon/sallyportd/filled"
	"github.com/sallyport/sallyport/daemon/sallyportd/moving"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

// People are where to look for them.
type People struct {
	Config *config.Config
	// Disabled says that those are wanted, too, whom the account filter leaves out.
	Disabled bool
}

// Open fills in the directory and the factor of the place, until end is called.
func (p People) Open(ctx context.Context, place *moving.Place) (end func() error, err error) {
	found, err := p.directory(place)
	if err != nil {
		return nil, err
	}
	host, err := plugins(ctx, p.Config, place)
	if err != nil {
		return nil, errors.Join(err, found.Close())
	}
	place.Directory = found
	return func() error { return errors.Join(host(), found.Close()) }, nil
}

// directory makes a way to the directory of its own, as the daemon's is.
func (p People) directory(place *moving.Place) (*directory.Directory, error) {
	c := filled.Directory(p.Config.Directory)
	// Whom the directory does not know now is not found, and nobody's groups matter.
	c.MaxStale, c.GroupBase, c.GroupFilter, c.Now = -1, "", "", place.Now
	if p.Disabled {
		c.AccountFilter = ""
	}
	if file := p.Config.Directory.BindPasswordFile; file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading bind_password_file: %w", err)
		}
		c.BindPassword = account.Secret(strings.TrimRight(string(b), "\r\n"))
	}
	return directory.Open(c)
}

// plugins starts the factors, and finds the one that is the code app: the first
// whose codes can share a field with the password, as the page has it.
func plugins(ctx context.Context, cfg *config.Config, place *moving.Place) (end func() error, err error) {
	dir, err := trial.Folder()
	if err != nil {
		return nil, fmt.Errorf("making a folder for the plugins' sockets: %w", err)
	}
	var specs []pluginhost.Spec
	for _, f := range cfg.Factors {
		specs = append(specs, filled.Factor(f))
	}
	host, err := pluginhost.Start(ctx, pluginhost.Config{RunDir: dir}, specs, nil)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	end = func() error { return errors.Join(host.Close(), os.RemoveAll(dir)) }
	for _, s := range specs {
		info := host.Info(s.Kind)
		if f, ok := host.Factor(s.Kind).(transfer.Factor); ok && info.Digits > 0 && !info.Claims {
			place.Kind, place.Most, place.Factor = s.Kind, info.MaxRecords, f
			return end, nil
		}
	}
	return nil, errors.Join(errors.New(`no [[factor]] is a code app: add kind = "totp"`), end())
}
