package davical

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func login(s *servertest.Site, name string) servertest.Login {
	return servertest.Login{Name: name, Password: s.Person(name).App}
}

// item is the address of an event.
func item(name string) string {
	return "/" + url.PathEscape(name) + "/calendar/of-" + url.PathEscape(name) + ".ics"
}

// put makes the event, and the person where this is the first time.
func put(t *testing.T, s *servertest.Site, dav davtest.Server, name string) {
	t.Helper()
	got, err := dav.Status(login(s, name), "PUT", item(name), "--header", "Content-Type: text/calendar", "--data-binary", davtest.Event("of-"+url.PathEscape(name)))
	if err != nil || got != "201" {
		t.Fatalf("an event of %s: told %s, %v", name, got, err)
	}
}

func believesNoClient(t *testing.T, s *servertest.Site, dav davtest.Server) {
	dav.Forge(t, s, davtest.Places{Own: "/alice/calendar/", Foreign: "/bert/calendar/"})
	front := davtest.Server{URL: strings.TrimSuffix(dav.URL, "/caldav.php")}
	for _, path := range []string{"/", "/index.php", "/admin.php", "/setup.php", "/public.php/bert/calendar/", "/feed.php/bert/calendar/",
		"/freebusy.php/bert/", "/iSchedule.php", "/metrics.php", "/caldav.php/../index.php", "/caldav.phpx", "/always.php"} {
		if got, err := front.Status(login(s, "alice"), "GET", path, "--path-as-is"); err != nil || got != "404" {
			t.Errorf("%s: told %s, %v", path, got, err)
		}
	}
	if got, err := front.Status(servertest.Login{}, "PROPFIND", "/.well-known/caldav"); err != nil || got != "301" {
		t.Errorf("/.well-known/caldav: told %s, %v", got, err)
	}
}

// digestIsClosed: DAViCal would answer Digest from its own database, where its
// administrator has a password, and ask nobody.
func digestIsClosed(t *testing.T, s *servertest.Site) {
	for _, c := range []struct {
		name    string
		oldnew  []string
		refused bool
	}{
		{"without the line of nginx.conf", []string{`!~* "^(?:basic |$)"`, `= "never"`}, false},
		{"with it", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dav, before := front(t, s, c.oldnew...), s.Metric(t, "sallyport_checks_total")
			basic := "Basic " + "YWxpY2U6eA=="
			for _, headers := range [][]string{{digest("PROPFIND", "/caldav.php/")}, {basic, digest("PROPFIND", "/caldav.php/")},
				{digest("PROPFIND", "/caldav.php/"), basic}, {" " + digest("PROPFIND", "/caldav.php/")}} {
				req, err := http.NewRequestWithContext(t.Context(), "PROPFIND", dav.URL+"/", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header["Authorization"] = headers
				req.Header.Set("Depth", "0")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				said, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || c.refused == (res.StatusCode == http.StatusMultiStatus) && len(headers) == 1 || c.refused && res.StatusCode/100 != 4 {
					t.Errorf("%q: told %d, %v\n%s", headers, res.StatusCode, err, said)
				}
			}
			if got, err := dav.Status(servertest.Login{Name: "admin", Password: adminPassword}, "PROPFIND", "/"); err != nil || got != "401" {
				t.Errorf("the same password with Basic: told %s, %v", got, err)
			}
			var asked float64
			_ = run.Within(run.Patience, func() error { // counting comes after answering
				if asked = s.Metric(t, "sallyport_checks_total") - before; asked < 1 {
					return errors.New("not counted yet")
				}
				return nil
			})
			if asked != 1 {
				t.Errorf("the daemon was asked %v times, want once, for Basic", asked)
			}
		})
	}
}

// digest is the header of somebody who knows the administrator's password.
func digest(method, uri string) string {
	hash := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	const realm = "Calendars and contacts"
	answer := hash(hash("admin:"+realm+":"+adminPassword) + ":n:00000001:c:auth:" + hash(method+":"+uri))
	return fmt.Sprintf(`Digest username="admin", realm="%s", nonce="n", uri="%s", qop=auth, nc=00000001, cnonce="c", response="%s"`, realm, uri, answer)
}

// umlauts: to DAViCal a login is bytes, and must be what the directory says.
func umlauts(t *testing.T, s *servertest.Site, dav davtest.Server) {
	for name, want := range map[string]string{"müller": "200", "m\xfcller": "401", "MÜLLER": "401", "muller": "401"} {
		got, err := dav.Status(servertest.Login{Name: name, Password: s.Person("müller").App}, "GET", item("müller"))
		if err != nil || got != want {
			t.Errorf("%q: told %s, %v, want %s", name, got, err, want)
		}
	}
}

// newPerson has an address of mail, a calendar and an address book; and no name,
// because this machine has no account of that login.
func newPerson(t *testing.T, s *servertest.Site, dav davtest.Server) {
	req, err := http.NewRequestWithContext(t.Context(), "PROPFIND", dav.URL+"/alice/", strings.NewReader(
		`<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:displayname/><c:calendar-user-address-set/></d:prop></d:propfind>`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("alice", s.Person("alice").App)
	req.Header.Set("Depth", "1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mailto:alice@example.org", "/alice/calendar/", "/alice/addresses/", "<displayname/>"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("no %s in %s", want, said)
		}
	}
}

// restartIsWaitedOut: who asks while the daemon is away for a moment is kept
// waiting, and let in.
func restartIsWaitedOut(t *testing.T, s *servertest.Site, dav davtest.Server) {
	answer := make(chan string, 1)
	s.Stop()
	go func() {
		status, err := dav.Status(login(s, "alice"), "GET", item("alice"))
		answer <- fmt.Sprint(status, err)
	}()
	err := run.Within(run.Patience, func() error {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, line := range lines {
			if b, err := os.ReadFile(line); err == nil && strings.HasPrefix(string(b), s.Dir+"/sallyport-check-pipe\x00") {
				return nil
			}
		}
		return fmt.Errorf("nobody asks: %v", err)
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-answer:
		t.Fatalf("told %s before the daemon was back", got)
	default:
	}
	s.Restart()
	if got := <-answer; got != "200<nil>" {
		t.Errorf("told %s", got)
	}
}
