package endtoend

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// terminal is one of 80 by 24 with the form on it, as somebody of the desk sees it.
type terminal struct {
	*site
	tty    *os.File
	screen *display
	ended  chan error
}

// display is what the terminal shows. Its Read is what the terminal answers by
// itself, and has a pipe of its own.
type display struct {
	*vt.Emulator
	mu sync.Mutex
}

func (d *display) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Emulator.Write(b)
}

// text is the screen as letters.
func (d *display) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Emulator.String()
}

// other tells whether the other screen is shown.
func (d *display) other() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.IsAltScreen()
}

// newTerminal starts the form. What the terminal is asked it answers.
func (s *site) newTerminal(lang string) *terminal {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "sallyport"), "desk")
	cmd.Env = append(os.Environ(), "SALLYPORT_SOCKET="+s.path("run/admin.sock"), "TERM=xterm-256color", "LC_ALL="+lang, "TZ=UTC")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	s.must("starting the form", err)
	m := &terminal{site: s, tty: tty, screen: &display{Emulator: vt.NewEmulator(80, 24)}, ended: make(chan error, 1)}
	go func() { _, _ = io.Copy(tty, m.screen) }()
	go func() {
		_, _ = io.Copy(m.screen, tty) // ends with the program
		m.ended <- cmd.Wait()
	}()
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = tty.Close() })
	return m
}

// sees waits until the screen shows something like it.
func (m *terminal) sees(pattern string) string {
	m.t.Helper()
	var found string
	err := within(patience, func() error {
		if found = regexp.MustCompile(pattern).FindString(m.screen.text()); found == "" {
			return fmt.Errorf("no %s on the screen", pattern)
		}
		return nil
	})
	if err != nil {
		m.t.Fatalf("%v:\n%s", err, m.screen.text())
	}
	return found
}

func (m *terminal) types(keys string) {
	m.t.Helper()
	_, err := m.tty.WriteString(keys)
	m.must("typing", err)
}

const (
	enter  = "\r"
	escape = "\x1b"
	tab    = "\t"
)

// One call from the search to the reset, on a terminal of 80 by 24: the form names
// the person before it does anything, what is refused can be put right, and the code
// that was shown is good, and gone from the terminal afterwards.
func TestDeskForm(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.must("starting", s.start())
	b, err := newBrowser("https://login.example.org", s.path("run/page.sock"))
	s.must("opening a browser", err)
	_, err = s.enroll(b, "alice", "")
	s.must("setting up", err)

	m := s.newTerminal("en_GB.UTF-8")
	m.sees(`Login:`)
	if !m.screen.other() {
		t.Error("the form is not on the terminal's other screen")
	}
	m.types("nobody" + enter)
	m.sees(`knows nobody`)
	m.types(strings.Repeat("\x7f", 6) + "alice" + enter)
	m.sees(`alice  The alice  alice@example.org`)
	m.sees(`> Nothing is in the way`)

	// While she is on the screen, her next try appears by itself.
	_, err = s.check().verdict(login{service: "web", name: "alice", password: "alice-password"})
	s.must("trying", err)
	m.sees(`The last try had the right password and no code`)

	m.types("r")
	m.sees(`Remove ALL phones, codes and app passwords of The alice`)
	m.types("x" + enter + enter)
	m.sees(`You have identified this person`)
	m.types("y")
	m.sees(`Not done: A reason of 3 to 500 characters is compulsory`)
	m.types(tab + "\x7flost phone, called back" + tab + "4711" + enter)
	m.sees(`You have identified this person`)
	m.types("y")
	m.sees(`Read it out:`)
	var invite []string
	for _, group := range regexp.MustCompile(`(?m)^    ([0-9a-z](  [0-9a-z]){4}) *$`).FindAllStringSubmatch(m.screen.text(), -1) {
		invite = append(invite, strings.ReplaceAll(group[1], "  ", ""))
	}
	if len(invite) != 3 {
		t.Fatalf("the code is not to be read:\n%s", m.screen.text())
	}
	m.types(enter)
	m.sees(`Login:`)
	m.types(escape)
	select {
	case err := <-m.ended:
		s.must("leaving the form", err)
	case <-time.After(patience):
		t.Fatal("the form does not end")
	}
	left := m.screen.text()
	for y := range m.screen.ScrollbackLen() {
		for x := range 80 {
			if c := m.screen.ScrollbackCellAt(x, y); c != nil {
				left += c.Content
			}
		}
	}
	if m.screen.other() || strings.Contains(left, strings.Join(strings.Split(invite[0], ""), "  ")) || strings.Contains(left, "alice") {
		t.Errorf("left on the terminal:\n%s", left)
	}
	_, err = s.enroll(b, "alice", strings.Join(invite, "-"))
	s.must("setting up with the code", err)
}

// One app password of two ends from the form, and the other goes on; a code holds for
// as long as the form says.
func TestDeskFormEndsOneAppPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.must("starting", s.start())
	b := s.browser()
	_, err := s.enroll(b, "alice", "")
	s.must("setting up", err)
	apps := map[string]string{}
	for _, label := range []string{"Laptop", "Tablet"} {
		apps[label], err = issue(b, label)
		s.must("making an app password", err)
	}
	m := s.newTerminal("en_GB.UTF-8")
	m.sees(`Login:`)
	m.types("alice" + enter)
	m.sees(`alice  The alice  alice@example.org`)
	m.types("o")
	m.sees(`(?m)^> \w+, made .*\n  \w+, made `)
	if regexp.MustCompile(`(?m)^> Tablet`).MatchString(m.screen.text()) {
		m.types("\x1b[B")
	}
	m.sees(`> Laptop, made `)
	m.types(enter)
	m.sees(`Revoke the app password "Laptop" of The alice`)
	m.types("stolen, called back" + enter + "4712" + enter)
	m.sees(`You have identified this person`)
	m.types("y")
	m.sees(`Done: 1 record of alice revoked`)
	for label, want := range map[string]int{"Laptop": http.StatusUnauthorized, "Tablet": http.StatusNoContent} {
		a, err := s.check().auth(login{name: "alice", password: apps[label], service: "dav"}, false)
		if err != nil || a.status != want {
			t.Errorf("%s: %+v, %v, want %d", label, a, err, want)
		}
	}
	m.types(enter + "alice" + enter)
	m.sees(`u unlock`)
	m.types("c")
	m.sees(`Valid for \(5m to 24h\): 1h`)
	m.types("phone at home" + tab + tab + "\x7f\x7f48h" + enter)
	m.sees(`You have identified this person`)
	m.types("y")
	m.sees(`"for" must be 5m to 24h`)
	m.types(strings.Repeat("\x7f", 3) + "8h" + enter)
	m.sees(`Valid for \(5m to 24h\): 8h`)
	m.types("y")
	m.sees(`Read it out:`)
	out, err := exec.Command(filepath.Join(bin, "sallyport"), "--socket", s.path("run/admin.sock"), "user", "alice", "--json").Output()
	s.must("looking", err)
	var p struct {
		SupportCode struct{ Made, Expires time.Time } `json:"support_code"`
	}
	s.must("reading what is shown", json.Unmarshal(out, &p))
	if c := p.SupportCode; c.Expires.Sub(c.Made).Round(time.Minute) != 8*time.Hour {
		t.Errorf("the code holds from %s to %s", c.Made, c.Expires)
	}
}

// In German the form is German, and Escape does nothing to anybody.
func TestDeskFormInGerman(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.must("starting", s.start())
	m := s.newTerminal("de_DE.UTF-8")
	m.sees(`Anmeldename:`)
	m.types("bert" + enter)
	m.sees(`bert  The bert`)
	m.types("u")
	m.sees(`Wartezeiten aufheben: The bert`)
	m.types("called back" + enter + "4711" + enter)
	m.sees(`Haben Sie die Person geprüft`)
	m.types("n")
	m.types(escape)
	m.sees(`Tab: anderes Feld`)
	m.types(escape)
	m.sees(`u entsperren`)
	out, err := exec.Command(filepath.Join(bin, "sallyport"), "--socket", s.path("run/admin.sock"), "audit", "list", "--json").Output()
	if err != nil || strings.Contains(string(out), `"unlock"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// On a terminal the support screen keeps to its 80 columns and titles stand out,
// unless NO_COLOR or the terminal says otherwise; elsewhere lines stay whole.
func TestTheScreenOnATerminal(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.must("starting", s.start())
	b, err := newBrowser("https://login.example.org", s.path("run/page.sock"))
	s.must("opening a browser", err)
	_, err = s.enroll(b, "alice", "")
	s.must("setting up", err)
	show := func(term bool, env ...string) string {
		cmd := exec.Command(filepath.Join(bin, "sallyport"), "user", "alice")
		cmd.Env = append(append(os.Environ(), "SALLYPORT_SOCKET="+s.path("run/admin.sock"), "TERM=xterm", "NO_COLOR="), env...)
		if !term {
			said, err := cmd.Output()
			s.must("looking", err)
			return string(said)
		}
		tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
		s.must("starting on a terminal", err)
		defer tty.Close()
		said, _ := io.ReadAll(tty) // ends with an error where the other end closes
		s.must("looking on a terminal", cmd.Wait())
		return strings.ReplaceAll(string(said), "\r", "")
	}
	whole := show(false)
	if strings.Contains(whole, "\x1b") || !regexp.MustCompile(`(?m)^.{100,}$`).MatchString(whole) {
		t.Errorf("into a file:\n%s", whole)
	}
	for _, c := range []struct {
		env      string
		coloured bool
	}{{"LANG=C", true}, {"NO_COLOR=1", false}, {"TERM=dumb", false}} {
		said := show(true, c.env)
		if strings.Contains(said, "\x1b[1mLast tries\x1b[0m") != c.coloured || strings.Contains(said, "\x1b") != c.coloured {
			t.Errorf("%s: colours are wrong:\n%q", c.env, said)
		}
		for line := range strings.Lines(regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(said, "")) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %q", c.env, n, line)
			}
		}
		if !regexp.MustCompile(`\n  The’s phone, active, made .*\n      last used .*\n      id [0-9a-f]{32}\n`).MatchString(said) {
			t.Errorf("%s: the phone is not to be read:\n%s", c.env, said)
		}
	}
}
