package endtoend

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is the folder of the built binaries.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withBinaries(m))
}

// withBinaries builds as "make build" does, into a folder that nobody else can
// write: the daemon runs plugins from no other.
func withBinaries(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sp-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the binaries:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	top := filepath.Join("..", "..", "..")
	plugins, err := filepath.Glob(filepath.Join(top, "plugins", "cmd", "*"))
	if err != nil || len(plugins) == 0 {
		fmt.Fprintln(os.Stderr, "no plugins to build:", err)
		return 1
	}
	args := []string{"build", "-trimpath", "-buildvcs=auto", "-ldflags", "-s -w", "-o", dir + "/",
		"./daemon/sallyportd", "./contrib/sallyport"}
	for _, p := range plugins {
		args = append(args, "./plugins/cmd/"+filepath.Base(p))
	}
	build := exec.Command("go", args...)
	build.Dir = top
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building: %v\n%s", err, said)
		return 1
	}
	bin = dir
	defer func() {
		if shared.end != nil {
			shared.end()
		}
	}()
	return m.Run()
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
