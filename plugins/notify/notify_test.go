package notify

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/notify/letter"
	"github.com/sallyport/sallyport/plugins/notify/post"
)

// desk is a hook with a mail server that does what it is told.
type desk struct {
	*Hook
	sent   []post.Mail
	answer error
	clock  time.Time
	log    strings.Builder
	seq    int64
}

func (d *desk) Send(_ context.Context, m post.Mail) error {
	if d.answer == nil {
		d.sent = append(d.sent, m)
	}
	return d.answer
}

func newDesk() *desk {
	d := &desk{clock: time.Date(2026, 7, 3, 12, 0, 0, 0, time.UTC)}
	d.Hook = New(func() time.Time { return d.clock }, &d.log)
	words, err := letter.Load("", false)
	if err != nil {
		panic(err) // our own texts
	}
	d.cfg = &config{
		sender: d, from: mail.Address{Name: "Uni", Address: "noreply@example.org"}, maxAge: usualAge,
		desk: letter.Desk{Operator: "Uni", Phone: "112", Languages: []letter.Language{letter.English}, Zone: time.UTC, Words: words},
	}
	return d
}

// tell lets alice's act happen now, and returns how many mails that made.
func (d *desk) tell(t *testing.T, e hook.Event) (int, error) {
	t.Helper()
	d.seq++
	e.Seq = d.seq
	if e.At.IsZero() {
		e.At = d.clock
	}
	if e.Subject == "" {
		e.Subject = "id-alice"
	}
	if e.Mail == "" {
		e.Mail = "alice@example.org"
	}
	e.Name, e.DisplayName = "alice", "Alice Example"
	before := len(d.sent)
	err := d.After(t.Context(), e)
	return len(d.sent) - before, err
}

func (d *desk) want(t *testing.T, n int, e hook.Event) {
	t.Helper()
	if got, err := d.tell(t, e); got != n || err != nil {
		t.Errorf("%s %s: %d mails, %v; want %d", e.Act, e.Reason, got, err, n)
	}
}

func TestWhichActsAreTold(t *testing.T) {
	support := "helen(1001)"
	for _, c := range []struct {
		act, actor, factor, reason string
		want                       string
	}{
		{"enroll", "user", "totp", "ok", "Authenticator app set up"},
		{"add", "user", "totp", "ok", "One more phone connected"},
		{"replace", "user", "totp", "ok", "Phone replaced"},
		{"issue", "user", "app-password", "ok", "New app password"},
		{"issue", "user", "recovery", "ok", "New emergency codes"},
		{"revoke", support, "app-password", "ok", "App password removed"},
		{"revoke", "user", "app-password", "ok", ""},
		{"revoke", "user", "totp", "ok", "Phone removed"},
		{"revoke", support, "totp", "ok", "Phone removed"},
		{"reset", support, "", "ok", "Sign-in reset by support"},
		{"code", support, "recovery", "ok", "Unlock code from support"},
		{"refuse", support, "", "not_allowed", ""},
		{"new_network", "user", "", "ok", "Sign-in from a new network"},
		{"new_network", support, "", "ok", ""},
		{"check", "user", "totp", "code_wrong", "Your normal password with a wrong code"},
		{"check", "user", "totp", "code_used", "Your normal password with a wrong code"},
		{"check", "user", "invite", "code_wrong", "Your normal password with a wrong code"},
		{"check", support, "totp", "code_wrong", ""},
		{"check", "user", "totp", "ok", ""},
		{"check", "user", "", "bad_credentials", ""},
		{"rename", "user", "app-password", "ok", ""},
		{"unlock", support, "", "ok", ""},
		{"sign_out", support, "", "ok", ""},
		{"alarm", "daemon", "", "", ""},
		{"", "", "", "", ""},
	} {
		d := newDesk()
		_, err := d.tell(t, hook.Event{Act: c.act, Actor: c.actor, Factor: c.factor, Reason: c.reason})
		got := ""
		if len(d.sent) > 0 {
			got = d.sent[0].Subject
		}
		if got != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	d := newDesk()
	if err := d.After(t.Context(), hook.Event{Seq: 1, Act: "reset", At: d.clock, Mail: "alice@example.org"}); err != nil || len(d.sent) > 0 {
		t.Errorf("an act about nobody made %d mails, %v", len(d.sent), err)
	}
}

// Who has a language in the directory is written to in that; all others as the
// operator says.
func TestMailInTheLanguageOfThePerson(t *testing.T) {
	for wanted, subject := range map[string]string{
		"": "Neues App-Passwort / New app password", "de-DE": "Neues App-Passwort", "fr, en;q=0.2": "New app password", "fr": "Neues App-Passwort / New app password",
	} {
		d := newDesk()
		d.cfg.desk.Languages = []letter.Language{letter.German, letter.English}
		d.want(t, 1, hook.Event{Act: "issue", Actor: "user", Factor: "app-password", Language: wanted})
		d.want(t, 1, hook.Event{Act: "issue", Actor: "user", Factor: "app-password"})
		if d.sent[0].Subject != subject || d.sent[1].Subject != "Neues App-Passwort / New app password" {
			t.Errorf("%q: %q, and the next %q", wanted, d.sent[0].Subject, d.sent[1].Subject)
		}
	}
}

// At most one mail a person and day says that somebody has the password.
func TestWrongCodesAreToldOnceADay(t *testing.T) {
	d := newDesk()
	wrong := hook.Event{Act: "check", Actor: "user", Reason: "code_wrong"}
	d.want(t, 1, wrong)
	for range 30 {
		d.clock = d.clock.Add(40 * time.Minute)
		wrong.Address = fmt.Sprintf("192.0.2.%d", d.seq)
		d.want(t, 0, wrong)
	}
	other := wrong
	other.Subject = "id-bert"
	d.want(t, 1, other)
	d.clock = d.clock.Add(4 * time.Hour)
	d.want(t, 1, wrong)
	// A clock that was put back hides nothing.
	d.clock = d.clock.Add(-48 * time.Hour)
	d.want(t, 1, wrong)
}

func TestWhatHappensInOneGoIsOneMail(t *testing.T) {
	d := newDesk()
	for i := range 50 {
		d.want(t, map[bool]int{true: 1}[i == 0], hook.Event{Act: "revoke", Actor: "helen(1001)", Factor: "app-password"})
	}
	d.want(t, 1, hook.Event{Act: "enroll", Actor: "user", Factor: "totp"})
	d.want(t, 0, hook.Event{Act: "issue", Actor: "user", Factor: "recovery"})
	d.clock = d.clock.Add(time.Hour)
	d.want(t, 1, hook.Event{Act: "issue", Actor: "user", Factor: "recovery"})
	for _, act := range []string{"replace", "add"} {
		d.clock = d.clock.Add(time.Hour)
		d.want(t, 1, hook.Event{Act: act, Actor: "user", Factor: "totp"})
		d.want(t, 0, hook.Event{Act: "issue", Actor: "user", Factor: "recovery"})
	}
	// App passwords are told each: one of many may be a stranger's.
	for range 3 {
		d.want(t, 1, hook.Event{Act: "issue", Actor: "user", Factor: "app-password"})
	}
	for i, network := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2"} {
		d.want(t, 1-i%2, hook.Event{Act: "new_network", Actor: "user", Address: network})
	}
	// Where somebody has just set up the app is no news on the first day.
	bert := func(act, address string) hook.Event {
		return hook.Event{Act: act, Actor: "user", Subject: "id-bert", Address: address}
	}
	d.want(t, 1, bert("enroll", "192.0.2.3"))
	d.want(t, 0, bert("new_network", "192.0.2.3"))
	d.want(t, 1, bert("new_network", "192.0.2.4"))
	d.clock = d.clock.Add(25 * time.Hour)
	d.want(t, 1, bert("new_network", "192.0.2.3"))
}

// What is remembered is bounded, and forgetting means a mail more.
func TestMemoryIsBounded(t *testing.T) {
	d := newDesk()
	for i := range 2*maxMemory + 10 {
		e := hook.Event{Seq: int64(i), Act: "check", Actor: "user", Reason: "code_wrong", At: d.clock, Subject: fmt.Sprint(i), Mail: "a@example.org"}
		if err := d.After(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.told) > maxMemory {
		t.Errorf("%d are remembered", len(d.told))
	}
	if len(d.sent) != 2*maxMemory+10 {
		t.Errorf("%d mails", len(d.sent))
	}
}

// Whoever has no address is passed over at once, and the log says how many.
func TestNoAddress(t *testing.T) {
	d := newDesk()
	for _, address := range []string{" ", "alice", "a@example.org\r\nBcc: b@example.org"} {
		d.want(t, 0, hook.Event{Act: "reset", Actor: "helen(1001)", Mail: address})
	}
	d.want(t, 1, hook.Event{Act: "reset", Actor: "helen(1001)"})
	if got := d.log.String(); strings.Count(got, "\n") != 3 || !strings.Contains(got, "that makes 3 since the start") || strings.Contains(got, "alice") {
		t.Errorf("the log says %q", got)
	}
}

// A new hook hears of everything that ever happened, and writes of none of it.
func TestOldActsAreNoNews(t *testing.T) {
	d := newDesk()
	for range 100 {
		d.want(t, 0, hook.Event{Act: "reset", Actor: "helen(1001)", At: d.clock.Add(-usualAge - time.Second)})
	}
	d.want(t, 1, hook.Event{Act: "reset", Actor: "helen(1001)", At: d.clock.Add(-usualAge)})
	if got := d.log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "max_age (72h0m0s)") {
		t.Errorf("the log says %q", got)
	}
}

// What concerns all mail is an error, so that the act comes again; a recipient
// that is refused for good is passed over, and holds up nobody.
func TestAServerThatIsAway(t *testing.T) {
	d := newDesk()
	reset := hook.Event{Act: "reset", Actor: "helen(1001)"}
	d.answer = errors.New("connection refused")
	for range 1000 {
		d.clock = d.clock.Add(time.Minute)
		reset.At = d.clock.Add(-71 * time.Hour)
		if _, err := d.tell(t, reset); err == nil {
			t.Fatal("a mail was given up while the server is away")
		}
	}
	d.answer = fmt.Errorf("%w: 550 5.1.1", post.ErrRefused)
	d.want(t, 0, reset)
	if got := d.log.String(); !strings.Contains(got, "passed over") || !strings.Contains(got, "550 5.1.1") {
		t.Errorf("the log says %q", got)
	}
	d.answer = nil
	d.want(t, 1, reset)
}

// A recipient that may be at fault has 15 minutes; the next one without a mail
// that was taken in between twice that: then it rather is the server.
func TestDoubt(t *testing.T) {
	d := newDesk()
	until := func() time.Duration {
		begun := d.clock
		d.seq++
		e := hook.Event{Seq: d.seq, Act: "reset", Actor: "helen(1001)", At: d.clock, Subject: "id", Mail: "a@example.org"}
		for range 24 * 60 {
			if d.After(t.Context(), e) == nil {
				break
			}
			d.clock = d.clock.Add(time.Minute)
		}
		return d.clock.Sub(begun)
	}
	d.answer = fmt.Errorf("%w: 452 4.2.2", post.ErrDoubtful)
	for _, want := range []time.Duration{doubt, 2 * doubt, 4 * doubt} {
		if got := until(); got != want {
			t.Errorf("tried for %s, want %s", got, want)
		}
	}
	d.answer = nil
	if got := until(); got != 0 || len(d.sent) != 1 {
		t.Errorf("not sent for %s", got)
	}
	d.answer = post.ErrDoubtful
	if got := until(); got != doubt {
		t.Errorf("tried for %s after a mail was taken", got)
	}
}

// The same act is the same mail, so that one that arrives twice can be known.
func TestMessageID(t *testing.T) {
	d := newDesk()
	e := hook.Event{Seq: 7, Act: "reset", Actor: "helen(1001)", At: d.clock, Subject: "id", Mail: "a@example.org"}
	for range 2 {
		if err := d.After(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	e.Seq++
	if err := d.After(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	a, b, c := d.sent[0].ID, d.sent[1].ID, d.sent[2].ID
	if a != b || a == c || !strings.HasPrefix(a, "sallyport.7.") || !strings.HasSuffix(a, "@example.org") {
		t.Errorf("%s, %s, %s", a, b, c)
	}
}

// Nobody waits at a login for mail.
func TestBeforeNeverObjects(t *testing.T) {
	if v, err := New(time.Now, nil).Before(t.Context(), hook.Attempt{Name: "alice"}); v.Refuse || err != nil {
		t.Errorf("%+v, %v", v, err)
	}
	if err := New(time.Now, nil).After(t.Context(), hook.Event{Seq: 1, Act: "reset", Subject: "id"}); err == nil {
		t.Error("an act was taken before there were settings")
	}
}
