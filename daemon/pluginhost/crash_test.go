package pluginhost_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
)

const kills = 50

// Killed again and again under load, a plugin never says yes to what it denies
// or the other way round, and is back within a second; its neighbour does not
// notice. It is alone in this package, because it is about time.
func TestKilledFiftyTimesUnderLoad(t *testing.T) {
	specs := house(t, "app-password", "totp")
	var restarted, downs atomic.Int64
	h := start(t, pluginhost.Config{
		Restarted: func(string) { restarted.Add(1) },
		Up: func(_ string, up bool) {
			if !up {
				downs.Add(1)
			}
		},
	}, specs, nil)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var good, failed atomic.Int64
	for i := range 8 {
		load.Go(func() { hammer(ctx, t, h.Factor("app-password"), i, &good, &failed) })
	}
	var neighbourGood, neighbourFailed atomic.Int64
	load.Go(func() { knock(ctx, h.Factor("totp"), &neighbourGood, &neighbourFailed) })

	var slowest time.Duration
	for range kills {
		before, pid := good.Load(), h.Status()[0].PID
		begun := time.Now()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, 5*time.Second, "the plugin is back", func() bool {
			s := h.Status()[0]
			return s.Up && s.PID != pid
		})
		slowest = max(slowest, time.Since(begun))
		eventually(t, 5*time.Second, "the plugin answers", func() bool { return good.Load() >= before+100 })
	}
	stop()
	load.Wait()
	t.Logf("%d good answers, %d errors, slowest restart %s", good.Load(), failed.Load(), slowest)
	if slowest > time.Second {
		t.Errorf("the slowest restart took %s", slowest)
	}
	if neighbourFailed.Load() != 0 || neighbourGood.Load() == 0 {
		t.Errorf("the neighbour: %d good, %d errors", neighbourGood.Load(), neighbourFailed.Load())
	}
	eventually(t, time.Second, "the callbacks", func() bool { return restarted.Load() == kills })
	if n := h.Status()[0].Restarts; n != kills || downs.Load() != kills {
		t.Errorf("%d restarts, %d downs, want %d", n, downs.Load(), kills)
	}
}

// hammer asks questions whose answer it knows: every other time the secret is
// somebody else's, and no record is called the same twice.
func hammer(ctx context.Context, t *testing.T, f factor.Factor, worker int, good, failed *atomic.Int64) {
	issue := func(n int) factor.Issued {
		entropy := bytes.Repeat([]byte{byte(n), byte(n >> 8)}, factor.EntropySize/2)
		i, err := apppassword.Factor{}.Enroll(context.Background(), factor.Enrollment{Account: "a", Issuer: "i", Entropy: entropy})
		if err != nil {
			t.Error(err)
		}
		return i
	}
	mine, other := issue(worker), issue(worker+1000)
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%d-%d", worker, n)
		r := factor.Request{Input: mine.Secret, Records: []factor.Record{{ID: id, Format: mine.Format, Payload: mine.Payload}}}
		if n%2 == 1 {
			r.Input = other.Secret
		}
		got, err := f.Verify(ctx, r)
		switch {
		case err != nil && got.Verdict == factor.Unavailable:
			if ctx.Err() == nil {
				failed.Add(1)
				<-time.After(time.Millisecond) // asking without a breath would keep the next process from its processor
			}
			pause(ctx, 5*time.Millisecond)
		case err == nil && n%2 == 0 && got.Verdict == factor.Accept && got.Record == id,
			err == nil && n%2 == 1 && got.Verdict == factor.Deny && got.Record == "":
			good.Add(1)
		default:
			t.Errorf("question %s: got %v, %v", id, got, err)
		}
	}
}

// knock asks a factor now and then whether it is there.
func knock(ctx context.Context, f factor.Factor, good, failed *atomic.Int64) {
	for ctx.Err() == nil {
		got, err := f.Verify(ctx, factor.Request{Input: "123456", Now: time.Unix(1_700_000_000, 0)})
		switch {
		case ctx.Err() != nil:
		case err == nil && got.Verdict == factor.Deny:
			good.Add(1)
		default:
			failed.Add(1)
		}
		pause(ctx, time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// A plugin that hangs costs each caller its deadline, and is replaced.
func TestAHangingPluginIsReplaced(t *testing.T) {
	t.Parallel()
	_, specs := plugins(t, "echo", "neighbour")
	for i := range specs {
		specs[i].Timeout = 200 * time.Millisecond
	}
	h := start(t, pluginhost.Config{}, specs, nil)
	pid := h.Status()[0].PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	big := factor.Request{Input: "accept:r", Records: []factor.Record{{ID: "r"}}}
	for i := range 49 {
		big.Records = append(big.Records, factor.Record{ID: strconv.Itoa(i), Payload: make([]byte, factor.MaxPayload)})
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for h.Status()[0].PID == pid {
				begun := time.Now()
				got, err := h.Factor("echo").Verify(t.Context(), big)
				if err == nil || got.Verdict != factor.Unavailable {
					t.Errorf("a stopped plugin answered %v", got)
				}
				if took := time.Since(begun); took > 600*time.Millisecond {
					t.Errorf("a call took %s", took)
				}
				if errors.Is(err, pluginhost.ErrDown) {
					return
				}
				if _, err := h.Factor("neighbour").Verify(t.Context(), factor.Request{Input: "deny:x"}); err != nil {
					t.Errorf("the neighbour: %v", err)
				}
			}
		})
	}
	callers.Wait()
	eventually(t, 5*time.Second, "another process", func() bool {
		s := h.Status()[0]
		return s.Up && s.PID != pid
	})
	if got, err := h.Factor("echo").Verify(t.Context(), big); err != nil || got.Verdict != factor.Accept {
		t.Errorf("the new process: %v, %v", got, err)
	}
}

func TestWhileDownEveryCallFailsAtOnce(t *testing.T) {
	dir, specs := plugins(t, "echo")
	h := start(t, pluginhost.Config{}, specs, nil)
	// The next process says that it is something else, so it stays down.
	if err := os.WriteFile(filepath.Join(dir, "echo.kind"), []byte("else"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = ask(t, h.Factor("echo"), "crash")
	eventually(t, 5*time.Second, "the problem is known", func() bool {
		return bytes.Contains([]byte(h.Status()[0].Problem), []byte(`kind "else"`))
	})
	begun := time.Now()
	if got, err := ask(t, h.Factor("echo"), "accept:r1"); !errors.Is(err, pluginhost.ErrDown) || got.Verdict != factor.Unavailable {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := h.Factor("echo").Info(t.Context()); !errors.Is(err, pluginhost.ErrDown) {
		t.Errorf("Info: %v", err)
	}
	if took := time.Since(begun); took > 100*time.Millisecond {
		t.Errorf("took %s", took)
	}
	if err := os.Remove(filepath.Join(dir, "echo.kind")); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, "it is up again", func() bool { return h.Status()[0].Up })
}

func childrenOf(t testing.TB, pid int) []int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, f := range bytes.Fields(b) {
			n, err := strconv.Atoi(string(f))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, n)
		}
	}
	return out
}
