// Package policy says who owes a second factor, and from when.
//
// It is pure: it asks nobody, reads no clock and lets nobody in. It knows
// neither who has enrolled nor what a service asks for: package check does,
// which asks it anew at every check. The main reads the policy from the config;
// the config, and what reports on a roll-out, may import it too.
//
// Decided against: groups that are added up. The first line that fits decides,
// so that one line of the config always answers "why".
package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Policy is who owes a second factor. The zero Policy says: everybody, at once.
type Policy struct {
	// Lines are for groups; the first that fits a person decides.
	Lines []Line
	// Everybody is for those whom no line fits. It has no groups.
	Everybody Line
}

// Line is one line of a policy. At most one of From, Exempt and Machine is set;
// where none is, a second factor is owed at once.
type Line struct {
	// Groups are those that the line is for.
	Groups []string
	// From is the first moment at which a second factor is owed.
	From time.Time
	// Exempt is the written reason why none is owed.
	Exempt string
	// Machine is the written reason why this is no person: there is no second
	// factor, and no password opens what asks for one.
	Machine string
	// Config is where the line stands, as "file:line key".
	Config string
}

// State is what a line means for somebody without a second factor.
type State string

const (
	// Required means that one is owed now.
	Required State = "required"
	// Grace means that one will be owed, and is not yet.
	Grace State = "grace"
	// Exempt means that none is owed.
	Exempt State = "exempt"
	// Machine means that there can be none.
	Machine State = "machine"
)

// For is the line that decides about somebody.
func (p Policy) For(who account.Subject) Line {
	for _, l := range p.Lines {
		if Fits(l.Groups, who.Groups) {
			return l
		}
	}
	return p.Everybody
}

// Fits tells whether somebody in the groups is in one of those wanted. To a
// directory, capitals make no difference.
func Fits(wanted, groups []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		return slices.ContainsFunc(groups, func(g string) bool { return strings.EqualFold(g, w) })
	})
}

// Last is the last of all deadlines, and zero where there is none.
func (p Policy) Last() time.Time {
	last := p.Everybody.deadline()
	for _, l := range p.Lines {
		if d := l.deadline(); d.After(last) {
			last = d
		}
	}
	return last
}

// deadline is From, where it means something.
func (l Line) deadline() time.Time {
	if l.Exempt != "" || l.Machine != "" {
		return time.Time{}
	}
	return l.From
}

// At is what the line means at a moment. A machine is never exempt.
func (l Line) At(now time.Time) State {
	switch {
	case l.Machine != "":
		return Machine
	case l.Exempt != "":
		return Exempt
	case now.Before(l.From):
		return Grace
	default:
		return Required
	}
}

// Left is how many days are left: 1 on the last one, counted by the calendar of
// the deadline's own time zone; 0 when there is no grace.
func (l Line) Left(now time.Time) int {
	if l.At(now) != Grace {
		return 0
	}
	noon := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	}
	return max(1, int(noon(l.From).Sub(noon(now.In(l.From.Location()))).Hours()/24))
}

// Told says in words what the line means at a moment.
func (l Line) Told(now time.Time) string {
	switch l.At(now) {
	case Machine:
		return "none, this is a machine: " + l.Machine
	case Exempt:
		return "no, exempt: " + l.Exempt
	case Grace:
		return fmt.Sprintf("not before %s, %d days left", l.From.Format(time.DateOnly), l.Left(now))
	default:
		if l.From.IsZero() {
			return "yes"
		}
		return "yes, since " + l.From.Format(time.DateOnly)
	}
}

// Day is the first moment of a day in a time zone, also where clocks are moved at
// midnight.
func Day(day time.Time, zone *time.Location) time.Time {
	y, m, d := day.Date()
	number := func(t time.Time) int { return t.Year()*10000 + int(t.Month())*100 + t.Day() }
	wanted := y*10000 + int(m)*100 + d
	low := time.Date(y, m, d, 12, 0, 0, 0, zone).Add(-48 * time.Hour).Unix()
	high := low + 72*3600
	for low < high {
		middle := low + (high-low)/2
		if number(time.Unix(middle, 0).In(zone)) >= wanted {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return time.Unix(low, 0).In(zone)
}
