// Package davtest asks DAV servers as real clients do: vdirsyncer syncs a
// calendar and an address book, curl makes single requests.
//
// It is no DAV client of its own and knows no server's habits. Only the tests of the recipes may import it.
package davtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Server is a DAV server at a URL.
type Server struct {
	// URL is its root, without a slash at the end.
	URL string
	// Calendars and Contacts are where a person's collections are found, with
	// %s for the login; empty means below the root, by discovery.
	Calendars, Contacts string
	// Closes says that the server closes each connection after its answer.
	Closes bool
}

// Status makes one request with curl and returns the status as text. The
// credentials travel over stdin, as they should.
func (s Server) Status(l servertest.Login, method, path string, more ...string) (string, error) {
	args := append([]string{"--silent", "--output", os.DevNull, "--write-out", "%{http_code}", "--max-time", "25",
		"--request", method, "--header", "Depth: 0", "--config", "-"}, more...)
	user := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(l.Name + ":" + l.Password)
	out, err := run.Run(run.Command{Path: "curl", Args: append(args, s.URL+path), Stdin: fmt.Sprintf("basic\nuser = \"%s\"\n", user)})
	if err != nil {
		return "", err
	}
	return out, nil
}

const event = `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//sallyport//test//EN
BEGIN:VEVENT
UID:sallyport-%[1]s
DTSTAMP:20260101T000000Z
DTSTART:20260102T090000Z
DTEND:20260102T100000Z
SUMMARY:Two doors
END:VEVENT
END:VCALENDAR
`

// Event is a calendar entry; what differs in uid is another one.
func Event(uid string) string { return fmt.Sprintf(event, uid) }

const card = `BEGIN:VCARD
VERSION:3.0
UID:sallyport-%[1]s
FN:Alice Sommer
N:Sommer;Alice;;;
END:VCARD
`

// Computer syncs with vdirsyncer as VdirSync does, but who has got through once
// goes on: with one entry more, and without discovery.
func (s Server) Computer(t testing.TB) func(servertest.Login) error {
	synced := map[servertest.Login]string{}
	return func(l servertest.Login) error {
		t.Helper()
		if dir := synced[l]; dir != "" {
			uid := fmt.Sprint(filepath.Base(dir), time.Now().UnixNano())
			run.Write(t, filepath.Join(dir, "cal/calendar", uid+".ics"), Event(uid), 0o600)
			return vdirsyncer(t, dir, "sync")
		}
		dir := t.TempDir()
		err := s.vdirSync(t, dir, l)
		if err == nil {
			synced[l] = dir
		}
		return err
	}
}

// VdirSync makes a calendar and an address book with one entry each on this
// computer and syncs them with vdirsyncer, a new computer each time: discovery,
// then sync. An error means that it did not get through.
func (s Server) VdirSync(t testing.TB, l servertest.Login) error {
	t.Helper()
	return s.vdirSync(t, t.TempDir(), l)
}

func (s Server) vdirSync(t testing.TB, dir string, l servertest.Login) error {
	t.Helper()
	calendars, contacts := s.URL+"/", s.URL+"/"
	if s.Calendars != "" {
		calendars = s.URL + fmt.Sprintf(s.Calendars, l.Name)
	}
	if s.Contacts != "" {
		contacts = s.URL + fmt.Sprintf(s.Contacts, l.Name)
	}
	for kind, text := range map[string]string{"cal/calendar/1.ics": event, "card/contacts/1.vcf": card} {
		run.Write(t, filepath.Join(dir, kind), fmt.Sprintf(text, filepath.Base(dir)), 0o600)
	}
	run.Write(t, dir+"/secret", l.Password, 0o600)
	run.Write(t, dir+"/config", fmt.Sprintf(`[general]
status_path = %[1]q
[pair cal]
a = "cal_here"
b = "cal_there"
collections = ["calendar"]
[storage cal_here]
type = "filesystem"
path = "%[2]s/cal"
fileext = ".ics"
[storage cal_there]
type = "caldav"
url = %[3]q
username = %[5]q
password.fetch = ["command", "cat", "%[2]s/secret"]
[pair card]
a = "card_here"
b = "card_there"
collections = ["contacts"]
[storage card_here]
type = "filesystem"
path = "%[2]s/card"
fileext = ".vcf"
[storage card_there]
type = "carddav"
url = %[4]q
username = %[5]q
password.fetch = ["command", "cat", "%[2]s/secret"]
`, dir+"/status", dir, calendars, contacts, l.Name), 0o600)
	if err := vdirsyncer(t, dir, "discover"); err != nil {
		return err
	}
	return vdirsyncer(t, dir, "sync")
}
