package rollout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// bin is the folder of the built binaries.
var bin string

// site is the installation: a folder with config, key, state and sockets, the
// directory and the daemon.
type site struct {
	t         testing.TB
	dir       string
	directory *directorytest.Server
	daemon    *exec.Cmd
	ended     chan struct{}
	check     *http.Client
	page      *http.Client
	// midnightAt is when a day begins on the campus, in its own time zone.
	midnightAt time.Time
	// ran are the commands that were run, as form makes them.
	ran map[string]bool
	// spent is the processor time of daemons that have ended, with their plugins.
	spent time.Duration
	most  int // MiB that one of them has had
}

// configText has the usual limits of the throttle, which is what a Monday is
// tried against. Refusals leave on the shortest raster that a config allows, and
// plugins have more time, since the machine is shared with all that asks.
const configText = `issuer = "Example University"
state = "state"
[keys]
kek = "kek"
[directory]
servers = ["%[1]s"]
bind_dn = "%[2]s"
bind_password_file = "ldap-password"
base = "%[3]s"
account_filter = "(!(employeeType=disabled))"
decoy_dn = "%[4]s"
[[factor]]
kind = "totp"
timeout = "2s"
[[factor]]
kind = "app-password"
timeout = "2s"
standalone = true
[[factor]]
kind = "recovery"
timeout = "2s"
[[service]]
name = "web"
accept = [["totp", "directory"], ["recovery", "directory"]]
[[service]]
name = "dav"
accept = [["app-password"]]
before_enrollment = [["directory"]]
[[listen]]
protocol = "http"
path = "run/check.sock"
services = ["web", "dav"]
[[listen]]
protocol = "saslauthd"
path = "run/mux"
services = ["web", "dav"]
service_map = {dav = "dav", web = "web"}
[[listen]]
protocol = "dovecot"
path = "run/auth-client"
services = ["dav"]
[[listen]]
protocol = "admin"
path = "run/admin.sock"
[page]
listen = "run/page.sock"
url = "https://login.example.org"
service = "web"
operator = "Example University"
[page.support]
phone = "+49 30 1234567"
[metrics]
listen = "run/metrics.sock"
[throttle]
failure_grid = "50ms"
[policy]
timezone = "Campus/Main"
`

func newSite(t testing.TB, more int) *site {
	t.Helper()
	bin = servertest.Binaries(t)
	// Short, because a socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "sp")
	s := &site{t: t, dir: dir, ran: map[string]bool{}}
	s.must("making a folder", err)
	t.Cleanup(s.clean)
	s.directory = directorytest.Start(t, directorytest.Options{More: more, Limits: "size.prtotal=unlimited"})
	for _, sub := range []string{"run", "zones/Campus"} {
		s.must("making a folder", os.MkdirAll(s.path(sub), 0o700))
	}
	s.write("ldap-password", directorytest.BindPassword+"\n")
	s.sallyportd("init", "--kek", s.path("kek"), "--state", s.path("state"))
	s.check, s.page = overUnix(s.path("run/check.sock")), overUnix(s.path("run/page.sock"))
	return s
}

func (s *site) clean() {
	if s.daemon != nil {
		_ = s.daemon.Process.Kill()
		<-s.ended
	}
	if s.t.Failed() {
		log, _ := os.ReadFile(s.path("daemon.log"))
		s.t.Logf("the daemon's log:\n%s", run.Tail(string(log)))
	}
	_ = os.RemoveAll(s.dir)
}

func (s *site) path(rel string) string { return filepath.Join(s.dir, rel) }

func (s *site) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

func (s *site) write(rel, text string) {
	s.t.Helper()
	s.must("writing "+rel, os.WriteFile(s.path(rel), []byte(text), 0o600))
}

// midnight moves the campus: its days begin at this time of the clock. A day that
// is written in the policy then comes by itself, while the story waits for it.
func (s *site) midnight(at time.Time) {
	s.t.Helper()
	const day = 24 * 60 * 60
	east := -(at.Unix() % day)
	if east < -day/2 {
		east += day
	}
	// A time zone without summer time, in the format of RFC 8536.
	zone := append([]byte("TZif\x00"), make([]byte, 15)...)
	for _, count := range []uint32{0, 0, 0, 0, 1, 4} {
		zone = binary.BigEndian.AppendUint32(zone, count)
	}
	zone = append(binary.BigEndian.AppendUint32(zone, uint32(int32(east))), 0, 0)
	s.write("zones/Campus/Main", string(zone)+"CMT\x00")
	s.midnightAt = at.Truncate(time.Second).In(time.FixedZone("CMT", int(east)))
}

// policy writes the config with this policy.
func (s *site) policy(text string) {
	s.t.Helper()
	s.write("sallyport.toml", fmt.Sprintf(configText, s.directory.URL, directorytest.BindDN, directorytest.PeopleDN, directorytest.DecoyDN)+text)
	s.sallyportd("check-config", "--config", s.path("sallyport.toml"))
}

// start runs the daemon and waits until it is ready.
func (s *site) start() {
	s.t.Helper()
	log, err := os.OpenFile(s.path("daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must("opening the log", err)
	defer func() { _ = log.Close() }()
	cmd, ended := s.command("sallyportd", "serve", "--config", s.path("sallyport.toml")), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	// A test that dies must not leave a daemon behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must("starting the daemon", cmd.Start())
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	s.daemon, s.ended = cmd, ended
	s.within("starting", func() error {
		select {
		case <-ended:
			s.t.Fatal("the daemon ended at once")
		default:
		}
		got, err := s.check.Get("http://sallyport/v1/health/ready")
		if err != nil {
			return err
		}
		if _ = got.Body.Close(); got.StatusCode != http.StatusOK {
			return errors.New("not ready")
		}
		return run.Listening(s.path("run/page.sock"))
	})
}

// stop ends the daemon as an operator does.
func (s *site) stop() {
	s.t.Helper()
	s.spent, s.most = s.spent+s.used(), s.peak()
	s.must("stopping", s.daemon.Process.Signal(syscall.SIGTERM))
	<-s.ended
	if !s.daemon.ProcessState.Success() {
		s.t.Fatalf("the daemon ended with %s", s.daemon.ProcessState)
	}
	s.daemon = nil
}

// reload has the daemon read its config again.
func (s *site) reload() {
	s.t.Helper()
	const word = "the config was read again and is in force"
	before := s.logged(word)
	s.must("asking for a reload", s.daemon.Process.Signal(syscall.SIGHUP))
	s.within("the reload", func() error {
		if s.logged(word) == before {
			return errors.New("the log does not tell of it")
		}
		return nil
	})
}

func (s *site) logged(word string) int {
	b, err := os.ReadFile(s.path("daemon.log"))
	s.must("reading the log", err)
	return bytes.Count(b, []byte(word))
}

func (s *site) within(what string, try func() error) {
	s.t.Helper()
	if err := run.Within(run.Patience, try); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

func (s *site) command(program string, args ...string) *exec.Cmd {
	s.ran[form(program, args)] = true
	cmd := exec.Command(filepath.Join(bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SALLYPORT_SOCKET="+s.path("run/admin.sock"), "ZONEINFO="+s.path("zones"), "TZ=UTC")
	return cmd
}

func (s *site) sallyportd(args ...string) string { s.t.Helper(); return s.says("sallyportd", args...) }
func (s *site) sallyport(args ...string) string  { s.t.Helper(); return s.says("sallyport", args...) }

// says runs a command that must succeed, and returns what it printed.
func (s *site) says(program string, args ...string) string {
	s.t.Helper()
	cmd := s.command(program, args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, complaint.String())
	}
	return string(out)
}

// used is the processor time of the daemon and its plugins so far.
func (s *site) used() (total time.Duration) {
	pids := []string{strconv.Itoa(s.daemon.Process.Pid)}
	lists, _ := filepath.Glob("/proc/" + pids[0] + "/task/*/children")
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		pids = append(pids, strings.Fields(string(children))...)
	}
	for _, pid := range pids {
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		_, rest, _ := strings.Cut(string(stat), ") ")
		for i, field := range strings.Fields(rest) {
			if i == 11 || i == 12 { // user and system time, in hundredths
				n, _ := strconv.Atoi(field)
				total += time.Duration(n) * 10 * time.Millisecond
			}
		}
	}
	return total
}

// peak is the most memory that a daemon has had, in MiB.
func (s *site) peak() int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.daemon.Process.Pid))
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return max(s.most, kib/1024)
}
