package main

import (
	"bytes"
	"os"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
	"github.com/sallyport/sallyport/daemon/account"
)

// pam is pam_exec with expose_authtok.
type pam struct{ statuses }

func (pam) read(p *process) (ask.Question, error) {
	// For the other types there is no password, and status 0 would be a yes.
	if t := os.Getenv("PAM_TYPE"); t != "auth" {
		return ask.Question{}, misused("PAM_TYPE must be auth: use it in auth lines only")
	}
	name, ok := os.LookupEnv("PAM_USER")
	if !ok {
		return ask.Question{}, misused("PAM_USER is not set")
	}
	b, err := all(p.in)
	if err != nil {
		return ask.Question{}, err
	}
	q, err := parsePAM(b)
	q.Name, q.Addr = name, address(os.Getenv("PAM_RHOST"))
	return q, err
}

// parsePAM reads the password: up to a NUL, or to the end. Older releases of
// pam_exec write the bare password, newer ones a NUL behind it; people who try
// the helper by hand end a line.
func parsePAM(b []byte) (ask.Question, error) {
	password, rest, ended := bytes.Cut(b, []byte{0})
	switch {
	case len(rest) > 0:
		return ask.Question{}, refusal("a NUL in the password")
	case len(b) == 0:
		return ask.Question{}, misused("no password on stdin: pam_exec needs expose_authtok")
	case !ended:
		password = bytes.TrimSuffix(password, []byte("\n"))
	}
	return ask.Question{Password: account.Secret(password)}, nil
}

func (pam) typed() bool                   { return true }
func (pam) accept(*process, string) error { return nil }
