package look

import (
	"slices"

	"github.com/sallyport/sallyport/enrollweb/round"
)

// Tour is where somebody is who connects one device after the other.
type Tour struct {
	round.Round
	// At is the step, counted from 1; 0 outside a tour.
	At int
	// Again says that the step gets a new app password in place of its old one.
	Again bool
	// Choices are the devices to tick before it begins.
	Choices []round.Choice
}

// Chosen are the choices that were seen lately, or those that were not.
func (t Tour) Chosen(seen bool) []round.Choice {
	return slices.DeleteFunc(slices.Clone(t.Choices), func(c round.Choice) bool { return c.Seen != seen })
}

// Next is the address of the step after this one that still has to be made.
func (t Tour) Next() string { return round.At(t.After(t.At)) }

// Here is the address of this step.
func (t Tour) Here() string { return round.At(t.At) }

// Redo is the address where this step gets a new app password.
func (t Tour) Redo() string { return round.At(t.At) + "&again=1" }

// Link is the address of the step with the index i, counted from 0.
func (t Tour) Link(i int) string { return round.At(i + 1) }

// Computer tells whether a step's device is surely none of the phones.
func (t Tour) Computer() bool {
	return t.Has(t.At) && slices.Contains([]string{"mac", "thunderbird", "outlook"}, t.Steps[t.At-1].Kind)
}

// StepName is a step in words.
func (p Page) StepName(s round.Step) string {
	if s.Name != "" {
		return s.Name
	}
	return p.T("program." + s.Kind)
}

// Place says which device of how many this page is about.
func (p Page) Place() string {
	return p.T("round.place", "n", p.Tour.At, "of", len(p.Tour.Steps), "name", p.StepName(p.Tour.Steps[p.Tour.At-1]))
}

// NextPlace names the way to the next device, or to the end.
func (p Page) NextPlace() string {
	n := p.Tour.After(p.Tour.At)
	if !p.Tour.Has(n) {
		return p.T("round.end")
	}
	return p.T("round.next", "n", n, "of", len(p.Tour.Steps))
}

// StepLabel is the name that a step's app password was given, or the step in
// words where it has none.
func (p Page) StepLabel(s round.Step) string {
	for _, r := range p.View.AppPasswords {
		if r.ID == s.Record {
			return r.Label
		}
	}
	return p.StepName(s)
}

// StepState says how far a step is.
func (p Page) StepState(s round.Step) string {
	for _, r := range p.View.AppPasswords {
		switch {
		case r.ID != s.Record:
		case r.LastUsed.IsZero():
			return p.T("round.waiting")
		default:
			return p.T("round.synced", "when", p.LastUsed(r))
		}
	}
	return p.T("round.open")
}
