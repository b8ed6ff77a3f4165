// Package screen prints the daemon's answers for people: plain text, one
// screen, readable aloud on the phone, safe whatever somebody called their
// device.
//
// It is not a client and decides nothing; only contrib/sallyport uses it.
package screen

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sallyport/sallyport/contrib/sallyport/spell"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

const columnGap = 2

// Screen prints to Out, in the words of a phone call.
type Screen struct {
	Out io.Writer
	// Now tells the time, for "3 minutes ago".
	Now func() time.Time
	// Width is that of the terminal, where Out is one; 0 means that lines may be as
	// long as they are.
	Width int
	// Colour says that titles and what is in the way may stand out.
	Colour bool
}

// table aligns columns; the first row is the heading.
func (s *Screen) table(rows [][]string) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, columnGap, ' ', 0)
	for _, r := range rows {
		for i, cell := range r {
			r[i] = Clean(cell)
		}
		fmt.Fprintln(w, "  "+strings.Join(r, "\t"))
	}
	_ = w.Flush() // a Builder takes everything
	s.printf("%s", b.String())
}

// printf prints lines that fit the terminal.
func (s *Screen) printf(format string, args ...any) {
	fmt.Fprint(s.Out, Fold(fmt.Sprintf(format, args...), s.Width))
}

// title begins a part of a screen.
func (s *Screen) title(words string) { s.printf("\n%s\n", s.strong(words)) }

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "DOWN"
}

func okNot(ok bool, note string) string {
	word := "ok"
	if !ok {
		word = "NOT OK"
	}
	if note != "" {
		word += ", " + note
	}
	return word
}

// Status shows the daemon on one screen.
func (s *Screen) Status(d api.Status) {
	word := "all well"
	if !d.Healthy() {
		word = "TROUBLE, see below"
	}
	s.printf("sallyportd %s: %s, running for %s\n\n", Clean(d.Version), word, span(d.Now.Sub(d.Started)))
	rows := [][]string{}
	for _, v := range d.Directory {
		line := upDown(v.Up)
		if !v.Since.IsZero() {
			line += " since " + local(v.Since)
		}
		if v.Note != "" {
			line += ", " + v.Note
		}
		rows = append(rows, []string{"directory", v.URL, line})
	}
	for _, p := range d.Plugins {
		line := upDown(p.Up)
		if p.PID > 0 {
			line += fmt.Sprintf(", pid %d", p.PID)
		}
		line += ", restarted " + plural(p.Restarts, "time")
		if p.Unjailed {
			line += ", without a jail"
		}
		rows = append(rows, []string{"plugin", p.Kind, line})
	}
	rows = append(rows,
		[]string{"store", or(d.Store.Kind, "-"), okNot(d.Store.OK, d.Store.Note) + fmt.Sprintf(", %d KiB, %d audited events",
			d.Store.Bytes>>10, d.Store.AuditSeq)},
		[]string{"clock", "-", okNot(d.Clock.OK, d.Clock.Note)},
		[]string{"config", "-", or(d.Config.Note, "as at the start")})
	for _, l := range d.Listeners {
		rows = append(rows, []string{"socket", l.Protocol, l.Address})
	}
	if d.Page != "" {
		rows = append(rows, []string{"page", "-", d.Page})
	}
	s.table(rows)
	s.printf("\nEnrollment: %s with any record\n", people(d.Enrollment.Subjects))
	kinds := make([]string, 0, len(d.Enrollment.Records))
	for kind := range d.Enrollment.Records {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	rows = rows[:0]
	for _, kind := range kinds {
		rows = append(rows, []string{kind, fmt.Sprint(d.Enrollment.Records[kind])})
	}
	s.table(rows)
	s.policy(d.Enrollment.Policy)
}

// policy tells of the people who tried lately, and says that there are others.
func (s *Screen) policy(counted map[string]int) {
	var rows [][]string
	for _, p := range [][2]string{{"required", "owe a second factor"}, {"grace", "will owe one"}, {"exempt", "owe none"}, {"machine", "are machines"},
		{"bridge", "still use the normal password in a program"}} {
		if n := counted[p[0]]; n > 0 {
			rows = append(rows, []string{fmt.Sprint(n), p[1]})
		}
	}
	if len(rows) > 0 {
		s.printf("\nPolicy, of those who tried to log in during the last 24 hours (others are not known here):\n")
		s.table(rows)
	}
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// Person shows how somebody stands.
func (s *Screen) Person(p api.Person) {
	s.printf("%s  %s  %s\n\n", Clean(p.Name), Clean(p.DisplayName), Clean(p.Mail))
	account := p.Fitness
	if !p.FactsAsOf.IsZero() {
		account += " (directory asked " + s.when(p.FactsAsOf) + ")"
	}
	rows := [][]string{{"account", account}}
	if !p.PasswordChanged.IsZero() {
		rows = append(rows, []string{"password", "changed " + s.when(p.PasswordChanged)})
	}
	if len(p.Groups) > 0 {
		rows = append(rows, []string{"groups", cleanAll(p.Groups)})
	}
	rows = append(rows, []string{"set-up", setUp(p)}, []string{"id", string(p.ID)})
	s.table(rows)
	s.showRecords("Devices", p.Records, func(r api.Record) bool { return r.Factor != "app-password" && r.Factor != "recovery" })
	s.showRecords("App passwords", p.Records, func(r api.Record) bool { return r.Factor == "app-password" })
	if n, has := codesLeft(p.Records); has {
		s.printf("\nEmergency codes: %d left\n", n)
	}
	if p.SupportCode != nil {
		s.printf("\nCode from support: %s\n", s.became(*p.SupportCode))
	}
	s.title("Last tries")
	rows = rows[:0]
	for _, e := range p.Tries {
		rows = append(rows, []string{local(e.At), s.when(e.At), what(e)})
	}
	if len(rows) == 0 {
		rows = [][]string{{"none"}}
	}
	s.table(rows)
	for _, b := range p.Blocks {
		s.printf("\n"+s.alarming("BLOCKED")+": %s, after %d wrong tries, until %s (%s)\n", Clean(b.What), b.Tries, local(b.Until), s.when(b.Until))
	}
	s.title("What to do next")
	s.printf("  %s\n", Clean(p.Advice))
}

// became tells what became of a code from support.
func (s *Screen) became(c api.SupportCode) string {
	switch c.State {
	case "used":
		text := "used at " + s.clock(c.Used)
		if c.From != "" {
			text += " from " + c.From
		}
		if c.Service != "" {
			text += ", " + c.Service
		}
		return Clean(text)
	case "expired":
		return "not used, ended at " + s.clock(c.Expires)
	default:
		return "not used, ends at " + s.clock(c.Expires)
	}
}

func setUp(p api.Person) string {
	for _, r := range p.Records {
		if r.State == "active" && r.Factor != "app-password" && r.Factor != "recovery" {
			return "done"
		}
	}
	if p.InviteRequired {
		return "waiting for the person, who needs the invite code"
	}
	if n, _ := codesLeft(p.Records); n > 0 {
		return "no phone, emergency codes only"
	}
	return "not done"
}

func codesLeft(records []api.Record) (n int, has bool) {
	for _, r := range records {
		if r.Factor == "recovery" && r.State == "active" && r.UsesLeft != nil {
			n, has = n+*r.UsesLeft, true
		}
	}
	return n, has
}

func (s *Screen) showRecords(title string, records []api.Record, mine func(api.Record) bool) {
	s.title(title)
	rows := [][]string{{"ID", "NAME", "STATE", "MADE", "LAST USED"}}
	for _, r := range records {
		if mine(r) {
			rows = append(rows, []string{r.ID, or(r.Label, "-") + on(r, records), r.State, local(r.Created), s.lastUse(r)})
		}
	}
	switch {
	case len(rows) == 1:
		s.table([][]string{{"none"}})
	case s.Width > 0 && s.Width < wide:
		// The ids alone would take half of it.
		for _, r := range rows[1:] {
			s.printf("  %s\n", Clean(fmt.Sprintf("%s, %s, made %s", r[1], r[2], r[3])))
			s.printf("      last used %s\n      id %s\n", Clean(r[4]), Clean(r[0]))
		}
	default:
		s.table(rows)
	}
}

// wide is a terminal that takes a table of records as it is.
const wide = 132

// lastUse tells when, where and by which program a record was last used.
func (s *Screen) lastUse(r api.Record) string {
	used := s.when(r.LastUsed)
	if r.LastService != "" {
		used += ", " + r.LastService
	}
	if r.LastFrom != "" {
		used += ", from " + r.LastFrom
	}
	if r.LastAgent != "" {
		used += " (" + r.LastAgent + ")"
	}
	return used
}

// on says which phone an app password is on, as the person called it.
func on(r api.Record, records []api.Record) string {
	for _, phone := range records {
		if phone.ID == r.Device && r.Device != "" {
			return ", on " + or(phone.Label, phone.ID)
		}
	}
	return ""
}

// Done shows what was done to the person of that name.
func (s *Screen) Done(name string, d api.Done) {
	name = Clean(name)
	switch d.Done {
	case "reset":
		s.printf("Done: %s of %s removed, all sessions ended.\n\n", plural(d.Removed, "record"), name)
		s.printf("  Invite code:  %s\n  Good until:   %s (%s), once\n\n", Clean(d.Invite), local(d.Expires), s.when(d.Expires))
		s.printf("Tell it only to %s in person, and only now: it is not shown again.\n", name)
		s.printf("At the next sign-in the page asks for the normal password and this code.\n")
	case "code":
		s.code(name, d)
	case "revoke":
		s.printf("Done: %s of %s revoked. Programs that use them are refused from now on.\n", plural(d.Removed, "record"), name)
	case "app-password":
		s.printf("Done: %s has a new app password, %s.\n\n  App password:  %s\n\n", name, Clean(d.Record), Clean(d.AppPassword))
		s.printf("Enter it on the device now: it is not shown again.\n")
	case "unlock":
		s.printf("Done: %s may try again at once.\n", name)
	default:
		s.printf("Done: all sessions of %s have ended.\n", name)
	}
}

// code shows a one-time code as it is read out.
func (s *Screen) code(name string, d api.Done) {
	s.printf("Done: a code for %s, good once and until %s (%s).\n\n", name, s.clock(d.Expires), s.when(d.Expires))
	s.printf("    %s\n\n", s.strong(Clean(d.Code)))
	for _, language := range []struct {
		name string
		say  func(string) []string
	}{{"Deutsch", spell.German}, {"English", spell.English}} {
		lead := language.name + ":"
		for group := range strings.SplitSeq(d.Code, "-") {
			s.printf("  %-9s %s\n", lead, Clean(strings.Join(language.say(group), " - ")))
			lead = ""
		}
	}
	s.printf("\nRead it out to %s in person, and only now: it is not shown again. At the page\n", name)
	s.printf("they type the normal password, choose the emergency code, and type this one\n")
	s.printf("there. Capitals and dashes make no difference. Nothing that is set up ends.\n")
}

// Explanation shows the walk through a decision.
func (s *Screen) Explanation(e api.Explanation) {
	s.printf("%s at %s\n\n", Clean(e.Name), Clean(e.Service))
	for i, step := range e.Steps {
		s.printf("%2d. %s  %s\n", i+1, Clean(step.Asked), Clean(step.Answer))
		if step.Config != "" {
			s.printf("      decided by %s\n", Clean(step.Config))
		}
		if step.Stops {
			s.printf("      nothing after this is looked at\n")
		}
	}
}

// Tried shows the verdict on a login that was tried.
func (s *Screen) Tried(service string, r api.Tried) {
	switch r.Verdict {
	case "accept":
		s.printf("accept: %s may use %s (%s)\n", Clean(r.Name), Clean(service), cleanAll(r.Factors))
		return
	case "deny":
		s.printf("deny: %s (%s)\n", reason(r.Reason), Clean(string(r.Reason)))
	default:
		s.printf("unavailable: %s (%s)\n", reason(r.Reason), Clean(string(r.Reason)))
	}
	if d := time.Duration(r.DriftSeconds) * time.Second; d != 0 {
		word := "fast"
		if d < 0 {
			word = "slow"
		}
		s.printf("The person's clock is about %s %s.\n", span(d.Abs()), word)
	}
	if r.RetryAfter > 0 {
		s.printf("Try again in %s.\n", span(time.Duration(r.RetryAfter)*time.Second))
	}
}

// Audit shows events, oldest first.
func (s *Screen) Audit(a api.Audit) {
	if len(a.Events) == 0 {
		s.printf("No events.\n")
		return
	}
	rows := [][]string{{"NO", "TIME", "WHO", "BY", "WHAT"}}
	for _, e := range a.Events {
		rows = append(rows, []string{fmt.Sprint(e.Seq), local(e.At), or(e.Name, "-"), or(e.Actor, "-"), what(e)})
	}
	s.table(rows)
}

// Report shows the result of checking the audit.
func (s *Screen) Report(r api.AuditReport) {
	if r.OK {
		s.printf("The audit is whole: %d events, number %d to %d.\n", r.Events, r.First, r.Last)
	} else {
		s.printf("THE AUDIT IS NOT WHOLE: %s\n", Clean(r.Problem))
	}
	if r.Head != "" {
		s.printf("Newest link: %s\n", Clean(r.Head))
	}
	switch {
	case r.Anchors > 0:
		s.printf("Anchors that agree: %d, the newest of event %d, at %s.\n", r.Anchors, r.AnchoredEvent, local(r.AnchoredAt))
	case r.OK:
		s.printf("There was no anchor that it could be compared with.\n")
	}
	if r.AnchorsOlder > 0 {
		s.printf("Anchors from before the audit begins: %d.\n", r.AnchorsOlder)
	}
	if r.AnchorsRestored > 0 {
		s.printf("Anchors of a copy that a restore has replaced: %d.\n", r.AnchorsRestored)
	}
}
