package listen_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/daemon/listen"
)

// asNobody runs one test of this program again as a user without any rights.
func asNobody(t *testing.T, test, path string) string {
	t.Helper()
	program := filepath.Join(folder(t), "test")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^"+test+"$", "-test.v")
	cmd.Env, cmd.Dir = append(os.Environ(), "SALLYPORT_TEST_SOCKET="+path), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65533}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// Below /run only root may make folders. The command that the daemon then tells
// makes the folder such that the daemon takes it.
func TestAMissingFolderThatMayNotBeMade(t *testing.T) {
	if path := os.Getenv("SALLYPORT_TEST_SOCKET"); path != "" {
		l, err := listen.Unix(listen.Config{Path: path})
		if err == nil {
			err = l.Close()
		}
		fmt.Printf("opened: %v\n", err)
		return
	}
	needRoot(t, "start a process of another user")
	dir := folder(t)
	const test = "TestAMissingFolderThatMayNotBeMade"
	said := asNobody(t, test, dir+"/run/s")
	_, mend, _ := strings.Cut(said, "to make it, as root: ")
	mend, _, _ = strings.Cut(mend, "\n")
	if want := "install -d -o 65534 -g 65533 -m 0750 " + dir + "/run"; mend != want || !strings.Contains(said, "permission denied; ") {
		t.Fatalf("want the command %s, got:\n%s", want, said)
	}
	if out, err := exec.Command("sh", "-c", mend).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", mend, err, out)
	}
	if said := asNobody(t, test, dir+"/run/s"); !strings.Contains(said, "opened: <nil>") {
		t.Errorf("after the command that it told:\n%s", said)
	}
}

// CheckFolder tells beforehand what Unix would say, and makes nothing.
func TestCheckFolder(t *testing.T) {
	dir := folder(t)
	if err := listen.CheckFolder(dir + "/missing/s"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/missing"); err == nil {
		t.Error("a folder was made")
	}
	if err := listen.CheckFolder(dir + "/s"); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := listen.CheckFolder(dir + "/s"); err == nil || !strings.Contains(err.Error(), "chmod go-w "+dir) {
		t.Errorf("a folder for everybody: %v", err)
	}
}
