package look

import "strings"

// Button copies what is in the element Of. It shows itself only where a browser
// can do that.
type Button struct{ Of, Say, Name, Done, Failed string }

// Copy makes the button for an element; what tells screen readers which of
// several it is.
func (p Page) Copy(of string, what ...string) Button {
	name := p.T("copy")
	if len(what) > 0 {
		name = p.T("copy.of", "what", strings.Join(what, " "))
	}
	return Button{Of: of, Say: p.T("copy"), Name: name, Done: p.T("copy.done"), Failed: p.T("copy.failed")}
}

// Parts are the groups of a code, each with its dash: a line may break after it.
func (p Page) Parts(code string) []string { return strings.SplitAfter(code, "-") }
