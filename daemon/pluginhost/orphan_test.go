package pluginhost_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost"
)

// hostPlan is what the killable daemon is told.
type hostPlan struct {
	RunDir string
	Specs  []pluginhost.Spec
}

// serveHost is the whole life of the killable daemon.
func serveHost(plan string) {
	var p hostPlan
	if err := json.Unmarshal([]byte(plan), &p); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	h, err := pluginhost.Start(context.Background(), pluginhost.Config{RunDir: p.RunDir}, p.Specs, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, s := range h.Status() {
		fmt.Println(s.PID)
	}
	fmt.Println("ready")
	select {}
}

// A daemon killed at once leaves no process and no socket.
func TestNothingOutlivesAKilledHost(t *testing.T) {
	_, specs := plugins(t, "echo", "neighbour")
	run := shortDir(t)
	plan, err := json.Marshal(hostPlan{RunDir: run, Specs: specs})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), hostGuard+"="+string(plan))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var pids []int
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
			var pid int
			if _, err := fmt.Sscan(lines.Text(), &pid); err != nil {
				t.Fatal(lines.Text())
			}
			pids = append(pids, pid)
		}
		if len(pids) != len(specs) {
			t.Fatalf("the host runs %v", pids)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		eventually(t, 3*time.Second, "the plugins are gone", func() bool {
			for _, pid := range pids {
				if alive(pid) {
					return false
				}
			}
			return true
		})
		if left := sockets(t, run); len(left) != 0 {
			t.Errorf("sockets left: %v", left)
		}
	}
	// What a host killed in the middle of a start may leave.
	stale := filepath.Join(run, "plugins", "plugin-dir1", "plugin2")
	if err := os.MkdirAll(filepath.Dir(stale), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, pluginhost.Config{RunDir: run}, specs, nil)
	if _, err := os.Lstat(stale); err == nil {
		t.Error("the next start left a stale socket")
	}
	if left := sockets(t, run); len(left) != 0 {
		t.Errorf("a running host shows sockets: %v", left)
	}
	if other, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: run}, specs, nil); err == nil {
		other.Close()
		t.Error("a second host took the same directory")
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(run, "plugins")); err == nil {
		t.Error("Close left the directory")
	}
}

// alive does not count a process that only waits to be collected.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	var id int
	var name, state string
	_, err = fmt.Sscan(string(b), &id, &name, &state)
	return err == nil && state != "Z" && syscall.Kill(pid, 0) == nil
}

func sockets(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSocket != 0 {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
