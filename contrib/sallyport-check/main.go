// Command sallyport-check answers programs that run a command to learn whether
// a login is good: Apache, DAViCal, Dovecot, qmail, rclone, SFTPGo, pam_exec. It
// reads the question as each of them puts it, asks the daemon's check socket,
// and tells the answer as each of them understands it.
//
// It decides nothing, keeps nothing and takes no setting from the environment,
// which in some of these programs a stranger can write to. It is not for people
// (contrib/sallyport is), and no part imports it.
//
// Decided against: the command library of the other programs, and the HTTP
// client of the standard one. This program is started once per request of a
// web server, and the two would double the time of its start.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
	"github.com/sallyport/sallyport/plugins/factor"
)

const (
	// limit is the longest that a caller is kept waiting: some give up after 5 s
	// and take that for a wrong password, others wait for ever.
	limit = 4 * time.Second
	// maxInput bounds what is read from a caller, in bytes.
	maxInput = 8 << 10
)

// The exit statuses, but for a mode that has its own.
const (
	exitRefused   = 1
	exitMisuse    = 2
	exitTemporary = 75
)

func main() {
	os.Exit(answer(&process{args: os.Args, in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// process is what a mode may touch of its surroundings.
type process struct {
	args     []string
	in       io.Reader
	out, err io.Writer
}

// say writes the one line for the operator.
func (p *process) say(o options, sentence string) {
	fmt.Fprintf(p.err, "sallyport-check %s: %s\n", o.mode, sentence)
}

// mode is one kind of caller.
type mode interface {
	// read takes the question from the caller: name, password and address.
	read(p *process) (ask.Question, error)
	// typed tells that the caller goes on with the login as it was typed, so
	// that any other spelling would be another person to it.
	typed() bool
	// accept tells the caller yes, with the canonical login.
	accept(p *process, login string) error
	// refuse tells the caller no; later, that nothing was judged; misuse, that
	// the question was none. They return the exit status.
	refuse(p *process) int
	later() int
	misuse() int
}

// statuses are the words that most callers have for "not accepted".
type statuses struct{}

func (statuses) refuse(*process) int { return exitRefused }
func (statuses) later() int          { return exitTemporary }
func (statuses) misuse() int         { return exitMisuse }

// problem is an end before or after the daemon was asked.
type problem struct {
	verdict  factor.Verdict // Deny or Unavailable
	misuse   bool
	sentence string
}

func (p problem) Error() string { return p.sentence }

// refusal is a question that the remote end spoiled, or an answer that must not
// be handed on.
func refusal(sentence string) error { return problem{verdict: factor.Deny, sentence: sentence} }

// misused is a question that the calling program spoiled.
func misused(sentence string) error { return problem{misuse: true, sentence: sentence} }

func answer(p *process) int {
	o, status := parse(p)
	if status != goOn {
		return status
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	login, err := o.check(ctx, p)
	if err == nil {
		err = o.how.accept(p, login)
	}
	if err == nil {
		return 0
	}
	var end problem
	if !errors.As(err, &end) {
		end.sentence = err.Error()
	}
	switch {
	case end.misuse:
		p.say(o, "cannot be used like this: "+end.sentence)
		return o.how.misuse()
	case end.verdict == factor.Deny:
		p.say(o, "refused: "+end.sentence)
		return o.how.refuse(p)
	default:
		p.say(o, "not judged: "+end.sentence)
		return o.how.later()
	}
}

// check reads the question and has it answered.
func (o options) check(ctx context.Context, p *process) (login string, err error) {
	q, err := inTime(ctx, func() (ask.Question, error) { return o.how.read(p) })
	if err != nil {
		return "", err
	}
	q.Service, q.Agent = o.service, "sallyport-check/"+o.mode
	a := o.daemon.Ask(ctx, q)
	switch {
	case a.Verdict != factor.Accept:
		return "", problem{verdict: a.Verdict, sentence: a.Why}
	case a.Login != q.Name && (o.spelling == strict || o.spelling == "" && o.how.typed()):
		return "", refusal("wrong_spelling: the login was right, and is spelled differently in the directory")
	}
	return a.Login, nil
}

// inTime is a read that may never end.
func inTime(ctx context.Context, read func() (ask.Question, error)) (q ask.Question, err error) {
	done := make(chan struct{})
	go func() {
		q, err = read()
		close(done)
	}()
	select {
	case <-done:
		return q, err
	case <-ctx.Done():
		return ask.Question{}, misused("the question did not come in time")
	}
}

// all reads to the end, at most maxInput bytes.
func all(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return nil, misused("reading the question: " + err.Error())
	case len(b) > maxInput:
		return nil, refusal("more input than any login needs")
	}
	return b, nil
}
