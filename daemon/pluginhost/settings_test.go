package pluginhost_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/daemon/pluginhost/trial"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
	"github.com/sallyport/sallyport/plugins/hook"
)

// A hook reads its settings before all else, and what is wrong with them comes
// back problem by problem.
func TestAHookReadsItsSettings(t *testing.T) {
	_, hooks := plugins(t, "picky")
	cfg := pluginhost.Config{RunDir: shortDir(t), Setup: hook.Setup{Operator: "Uni", Phone: "1", Hours: "9-17", Mail: "h@example.org"}}
	hooks[0].Settings = map[string]string{"colour": "red"}
	h, err := pluginhost.Start(t.Context(), cfg, nil, hooks)
	if err == nil {
		_ = h.Close()
	}
	var unfit hook.Unfit
	want := hook.Unfit{
		{Key: "colour", Reason: `is "red" for Uni, 1, 9-17, h@example.org`, Fix: `write colour = "green"`},
		{Reason: "fit nobody", Fix: "ask again"},
	}
	if !errors.As(err, &unfit) || !slices.Equal(unfit, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	hooks[0].Settings["colour"] = "green"
	start(t, cfg, nil, hooks)
}

// Settings that nobody reads are a mistake that must not go unseen.
func TestAHookWithoutSettingsIsGivenNone(t *testing.T) {
	_, hooks := plugins(t, "watcher")
	hooks[0].Settings = map[string]string{"colour": "green"}
	h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: shortDir(t)}, nil, hooks)
	if err == nil {
		_ = h.Close()
	}
	if unfit := (hook.Unfit{}); !errors.As(err, &unfit) || len(unfit) != 1 {
		t.Errorf("got %v", err)
	}
}

// A factor that makes no record with its settings does not start: otherwise the
// first to hear of a mistake in them would be somebody who sets up. One that calls
// out is not tried.
func TestAFactorMakesARecordWithItsSettings(t *testing.T) {
	for kind, starts := range map[string]bool{"echo": false, "network": true} {
		_, specs := plugins(t, kind)
		specs[0].Settings = map[string]string{"suffix": "unheard of"}
		h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: shortDir(t)}, specs, nil)
		if err == nil {
			_ = h.Close()
		}
		if starts && err != nil || !starts && (!errors.Is(err, trial.ErrSettings) || !strings.Contains(err.Error(), `starting plugin echo: `) || !strings.Contains(err.Error(), `"unheard of" is none`)) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// Whoever asks a plugin something by the way can do so wherever temporary files go.
func TestAFolderForAWhileIsShortEnough(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 20))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tmp := range []string{long, ""} {
		t.Setenv("TMPDIR", tmp)
		dir, err := trial.Folder()
		if err != nil {
			t.Fatal(err)
		}
		_, specs := plugins(t, "echo")
		h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: dir}, specs, nil)
		if err != nil {
			t.Fatalf("in %s: %v", tmp, err)
		}
		if err := errors.Join(h.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(long); err != nil || len(left) > 0 {
			t.Errorf("left in the long one: %v, %v", left, err)
		}
	}
}

// A record of another system is made with the settings of the config, or one with
// another number of digits would be refused where all have as many.
func TestARecordComesInWithTheSettings(t *testing.T) {
	_, specs := plugins(t, "mover")
	specs[0].Settings = map[string]string{"suffix": "the config's"}
	h := start(t, pluginhost.Config{}, specs, nil)
	made, err := h.Factor("mover").(transfer.Factor).Import(t.Context(), transfer.Arrival{Text: "a record", Settings: map[string]string{"suffix": "a caller's"}})
	if err != nil || string(made.Payload) != "a record with the config's" {
		t.Errorf("made is %q, %v", made.Payload, err)
	}
}

// Nobody waits for what a hook does after an act, so that it has more time than
// for a question.
func TestAfterMayTakeLonger(t *testing.T) {
	_, hooks := plugins(t, "picky")
	hooks[0].Settings = map[string]string{"colour": "green"}
	hooks[0].Timeout = 50 * time.Millisecond
	h := start(t, pluginhost.Config{}, nil, hooks)
	if err := h.Hook("picky").After(t.Context(), hook.Event{Seq: 1, Act: "slow"}); err != nil {
		t.Error(err)
	}
}
