package codes

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/enrollweb/visit"
)

// What a form may hold is more than any sheet has.
const (
	maxCodes = 32
	maxCode  = 64
)

// lineLength is how many letters a line of the file has at most: editors that
// open text files do not break lines by themselves.
const lineLength = 72

// file gives the sheet as a text file. The codes come back from the page that
// shows them: the daemon has not kept them, and they are in no address.
//
// Decided against: a link that holds the whole file in its address. It would ask
// for nothing, but browsers write the addresses of downloads into their history.
//
// Decided against, too: asking first whether the session is still good. The file
// says nothing that the form does not, and any answer but the file would take the
// place of the page, with codes that nobody can show again.
func (ps *Pages) file(v *visit.Visit) {
	codes := v.R.PostForm["code"]
	if !plain(codes) {
		v.Message(http.StatusUnprocessableEntity, "unreadable")
		return
	}
	head := v.W.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": v.Words.T("codes.file_name")}))
	_, _ = v.W.Write([]byte(sheet(v, codes))) // a reader that went away is nobody's error
}

// plain tells whether these can be the codes of a sheet: letters, digits and
// dashes.
func plain(codes []string) bool {
	for _, c := range codes {
		if c == "" || len(c) > maxCode || strings.ContainsFunc(c, foreign) {
			return false
		}
	}
	return len(codes) > 0 && len(codes) <= maxCodes
}

func foreign(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
}

// sheet is the text of the file. It begins with the mark of UTF-8, which tells
// older editors how to read the umlauts, and ends its lines as all of them can
// read.
func sheet(v *visit.Visit, codes []string) string {
	w := v.Words
	lines := []string{w.T("codes.sheet", "brand", v.Brand())}
	if name := owner(v); name != "" {
		lines = append(lines, w.T("codes.file_for", "name", name))
	}
	lines = append(lines, w.T("codes.file_day", "day", w.Day(v.Now())), "")
	lines = append(append(lines, broken(w.T("codes.file_why"))...), "")
	for i, c := range codes {
		lines = append(lines, fmt.Sprintf("%2d.  %s", i+1, c))
	}
	lines = append(append(lines, ""), v.Whom()...)
	lines = append(lines, broken(w.T("support.never"))...)
	return "\ufeff" + strings.Join(lines, "\r\n") + "\r\n"
}

// owner is whose codes these are, or "" where nobody can say so right now.
func owner(v *visit.Visit) string {
	view, err := v.Sessions.View(v.R.Context(), v.Session)
	if err != nil {
		v.Log.Debug("a file of emergency codes goes without a name", "err", err)
		return ""
	}
	name := view.Subject.Name
	if shown := view.Subject.DisplayName; shown != "" && shown != name {
		name = fmt.Sprintf("%s (%s)", shown, name)
	}
	return strings.Join(strings.Fields(name), " ")
}

// broken is a text in lines of a length that can be read.
func broken(text string) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line+" "+word)) > lineLength {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
