package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// maxSecretLine bounds a line of stdin.
const maxSecretLine = 4 << 10

// exitInterrupted is what shells expect after Ctrl-C.
const exitInterrupted = 130

// secrets reads the password and the code, which may be empty.
func (t *tool) secrets() (password, code string, err error) {
	if !term.IsTerminal(int(t.in.Fd())) {
		return lines(t.in)
	}
	if password, err = t.ask("Password: "); err != nil {
		return "", "", err
	}
	code, err = t.ask("6-digit code (empty for none): ")
	return password, code, err
}

// lines takes the first two lines as they are; only the line feed goes.
func lines(in io.Reader) (password, code string, err error) {
	r := bufio.NewReader(io.LimitReader(in, 2*maxSecretLine))
	if password, err = r.ReadString('\n'); err != nil && (err != io.EOF || password == "") {
		return "", "", &failure{code: exitUsage, sentence: "no password on stdin",
			hint: "Its first line is the password, its second the code."}
	}
	code, err = r.ReadString('\n')
	if err != nil && err != io.EOF {
		return "", "", &failure{code: exitUsage, sentence: "stdin cannot be read: " + err.Error()}
	}
	return strings.TrimSuffix(password, "\n"), strings.TrimSuffix(code, "\n"), nil
}

// ask prompts without echo. Ctrl-C gives the terminal its echo back first.
func (t *tool) ask(prompt string) (string, error) {
	fd := int(t.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", &failure{code: exitUsage, sentence: "the terminal cannot be asked: " + err.Error()}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	defer func() { signal.Stop(stop); close(done) }()
	go func() {
		select {
		case <-stop:
			_ = term.Restore(fd, before) // nothing better is left to do
			fmt.Fprintln(t.err)
			os.Exit(exitInterrupted)
		case <-done:
		}
	}()
	fmt.Fprint(t.err, prompt)
	b, err := term.ReadPassword(fd)
	fmt.Fprintln(t.err)
	if err != nil {
		return "", &failure{code: exitUsage, sentence: "nothing was typed"}
	}
	return string(b), nil
}
