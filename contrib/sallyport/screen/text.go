package screen

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// Clean makes text from people and from the directory safe to print: what
// would steer a terminal, or turn the direction of writing, shows as a question
// mark.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

func cleanAll(in []string) string { return Clean(strings.Join(in, ", ")) }

// or puts a word where there is no text.
func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

const day = 24 * time.Hour

// when tells a time in the words of a phone call.
func (s *Screen) when(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	d := s.Now().Sub(at)
	switch {
	case d < -time.Minute:
		return "in " + span(-d)
	case d < time.Minute:
		return "just now"
	default:
		return span(d) + " ago"
	}
}

// span rounds to the one unit that matters.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return plural(int(d/time.Second), "second")
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < day:
		return plural(int(d/time.Hour), "hour")
	default:
		return plural(int(d/day), "day")
	}
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// local is a time of day on this machine.
func local(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format("2006-01-02 15:04")
}

// date is a day on this machine.
func date(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format(time.DateOnly)
}

// clock is the time of day, and the day where that is not today's.
func (s *Screen) clock(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	if date(at) != date(s.Now()) {
		return local(at)
	}
	return at.Local().Format("15:04")
}

const (
	bold  = "\x1b[1m"
	red   = "\x1b[1;31m"
	plain = "\x1b[0m"
)

// strong makes words stand out, where there are colours.
func (s *Screen) strong(words string) string {
	if !s.Colour {
		return words
	}
	return bold + words + plain
}

// alarming makes words stand out in red, where there are colours.
func (s *Screen) alarming(words string) string {
	if !s.Colour {
		return words
	}
	return red + words + plain
}

// further is how far what did not fit on a line is moved in.
const further = 6

// Fold breaks lines at a blank so that they fit the width; 0 breaks none. A word
// that is longer than that stays whole, so that it can be copied.
func Fold(text string, width int) string {
	if width <= further {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		rest, indent := strings.TrimRight(line, " \n"), ""
		end := line[len(strings.TrimRight(line, "\n")):]
		for seen(indent+rest) > width {
			at := breakAt(rest, width-len(indent))
			if at < 0 {
				break
			}
			b.WriteString(indent + strings.TrimRight(rest[:at], " ") + "\n")
			rest, indent = strings.TrimLeft(rest[at:], " "), strings.Repeat(" ", further)
		}
		b.WriteString(indent + rest + end)
	}
	return b.String()
}

// breakAt is the last blank before which at most room characters stand, or else
// the first one behind words; -1 if there is none.
func breakAt(line string, room int) int {
	best, n := -1, 0
	begun := false
	for i, r := range line {
		if r == ' ' && begun && (n <= room || best < 0) {
			best = i
		}
		begun = begun || r != ' '
		if n++; n > room && best >= 0 {
			break
		}
	}
	return best
}

// seen is how many columns a line takes, as far as letters go; what colours it
// takes none.
func seen(line string) int {
	for _, code := range []string{bold, red, plain} {
		line = strings.ReplaceAll(line, code, "")
	}
	return utf8.RuneCountInString(line)
}

// reason says a word of the closed list in a desk's own: other than the
// person, an operator may know what was really wrong.
func reason(r account.Reason) string {
	switch r {
	case account.OK:
		return "let in"
	case account.BadCredentials:
		return "wrong normal password"
	case account.UnknownUser:
		return "no such login in the directory"
	case account.AccountDisabled:
		return "account switched off in the directory"
	case account.AccountLockedByDirectory:
		return "locked by the directory, or password expired"
	case account.CodeRequired:
		return "password right, code missing"
	case account.CodeWrong:
		return "password right, code wrong"
	case account.CodeUsed:
		return "password right, code used before"
	case account.EnrollRequired:
		return "password right, not set up yet"
	case account.AppPasswordRequired:
		return "not an app password, and only that helps here"
	case account.AppPasswordTypo:
		return "app password mistyped"
	case account.AppPasswordRevoked:
		return "app password was revoked"
	case account.AppPasswordExpired:
		return "app password has expired"
	case account.WrongService:
		return "app password is for another service"
	case account.WrongSpelling:
		return "all right but the spelling of the login"
	case account.Throttled:
		return "too many tries, has to wait"
	default:
		return outage(r)
	}
}

func outage(r account.Reason) string {
	switch r {
	case account.Vetoed:
		return "a hook said no"
	case account.DirectoryUnavailable:
		return "outage: the directory did not answer"
	case account.StoreUnavailable:
		return "outage: the store did not answer"
	case account.PluginUnavailable:
		return "outage: a factor plugin did not answer"
	case account.ClockUnsafe:
		return "outage: the daemon's clock cannot be trusted"
	case account.Malformed:
		return "the request could not be read"
	case account.NotAllowed:
		return "that program may not ask for this service"
	default:
		return Clean(string(r))
	}
}

// what tells an event in one line, without its time.
func what(e api.Event) string {
	var b strings.Builder
	switch e.Act {
	case account.ActCheck:
		fmt.Fprintf(&b, "%s: %s", or(e.Service, "login"), reason(e.Reason))
	case account.ActAlarm:
		b.WriteString("ALARM")
	default:
		b.WriteString(strings.ReplaceAll(string(e.Act), "_", " "))
		if e.Factor != "" {
			fmt.Fprintf(&b, " %s", e.Factor)
		}
		if e.Label != "" {
			fmt.Fprintf(&b, " %q", e.Label)
		}
	}
	if e.Count > 1 {
		fmt.Fprintf(&b, " (%d times)", e.Count)
	}
	if e.Address != "" {
		fmt.Fprintf(&b, ", from %s", e.Address)
	}
	if e.Agent != "" {
		fmt.Fprintf(&b, " (%s)", e.Agent)
	}
	if e.Note != "" {
		fmt.Fprintf(&b, ", note: %s", e.Note)
	}
	if e.Ticket != "" {
		fmt.Fprintf(&b, ", ticket %s", e.Ticket)
	}
	return Clean(b.String())
}

// Record is a record in one line, for a list to choose from.
func (s *Screen) Record(r api.Record) string {
	return Clean(fmt.Sprintf("%s, made %s, last used %s", or(r.Label, r.ID), date(r.Created), s.lastUse(r)))
}
