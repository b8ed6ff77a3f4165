package radicale

import (
	"encoding/json"
	"os"
	"strings"
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
	impostor.Prove(t, func(t *testing.T, socket string, times int) []impostor.Outcome {
		config := t.TempDir() + "/config"
		run.Write(t, config, run.Config(t, "radicale-plugin.conf", "/run/sallyport/check.sock", socket), 0o600)
		told, err := json.Marshal(map[string]any{"config": config, "times": times})
		if err != nil {
			t.Fatal(err)
		}
		out, err := run.Run(run.Command{Path: python, Args: []string{"-W", "error", "testdata/ask.py"}, Dir: ".", Stdin: string(told),
			Env: []string{"PYTHONDONTWRITEBYTECODE=1"}})
		if err != nil {
			t.Fatal(err)
		}
		outcomes := make([]impostor.Outcome, 0, times)
		for in := json.NewDecoder(strings.NewReader(out)); in.More(); {
			var o impostor.Outcome
			if err := in.Decode(&o); err != nil {
				t.Fatalf("%v: %s", err, run.Tail(out))
			}
			outcomes = append(outcomes, o)
		}
		return outcomes
	})
}
