package davtest

import (
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Radicale runs Debian's Radicale as its own user until the test ends. The
// config is a recipe's text, with the address that it listens on and the folder
// of the collections put elsewhere already: see Collections. Env are further
// variables, for a plugin.
func Radicale(t testing.TB, s *servertest.Site, config, address string, env ...string) {
	t.Helper()
	radicale := run.Need(t, "radicale", "radicale")
	run.Own(t, Collections(s), "radicale")
	run.Write(t, s.Dir+"/radicale.conf", config, 0o644)
	run.Background(t, run.Command{
		Path: radicale, Args: []string{"--config", s.Dir + "/radicale.conf"}, Dir: s.Dir, Env: env, User: run.AsUser(t, "radicale"),
	})
	if err := run.Listening(address); err != nil {
		t.Fatal(err)
	}
}

// Collections is the folder that Radicale of the test keeps its collections in.
func Collections(s *servertest.Site) string { return s.Dir + "/collections" }
