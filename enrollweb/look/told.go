package look

import "github.com/sallyport/sallyport/daemon/account"

// Told is what became of a try, or of an app password that was never tried, which
// has no reason then.
type Told struct {
	account.Event
	// Label is the app password that was used, or empty.
	Label string
}

// Works tells whether the try was good.
func (t Told) Works() bool { return t.Reason == account.OK }

// Watch is the page that looks on while somebody tries again.
type Watch struct {
	// On says that it looks again by itself.
	On bool
	// Since is when it began, in seconds of Unix; 0 where it has not.
	Since int64
	// At is the address to look at, where that is not the page's own.
	At   string
	Seen []Told
}

// line is a Told in words. Nothing in it was typed by somebody who tried.
type line struct {
	Name, Place, Why, Next string
	// A try is good, or it went wrong, or there was none.
	Good, Wrong bool
}

// Tell says whose try it was, when and from where, why it ended as it did, and
// what to do.
func (p Page) Tell(t Told) line {
	l := line{Name: t.Label, Why: p.T("try.never"), Next: p.T("try.never_do"), Good: t.Works(), Wrong: t.Reason != "" && !t.Works()}
	if l.Name == "" {
		// Several of them are told apart by their programs, so those come first.
		l.Name = p.T("tries.unnamed")
		if program := p.program(t.Agent); program != "" {
			l.Name, t.Agent = p.T("tries.program", "program", program), ""
		}
	}
	if t.Reason == "" {
		return l
	}
	l.Place = p.Strayed(t.Event)
	if t.Count > 1 {
		l.Place += dot + p.Count("tries.times", t.Count)
	}
	with := []any{"name", p.View.Subject.Name, "service", p.ServiceName(t.Service)}
	l.Why, l.Next = p.T("try.why."+string(t.Reason), with...), p.T("try.do."+string(t.Reason), with...)
	return l
}
