package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// inputFD is the descriptor that the callers of checkpassword write to.
	inputFD = 3
	// maxCheckpassword is the most that they may write, in bytes.
	maxCheckpassword = 512
	// exitLater is their word for a temporary failure.
	exitLater = 111
)

// checkpassword is the caller that hands a login over on descriptor 3 and wants
// a program run in its place: qmail's family, and Dovecot's passdb, whose
// checkpassword-reply then reads USER.
type checkpassword struct {
	statuses
	then []string // the program to run, with its arguments
}

func (checkpassword) later() int { return exitLater }

func (checkpassword) read(*process) (ask.Question, error) {
	// Dovecot also looks people up without a password, and reads status 2 as
	// success then. Such a question cannot be answered here.
	if _, lookup := os.LookupEnv("AUTHORIZED"); lookup {
		return ask.Question{}, problem{sentence: "asked for a person without a password: give Dovecot another userdb, for example static"}
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(inputFD, &st); err != nil {
		return ask.Question{}, misused("descriptor 3 is not open")
	}
	f := os.NewFile(inputFD, "descriptor 3")
	b, err := io.ReadAll(io.LimitReader(f, maxCheckpassword+1))
	if err != nil {
		return ask.Question{}, misused("reading descriptor 3: " + err.Error())
	}
	// The program that follows must not find it.
	if err := f.Close(); err != nil {
		return ask.Question{}, problem{sentence: "closing descriptor 3: " + err.Error()}
	}
	q, err := parseCheckpassword(b)
	q.Addr = address(os.Getenv("TCPREMOTEIP"))
	return q, err
}

// parseCheckpassword reads "user NUL password NUL timestamp NUL"; what follows
// is left for versions of the interface to come.
func parseCheckpassword(b []byte) (ask.Question, error) {
	if len(b) > maxCheckpassword {
		return ask.Question{}, refusal("more input than the interface allows")
	}
	parts := bytes.SplitN(b, []byte{0}, 4)
	if len(parts) < 4 {
		return ask.Question{}, misused("descriptor 3 must hold name, password and timestamp, each ended by a NUL")
	}
	return ask.Question{Name: string(parts[0]), Password: account.Secret(parts[1])}, nil
}

// typed: a program that follows learns the canonical login from USER.
func (c checkpassword) typed() bool { return len(c.then) == 0 }

// accept runs the program in the place of this one; it comes back with an error
// only.
func (c checkpassword) accept(_ *process, login string) error {
	if len(c.then) == 0 {
		return nil
	}
	path, err := exec.LookPath(c.then[0])
	if err == nil {
		err = syscall.Exec(path, c.then, withUser(os.Environ(), login))
	}
	return problem{sentence: "accepted, and the program cannot be run: " + err.Error()}
}

// withUser is the environment with USER as the only change. HOME and the rest
// are the caller's: nothing is known here of the system's users.
func withUser(env []string, login string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(s string) bool { return strings.HasPrefix(s, "USER=") })
	return append(env, "USER="+login)
}
