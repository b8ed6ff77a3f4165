package davtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Cadaver uploads a file into a folder with cadaver, lists the folder, moves the
// file, downloads it and deletes it. An error means that it did not get through,
// or that the file came back changed.
func (s Server) Cadaver(t testing.TB, l servertest.Login, folder string) error {
	t.Helper()
	cadaver := run.Need(t, "cadaver", "cadaver")
	dir := t.TempDir()
	host, _, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	run.Write(t, dir+"/.netrc", fmt.Sprintf("machine %s\nlogin %s\npassword %s\n", host, l.Name, l.Password), 0o600)
	text := "two doors, " + dir
	run.Write(t, dir+"/here.txt", text, 0o600)
	// After a refusal cadaver asks for another login on its input, so the rest of
	// the script would be tried as names: nothing follows a folder that is closed.
	base := run.Command{Path: cadaver, Args: []string{s.URL + folder}, Dir: dir, Env: []string{"HOME=" + dir}}
	open := base
	open.Stdin = "ls\n"
	if said, err := run.Run(open); err != nil || !strings.Contains(said, "Listing collection") || strings.Contains(said, "failed") {
		return fmt.Errorf("cadaver was not let in: %v\n%s", err, said)
	}
	work := base
	work.Stdin = "put here.txt there.txt\nmove there.txt moved.txt\nls\nget moved.txt back.txt\ndelete moved.txt\nquit\n"
	said, err := run.Run(work)
	if err != nil {
		return err
	}
	back, err := os.ReadFile(dir + "/back.txt")
	if err != nil || string(back) != text {
		return fmt.Errorf("the file did not come back: %v\n%s", err, said)
	}
	if n := strings.Count(said, "succeeded"); n < 5 || strings.Contains(said, "failed") {
		return fmt.Errorf("cadaver says:\n%s", said)
	}
	return nil
}
