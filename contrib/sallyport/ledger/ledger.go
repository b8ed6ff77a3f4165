// Package ledger is the commands of the tool that read about everybody: the report
// on a roll-out, and the audit for other programs. It prints as the lines come, so
// that a hundred thousand people need no more memory than ten.
//
// It is flags and columns; what is asked goes through the tool's own client. Only
// contrib/sallyport uses it.
package ledger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// The exit statuses, as in the tool.
const (
	usage     = 2
	temporary = 75
)

// Tool is what the commands need of the tool.
type Tool struct {
	Out, Err io.Writer
	// JSON says that the daemon's answer is wanted as it is.
	JSON *bool
	// Open asks the daemon for an answer that is read as it comes.
	Open func(ctx context.Context, path string) (io.ReadCloser, error)
	// Fail makes the error that ends the tool with a status and a sentence.
	Fail func(status int, sentence string) error
	Now  func() time.Time
}

// maxLine bounds one line of an answer.
const maxLine = 1 << 20

// lines reads JSON lines, each of which is handed on as it is and read.
func lines[T any](t *Tool, answer io.Reader, each func(raw []byte, line T) error) error {
	in := bufio.NewScanner(answer)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		var line T
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			return t.Fail(temporary, "the daemon's answer cannot be read; is it of the same version?")
		}
		if err := each(in.Bytes(), line); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return t.Fail(temporary, "the daemon's answer was cut off in the middle: "+err.Error())
	}
	return nil
}

// bar shows how far it is, on a terminal and nowhere else, and not among lines that
// go to the same one. The library draws what fits into the terminal, with the time
// that is left, and takes it away again.
func (t *Tool) bar(of int, lines bool) *progressbar.ProgressBar {
	to := io.Discard
	if terminal(t.Err) && !(lines && terminal(t.Out)) {
		to = t.Err
	}
	return progressbar.NewOptions(of, progressbar.OptionSetWriter(to), progressbar.OptionSetDescription("people"),
		progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionUseANSICodes(false))
}

func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// writer gathers what goes to stdout, which may be a file of many megabytes.
func (t *Tool) writer() *bufio.Writer { return bufio.NewWriterSize(t.Out, 64<<10) }

// finished is what became of the output.
func (t *Tool) finished(w *bufio.Writer, err error) error {
	if late := w.Flush(); late != nil && err == nil {
		err = t.Fail(temporary, fmt.Sprintf("the output cannot be written: %v", late))
	}
	return err
}

var errBoth = errors.New("give --csv or --json, not both")
