package radicale

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/impostor"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestReplies: the plugin, on the classes of the Radicale of Debian.
func TestReplies(t *testing.T) {
	run.Need(t, "radicale", "radicale")
	python := run.Need(t, "/usr/bin/python3", "python3")
	for _, file := range []string{"sallyport_radicale.py", "testdata/ask.py"} {
		if _, err := os.ReadFile(file); err != nil { // so that go test knows when they change
			t.Fatal(err)
		}
	}
	usual, dir := run.Config(t, "radicale-plugin.conf", "/run/sallyport/check.sock", "/run/sallyport/check.sock"), t.TempDir()
	var asked atomic.Int32
	impostor.Prove(t, func(socket string, times int) ([]impostor.Outcome, error) {
		config := fmt.Sprintf("%s/config%d", dir, asked.Add(1))
		text := strings.ReplaceAll(usual, "/run/sallyport/check.sock", socket)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return nil, err
		}
		told, err := json.Marshal(map[string]any{"config": config, "times": times})
		if err != nil {
			return nil, err
		}
		out, err := run.Run(run.Command{Path: python, Args: []string{"-W", "error", "testdata/ask.py"}, Dir: ".", Stdin: string(told),
			Env: []string{"PYTHONDONTWRITEBYTECODE=1"}})
		if err != nil {
			return nil, err
		}
		outcomes := make([]impostor.Outcome, 0, times)
		for in := json.NewDecoder(strings.NewReader(out)); in.More(); {
			var o impostor.Outcome
			if err := in.Decode(&o); err != nil {
				return nil, fmt.Errorf("%w: %s", err, run.Tail(out))
			}
			outcomes = append(outcomes, o)
		}
		return outcomes, nil
	})
}
