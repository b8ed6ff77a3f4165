package reloads

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// TestReloadUnderLoad: config after config, with another certificate each, is taken
// over while 32 clients ask on every front end and at the page. All are right, all are
// let in, and none loses a connection.
func TestReloadUnderLoad(t *testing.T) {
	s := newScene(t, servertest.Options{})
	address := s.overTLS()
	before := s.plugins()
	page := client{front: "page", socket: address, tls: true}
	kept := page
	kept.keeps = true
	l := begin(t, s.Site, 32, page, kept)
	for n := range 12 {
		l.more(20)
		s.write("ldap-password", directorytest.BindPassword+strings.Repeat("\n", n%2), 0o400)
		s.edit(fmt.Sprintf("timeout = \"%ds\"", 2+n%2), fmt.Sprintf("timeout = \"%ds\"", 3-n%2),
			"operator = \"Example University", fmt.Sprintf("operator = \"Example University%d", n))
		s.certify(int64(n) + 2)
		s.reload(taken)
		if got := shown(t, address); got != int64(n)+2 {
			t.Errorf("after reload %d the certificate is %d", n, got)
		}
	}
	l.more(20)
	l.end()
	if n := l.reconnects.Load(); n != 0 {
		t.Errorf("%d kept connections were ended", n)
	}
	for kind, pid := range s.plugins() {
		if pid == before[kind] {
			t.Errorf("%s goes on with its old time limit", kind)
		}
	}
	if err := page.dial(); err != nil {
		t.Fatal(err)
	}
	s.must(page.send("GET / HTTP/1.0\r\nHost: login.example.org\r\n\r\n"))
	if text, err := io.ReadAll(page.in); err != nil || !strings.Contains(string(text), "Example University1110") {
		t.Errorf("the page does not have the last operator: %v\n%s", err, text)
	}
}

// TestOnlyWhatChangedIsStartedAgain: a reload leaves plugins alone, and the
// connections to the directory, where nothing of theirs has changed.
func TestOnlyWhatChangedIsStartedAgain(t *testing.T) {
	s := newScene(t, servertest.Options{})
	before := s.plugins()
	s.edit("phone = \"+49 30 1234567\"", "phone = \"+49 30 7654321\"")
	s.reload(taken)
	if got := s.plugins(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("plugins %v became %v", before, got)
	}
	s.edit("kind = \"totp\"\n", "kind = \"totp\"\nsettings = {digits = \"8\"}\n")
	s.reload(taken)
	got := s.plugins()
	if got["totp"] == before["totp"] || got["app-password"] != before["app-password"] || got["recovery"] != before["recovery"] {
		t.Errorf("after a setting of totp: %v became %v", before, got)
	}
	if up := s.Metric(t, "sallyport_plugin_up", "plugin", "totp"); up != 1 {
		t.Errorf("the metrics say %v of a plugin that is up", up)
	}
}

// TestABadConfigKeepsTheOld: it is told with file, line and key, shown, and
// counted; everybody is served as before.
func TestABadConfigKeepsTheOld(t *testing.T) {
	s := newScene(t, servertest.Options{})
	app, before := s.Person("alice").App, s.plugins()
	all := func(said []bool) bool { return !slices.Contains(said, false) }
	if ok := s.Metric(t, "sallyport_config_reload_success"); ok != 1 {
		t.Errorf("before the first reload the metric is %v", ok)
	}
	for name, c := range map[string]struct{ old, bad, key, note string }{
		"a key that is none":    {"failure_grid = ", "failure_gird = ", `"key":"throttle.failure_gird"`, "failure_gird"},
		"no TOML":               {"[metrics]", "[metrics", "sallyport.toml", "sallyport.toml"},
		"a file that is gone":   {"\"ldap-password\"", "\"gone\"", `"key":"directory.bind_password_file"`, "gone"},
		"a plugin that is none": {"kind = \"recovery\"\n", "kind = \"recovery\"\npath = \"/bin/true\"\n", "/bin/true", "recovery"},
		"what needs a restart":  {"issuer = \"Example University\"", "issuer = \"Other\"", `"key":"issuer"`, "restart the daemon"},
		"another socket":        {"mode = \"0666\"", "mode = \"0660\"", `"key":"listen[0].mode"`, "restart the daemon"},
	} {
		s.edit(c.old, c.bad)
		s.reload(refused)
		if log := s.Log(); !strings.Contains(log, c.key) {
			t.Errorf("%s: the log does not say %s", name, c.key)
		}
		st := s.status()
		if st.Config.OK || !strings.HasPrefix(st.Config.Note, "reload at ") || !strings.Contains(st.Config.Note, c.note) || strings.Contains(st.Config.Note, "\n") {
			t.Errorf("%s: the status is %+v", name, st.Config)
		}
		if ok := s.Metric(t, "sallyport_config_reload_success"); ok != 0 {
			t.Errorf("%s: the metric is %v", name, ok)
		}
		if said := s.asks(app); !all(said) {
			t.Errorf("%s: answered %v", name, said)
		}
		s.edit(c.bad, c.old)
	}
	if got := s.plugins(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("plugins %v became %v", before, got)
	}
	if said := s.Sallyport("--socket", s.path("admin.sock"), "status"); !strings.Contains(said, "refused: ") {
		t.Errorf("the tool does not say that the reload was refused:\n%s", said)
	}
	s.reload(taken)
	if st := s.status(); !st.Config.OK || s.Metric(t, "sallyport_config_reload_success") != 1 {
		t.Errorf("after a good one: %+v", st.Config)
	}
}

// TestAStormOfReloads: fifty at once, again and again, end in the last config, also
// where new plugins are killed in the middle; nothing is left of those before.
func TestAStormOfReloads(t *testing.T) {
	s := newScene(t, servertest.Options{})
	// More at once than later, so that the pools of connections to the directory and
	// of the database's readers have grown to what they need, and grow no more.
	l := begin(t, s.Site, 32)
	s.reload(taken)
	l.more(20)
	l.end()
	var first held
	s.within("the end of the first plugins", func() (err error) {
		if first, err = s.held(); err == nil && first.children != 3 {
			err = fmt.Errorf("%+v are open", first)
		}
		return err
	})
	l = begin(t, s.Site, 8)
	for n := range 4 {
		s.edit(fmt.Sprintf("timeout = \"%ds\"", 2+n), fmt.Sprintf("timeout = \"%ds\"", 3+n),
			"operator = \"Example University", fmt.Sprintf("operator = \"Example University%d", n))
		old := s.plugins()
		l.outage.Store(n%2 == 1)
		var all sync.WaitGroup
		for range 50 {
			all.Go(s.hangup)
		}
		if n%2 == 1 {
			s.killOthers(old)
		}
		all.Wait()
		want := "Example University" + "0123"[:n+1]
		s.within("the last config", func() error {
			if page := s.get("page.sock", "/"); !strings.Contains(page, reverse(want)) {
				s.hangupAgain(n)
				return errors.New("the page still has another operator")
			}
			return nil
		})
		s.within("all plugins", func() error {
			if up := s.plugins(); len(up) != 3 {
				return fmt.Errorf("up are %v", up)
			}
			return nil
		})
		l.outage.Store(false)
		l.more(10)
	}
	l.end()
	s.within("what is left", func() error {
		now, err := s.held()
		if err == nil && (now.children != first.children || now.files > first.files+8) {
			err = fmt.Errorf("%+v were open, %+v are now", first, now)
		}
		return err
	})
}

// hangupAgain is for a reload that was refused because its plugins were killed: the
// operator tries once more.
func (s *scene) hangupAgain(n int) {
	if n%2 == 1 && strings.HasSuffix(strings.TrimSpace(s.lastOf(taken, refused)), refused) {
		s.hangup()
	}
}

// lastOf is which of the two the log has said last.
func (s *scene) lastOf(a, b string) string {
	log := s.Log()
	if strings.LastIndex(log, a) > strings.LastIndex(log, b) {
		return a
	}
	return b
}

// killOthers kills the first plugins that are not the old ones.
func (s *scene) killOthers(old map[string]int) {
	s.t.Helper()
	known := map[int]bool{}
	for _, pid := range old {
		known[pid] = true
	}
	s.within("new plugins", func() error {
		pids, err := s.started()
		if err != nil {
			return err
		}
		killed := false
		for _, pid := range pids {
			if !known[pid] {
				killed = syscall.Kill(pid, syscall.SIGKILL) == nil || killed
			}
		}
		if !killed {
			return errors.New("there are none yet")
		}
		return nil
	})
}

// reverse puts the numbers in the order in which edit has put them.
func reverse(want string) string {
	name := strings.TrimRight(want, "0123")
	digits := []byte(want[len(name):])
	slices.Reverse(digits)
	return name + string(digits)
}
