package endtoend

import (
	"flag"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// bin is the folder of the built binaries, once build was called.
var (
	bin      string
	building sync.Mutex
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if shared.end != nil {
		shared.end()
	}
	os.Exit(code)
}

// build builds as "make build" does, for this package and all others together.
func build(t testing.TB) {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if bin == "" {
		bin = servertest.Binaries(t)
	}
}

// need skips a test whose program is missing, and fails it where CI=true.
func need(t testing.TB, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt install %s", program, debian)
	}
	t.Skipf("%s is missing: apt install %s", program, debian)
}
