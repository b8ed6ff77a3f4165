package reloads

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// What the log says of a reload.
const (
	taken   = "the config was read again and is in force"
	refused = "the reload was refused"
)

// scene is a site whose config changes while it runs.
type scene struct {
	*servertest.Site
	t   *testing.T
	pid int
}

func newScene(t *testing.T, o servertest.Options) *scene {
	t.Helper()
	s := &scene{Site: servertest.Start(t, o), t: t}
	s.pid = s.daemon()
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) path(rel string) string { return filepath.Join(s.Dir, rel) }

// daemon is the number of the process that listens on the check socket.
func (s *scene) daemon() int {
	s.t.Helper()
	c, err := net.Dial("unix", s.HTTP)
	s.must(err)
	defer func() { _ = c.Close() }()
	raw, err := c.(*net.UnixConn).SyscallConn()
	s.must(err)
	var cred *unix.Ucred
	var inner error
	s.must(raw.Control(func(fd uintptr) { cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }))
	s.must(inner)
	return int(cred.Pid)
}

// write puts another file in the place of one that the daemon may be reading.
func (s *scene) write(rel, text string, mode os.FileMode) {
	s.t.Helper()
	s.must(os.WriteFile(s.path(rel+".new"), []byte(text), mode))
	s.must(os.Rename(s.path(rel+".new"), s.path(rel)))
}

// edit changes the config: each old text becomes the new one behind it.
func (s *scene) edit(oldnew ...string) {
	s.t.Helper()
	b, err := os.ReadFile(s.path("sallyport.toml"))
	s.must(err)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(string(b), oldnew[i]) {
			s.t.Fatalf("the config does not hold %q", oldnew[i])
		}
	}
	s.write("sallyport.toml", strings.NewReplacer(oldnew...).Replace(string(b)), 0o600)
}

func (s *scene) hangup() { s.must(syscall.Kill(s.pid, syscall.SIGHUP)) }

// count is how often the log has said that.
func (s *scene) count(what string) int { return strings.Count(s.Log(), what) }

// reload asks the daemon to read its config again, and waits until it says this.
func (s *scene) reload(want string) {
	s.t.Helper()
	before := s.count(taken) + s.count(refused)
	s.hangup()
	s.within("the reload", func() error {
		if s.count(taken)+s.count(refused) == before {
			return errors.New("nothing is said of it")
		}
		return nil
	})
	log := s.Log()
	if last := log[max(strings.LastIndex(log, taken), strings.LastIndex(log, refused)):]; !strings.HasPrefix(last, want) {
		s.t.Fatalf("want %q, but:\n%s", want, run.Tail(log))
	}
}

func (s *scene) within(what string, try func() error) {
	s.t.Helper()
	if err := run.Within(run.Patience, try); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// status is what the daemon says of itself.
type status struct {
	Plugins []struct {
		Kind string
		Up   bool
		PID  int
	}
	Config struct {
		OK   bool
		Note string
	}
}

func (s *scene) status() (st status) {
	s.t.Helper()
	s.must(json.Unmarshal([]byte(s.get("admin.sock", "/v1/status")), &st))
	return st
}

// plugins are the processes of the plugins that are up, by kind.
func (s *scene) plugins() map[string]int {
	pids := map[string]int{}
	for _, p := range s.status().Plugins {
		if p.Up {
			pids[p.Kind] = p.PID
		}
	}
	return pids
}

// get asks one of the daemon's sockets for a page, as a proxy would.
func (s *scene) get(socket, path string) string {
	s.t.Helper()
	c, err := net.Dial("unix", s.path(socket))
	s.must(err)
	defer func() { _ = c.Close() }()
	s.must(c.SetDeadline(time.Now().Add(run.Patience)))
	r, err := http.NewRequest(http.MethodGet, "http://sallyport"+path, nil)
	s.must(err)
	r.Close = true
	if socket == "page.sock" {
		r.Host = "login.example.org"
	}
	s.must(r.Write(c))
	all, err := io.ReadAll(c)
	s.must(err)
	_, body, _ := strings.Cut(string(all), "\r\n\r\n")
	return body
}

// asks tells what every front end says to alice.
func (s *scene) asks(password string) (said []bool) {
	s.t.Helper()
	for _, c := range fronts(s.Site) {
		ok, err := c.ask("alice", password)
		if err != nil {
			s.t.Errorf("%s: %v", c.front, err)
		}
		said = append(said, ok)
		if c.conn != nil {
			_ = c.conn.Close()
		}
	}
	return said
}

// held is what the daemon has open: descriptors, and processes that it started.
type held struct{ files, children int }

func (s *scene) held() (h held, err error) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	if err != nil {
		return h, err
	}
	pids, err := s.started()
	return held{len(fds), len(pids)}, err
}

// started are the processes that the daemon has started and that are there.
func (s *scene) started() (pids []int, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.pid))
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", s.pid, task.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // a thread that has ended
		}
		if err != nil {
			return nil, err
		}
		for _, f := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
