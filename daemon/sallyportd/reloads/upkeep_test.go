package reloads

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// TestUpkeepUnderLoad: while clients ask on every front end, all keys change, and a
// backup is taken. Everybody is let in meanwhile, and whoever waits for the keys sees
// how far they are.
func TestUpkeepUnderLoad(t *testing.T) {
	s := newScene(t, servertest.Options{More: 200})
	l := begin(t, s.Site, 8)
	l.more(5)
	do := func(args ...string) string {
		t.Helper()
		before := l.total()
		out, err := run.Run(run.Command{Path: filepath.Join(s.Bin, "sallyportd"), Args: append(args, "--config", s.path("sallyport.toml"))})
		s.must(err)
		if n := l.total() - before; n < 20 {
			t.Errorf("only %d logins during %v: that is no load", n, args)
		}
		return out
	}
	type progress struct {
		Stage    string
		Done, Of int
	}
	var told []progress
	for line := range strings.Lines(do("keys", "rotate", "--json")) {
		var p progress
		s.must(json.Unmarshal([]byte(line), &p))
		told = append(told, p)
	}
	records := 0
	for i, p := range told {
		if p.Stage != "records" {
			continue
		}
		records++
		if p.Of < 200 || p.Done > p.Of || i > 0 && told[i-1].Stage == "records" && p.Done <= told[i-1].Done {
			t.Errorf("%+v after %+v is no progress", p, told[max(0, i-1)])
		}
	}
	if records < 4 || told[len(told)-1].Stage != "done" {
		t.Errorf("%d steps were told of the records, and at the end %+v", records, told[len(told)-1])
	}
	if said := do("backup", "--to", s.path("backup")); !strings.Contains(said, "verified  204 people") {
		t.Errorf("the backup said:\n%s", said)
	}
	l.more(5)
	l.end()
	if said := s.Sallyport("--socket", s.path("admin.sock"), "audit", "verify"); !strings.Contains(said, "whole") {
		t.Errorf("the audit:\n%s", said)
	}
}
