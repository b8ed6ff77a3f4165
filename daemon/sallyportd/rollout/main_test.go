package rollout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is the folder of the built binaries.
var bin string

func TestMain(m *testing.M) { os.Exit(withBinaries(m)) }

// withBinaries builds as "make build" does, into a folder that nobody else can
// write: the daemon runs plugins from no other.
func withBinaries(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sp-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the binaries:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=auto", "-ldflags", "-s -w", "-o", dir+"/",
		"./daemon/sallyportd", "./contrib/sallyport", "./plugins/cmd/...")
	build.Dir = filepath.Join("..", "..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building: %v\n%s", err, said)
		return 1
	}
	bin = dir
	return m.Run()
}
