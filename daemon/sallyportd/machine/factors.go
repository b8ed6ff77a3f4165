package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/check/roster"
	"github.com/sallyport/sallyport/daemon/check/way"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/daemon/pluginhost/trial"
	"github.com/sallyport/sallyport/daemon/sallyportd/filled"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

// Factors starts the factors, has each make a record with its settings, and ends
// them again: nobody else knows what settings mean, or what of a factor can be
// guessed. It tells by the whole key what keeps the daemon from starting.
func Factors(c *config.Config) (wrong hook.Unfit) {
	all, set := make([]roster.Factor, 0, len(c.Factors)), false
	for i, f := range c.Factors {
		at := fmt.Sprintf("factor[%d]", i)
		host, end, err := alone(f)
		if err != nil {
			wrong = append(wrong, hook.Problem{Key: at + ".path", Reason: "the factor does not start: " + err.Error(), Fix: "run serve, whose log may say more"})
			continue
		}
		defer end()
		if key, err := settings(host.Factor(f.Kind), f.Settings); err != nil && !host.Info(f.Kind).Network {
			wrong = append(wrong, hook.Problem{Key: strings.TrimSuffix(at+".settings."+key, "."), Reason: err.Error(),
				Fix: "write what the factor's documentation says, or remove it"})
		}
		set = set || host.Info(f.Kind).Digits > 0
		all = append(all, roster.Factor{Info: host.Info(f.Kind), Plugin: host.Factor(f.Kind), Standalone: f.Standalone})
	}
	if len(wrong) > 0 {
		return wrong
	}
	if !set {
		wrong = append(wrong, hook.Problem{Key: "factor", Reason: "none of them is one that people set up on the page", Fix: `write a [[factor]] with kind = "totp"`})
	}
	if _, err := roster.New(filled.Services(c.Services), all); err != nil {
		wrong = append(wrong, misfit(err))
	}
	return wrong
}

// misfit is what the engine says of the ways, at the key that it is about.
func misfit(err error) hook.Problem {
	var fault *way.Fault
	if !errors.As(err, &fault) {
		return hook.Problem{Key: "factor", Reason: err.Error(), Fix: "use another plugin"}
	}
	return hook.Problem{Key: fault.Config[strings.LastIndexByte(fault.Config, ' ')+1:], Reason: fault.Reason, Fix: fault.Fix}
}

// alone starts one factor, without its settings.
func alone(f config.Factor) (host *pluginhost.Host, end func(), err error) {
	dir, err := trial.Folder()
	if err != nil {
		return nil, nil, fmt.Errorf("making a folder for the plugin's socket: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), hookPatience)
	defer cancel()
	spec := filled.Factor(f)
	spec.Settings = nil
	host, err = pluginhost.Start(ctx, pluginhost.Config{RunDir: dir, Log: slog.New(slog.DiscardHandler)}, []pluginhost.Spec{spec}, nil)
	if err != nil {
		_ = os.RemoveAll(dir) // what is left there is empty
		return nil, nil, err
	}
	return host, func() { _, _ = host.Close(), os.RemoveAll(dir) }, nil
}

// settings has the factor make a record of nobody, and tells which setting it does
// not take: the one that it refuses alone, or none of them where only all together
// are wrong.
func settings(f factor.Factor, all map[string]string) (key string, err error) {
	try := func(some map[string]string) error {
		ctx, cancel := context.WithTimeout(context.Background(), hookPatience)
		defer cancel()
		return trial.Record(ctx, f, some)
	}
	if len(all) == 0 {
		return "", nil
	}
	if err = try(all); err == nil {
		return "", nil
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if alone := try(map[string]string{k: all[k]}); alone != nil {
			return k, alone
		}
	}
	return "", err
}
