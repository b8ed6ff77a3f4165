package pluginhost_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/hook"
)

func ask(t testing.TB, f factor.Factor, input string) (factor.Result, error) {
	t.Helper()
	return f.Verify(t.Context(), factor.Request{
		Input:   input,
		Records: []factor.Record{{ID: "r1", Format: 3, Payload: []byte("p")}, {ID: "r2"}},
		Now:     time.Unix(1_700_000_000, 0),
	})
}

// Whoever asks, each question carries the floor of the installation.
func TestTheFloorGoesWithEachQuestion(t *testing.T) {
	_, specs := plugins(t, "echo")
	h := start(t, pluginhost.Config{Floor: time.Unix(1_700_000_000, 0)}, specs, nil)
	if got, err := ask(t, h.Factor("echo"), "floor:"); err != nil || got.Reason != "2023-11-14T22:13:20Z" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAFactorInAnotherProcess(t *testing.T) {
	for _, mtls := range []bool{true, false} {
		t.Run(fmt.Sprintf("mtls=%t", mtls), func(t *testing.T) {
			_, specs := plugins(t, "echo")
			specs[0].MTLS = mtls
			specs[0].Settings = map[string]string{"suffix": "from the config"}
			h := start(t, pluginhost.Config{}, specs, nil)
			f := h.Factor("echo")

			if got := h.Info("echo"); got != echoInfo("echo") {
				t.Errorf("Info = %+v", got)
			}
			for input, want := range map[string]factor.Result{
				"accept:r2":  {Verdict: factor.Accept, Record: "r2"},
				"deny:wrong": {Verdict: factor.Deny, Reason: factor.Wrong},
			} {
				if got, err := ask(t, f, input); err != nil || got.Verdict != want.Verdict || got.Record != want.Record || got.Reason != want.Reason {
					t.Errorf("%s: %v, %v", input, got, err)
				}
			}
			issued, err := f.Enroll(t.Context(), factor.Enrollment{Account: "ms\xff", Entropy: make([]byte, factor.EntropySize)})
			if err != nil || len(issued.Payload) != factor.EntropySize || issued.Secret != "ms\xff" || issued.URI != "from the config" {
				t.Errorf("Enroll = %v, %v", issued, err)
			}
			if h.Factor("nothing") != nil || h.Hook("echo") != nil {
				t.Error("a plugin that was not asked for is there")
			}
			if s := h.Status(); len(s) != 1 || !s[0].Up || s[0].PID == 0 || s[0].Restarts != 0 || s[0].Kind != "echo" {
				t.Errorf("Status = %+v", s)
			}
		})
	}
}

func TestBadAnswersAreErrors(t *testing.T) {
	_, specs := plugins(t, "echo")
	specs[0].Timeout = 2 * time.Second
	h := start(t, pluginhost.Config{}, specs, nil)
	f := h.Factor("echo")
	pid := h.Status()[0].PID
	for _, input := range []string{
		"accept:", "accept:r3", "big:r1", "huge", "panic:hunter2", "nonsense",
	} {
		got, err := ask(t, f, input)
		if err == nil || got.Verdict != factor.Unavailable || got.Record != "" {
			t.Errorf("%s: %v, %v; want an error and nothing else", input, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the input: %v", err)
		}
		if got, err := ask(t, f, "accept:r1"); err != nil || got.Verdict != factor.Accept {
			t.Errorf("after %s: %v, %v", input, got, err)
		}
	}
	if got, err := ask(t, f, "verdict:r1"); got.Verdict != factor.Unavailable {
		t.Errorf("a verdict that does not exist: %v, %v", got, err)
	}
	if now := h.Status()[0].PID; now != pid {
		t.Errorf("the process was restarted: %d, %d", pid, now)
	}
}

func TestACallEndsWithItsDeadline(t *testing.T) {
	_, specs := plugins(t, "echo")
	specs[0].Timeout = 100 * time.Millisecond
	h := start(t, pluginhost.Config{}, specs, nil)
	begun := time.Now()
	if got, err := ask(t, h.Factor("echo"), "wait"); err == nil || got.Verdict != factor.Unavailable {
		t.Errorf("got %v, %v", got, err)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %s", took)
	}
	if _, err := h.Factor("echo").Enroll(t.Context(), factor.Enrollment{Account: "slow"}); err != nil {
		t.Errorf("a new record may take longer than a verdict, but: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Factor("echo").Verify(ctx, factor.Request{Input: "wait"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAHookInAnotherProcess(t *testing.T) {
	_, hooks := plugins(t, "watcher")
	h := start(t, pluginhost.Config{}, nil, hooks)
	w := h.Hook("watcher")
	for name, want := range map[string]bool{"m\xfcller": true, "alice": false} {
		if got, err := w.Before(t.Context(), hook.Attempt{Name: name, Service: "dav"}); err != nil || got.Refuse != want || got.Note != "dav" {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if _, err := w.Before(t.Context(), hook.Attempt{Name: "trouble"}); err == nil {
		t.Error("a hook that cannot tell gave no error")
	}
	if err := w.After(t.Context(), hook.Event{Seq: 1}); err != nil {
		t.Error(err)
	}
	if err := w.After(t.Context(), hook.Event{}); err == nil {
		t.Error("a refused event gave no error")
	}
}

func TestAllOrNone(t *testing.T) {
	dir, specs := plugins(t, "echo", "mute")
	run := shortDir(t)
	for name, bad := range map[string]pluginhost.Spec{
		"not a plugin":   specs[1],
		"another kind":   {Kind: "totp", Path: specs[0].Path, MTLS: true},
		"named twice":    specs[0],
		"not there":      {Kind: "gone", Path: filepath.Join(dir, "gone")},
		"the other type": {Kind: "watcher", Path: hookPath(t)},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: run}, []pluginhost.Spec{specs[0], bad}, nil)
			if err == nil {
				h.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), bad.Kind) {
				t.Errorf("the error does not name the plugin: %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(run, "plugins", "*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if pids := childrenOf(t, os.Getpid()); len(pids) != 0 {
				t.Errorf("processes left behind: %v", pids)
			}
		})
	}
}

// A plugin that never speaks is not waited for longer than the caller wants.
func TestAStartCanBeGivenUp(t *testing.T) {
	_, specs := plugins(t, "echo", "silent")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	h, err := pluginhost.Start(ctx, pluginhost.Config{RunDir: shortDir(t)}, specs, nil)
	if err == nil {
		h.Close()
		t.Fatal("started")
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if pids := childrenOf(t, os.Getpid()); len(pids) != 0 {
		t.Errorf("processes left behind: %v", pids)
	}
}

func TestTheRunDirectory(t *testing.T) {
	_, specs := plugins(t, "echo")
	loose := shortDir(t)
	if err := os.Chmod(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(shortDir(t), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for dir, word := range map[string]string{
		loose:                           "`chmod go-w " + loose + "`",
		long:                            "too long",
		filepath.Join(loose, "nowhere"): "no such file",
	} {
		h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: dir}, specs, nil)
		if err == nil {
			h.Close()
			t.Fatalf("%s was taken", dir)
		}
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

func TestEveryCallIsObserved(t *testing.T) {
	_, specs := plugins(t, "echo")
	var mu sync.Mutex
	var heard []string
	h := start(t, pluginhost.Config{Observe: func(kind, call string, took time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, fmt.Sprint(kind, " ", call, " ", took > 0, " ", err == nil))
	}}, specs, nil)
	_, _ = ask(t, h.Factor("echo"), "accept:r1")
	_, _ = ask(t, h.Factor("echo"), "accept:r9")
	_, _ = h.Factor("echo").Enroll(t.Context(), factor.Enrollment{})
	want := []string{"echo verify true true", "echo verify true false", "echo enroll true true"}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func hookPath(t testing.TB) string {
	_, hooks := plugins(t, "watcher")
	return hooks[0].Path
}

func TestAPluginGetsNothingOfOurs(t *testing.T) {
	t.Setenv("SALLYPORT_TEST_SECRET", "hunter2")
	_, specs := plugins(t, "echo")
	h := start(t, pluginhost.Config{}, specs, nil)
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", h.Status()[0].PID))
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range strings.Split(strings.Trim(string(env), "\x00"), "\x00") {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "PLUGIN_") && name != "SALLYPORT_PLUGIN" {
			t.Errorf("the plugin's environment has %s", name)
		}
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", h.Status()[0].PID))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		to, _ := os.Readlink(l)
		if strings.HasPrefix(to, "/") && to != "/dev/null" && !strings.HasPrefix(to, "/sys/") && !strings.HasPrefix(to, "/proc/") {
			t.Errorf("the plugin has %s open", to)
		}
	}
}

func TestWhatAPluginPrintsIsOneCleanLine(t *testing.T) {
	var log logBuffer
	_, specs := plugins(t, "chatty")
	start(t, pluginhost.Config{Log: log.logger()}, specs, nil)
	eventually(t, 5*time.Second, "two lines in the log", func() bool {
		return strings.Count(log.String(), "plugin says") >= 2
	})
	if s := log.String(); strings.Contains(s, "\x1b") || strings.Contains(s, `\x1b`) || strings.Contains(s, strings.Repeat("x", 1100)) {
		t.Errorf("the log holds what it must not: %.300q", s)
	}
}
