package main

import (
	"errors"
	"os"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
	"github.com/sallyport/sallyport/daemon/account"
)

// The hooks of SFTPGo that this program can be.
const (
	checkPassword = "check-password"
	externalAuth  = "external-auth"
)

// sftpgo is a hook of SFTPGo: the question is in the environment, the answer is
// JSON on stdout, and a no is status 0 as well.
type sftpgo struct {
	statuses
	root string // external-auth only
}

func newSFTPGo(root, hook string) (mode, error) {
	switch {
	case hook == checkPassword && root == "":
		return sftpgo{}, nil
	case hook == checkPassword:
		return nil, errors.New("--root is for --hook external-auth")
	case hook == externalAuth:
		return sftpgo{root: root}, checkRoot(root)
	default:
		return nil, errors.New("--hook must be check-password or external-auth")
	}
}

func (sftpgo) read(*process) (ask.Question, error) {
	return parseSFTPGo(os.LookupEnv)
}

// parseSFTPGo reads the environment. Ways in that are no password are refused.
func parseSFTPGo(env func(string) (string, bool)) (ask.Question, error) {
	const prefix = "SFTPGO_AUTHD_"
	for _, other := range []string{"PUBLIC_KEY", "KEYBOARD_INTERACTIVE", "TLS_CERT"} {
		if v, _ := env(prefix + other); v != "" {
			return ask.Question{}, refusal("only passwords are a way in")
		}
	}
	name, ok := env(prefix + "USERNAME")
	if !ok {
		return ask.Question{}, misused(prefix + "USERNAME is not set: use it as a hook of SFTPGo")
	}
	password, _ := env(prefix + "PASSWORD")
	if len(name)+len(password) > maxInput {
		return ask.Question{}, refusal("more input than any login needs")
	}
	ip, _ := env(prefix + "IP")
	return ask.Question{Name: name, Password: account.Secret(password), Addr: address(ip)}, nil
}

// typed: with check-password SFTPGo has chosen its account already.
func (s sftpgo) typed() bool { return s.root == "" }

// status is the answer of the hook check-password.
type status struct {
	Status int `json:"status"`
}

// person is the account that the hook external-auth answers with; a refusal is
// one without a name.
type person struct {
	Username    string              `json:"username"`
	Status      int                 `json:"status,omitempty"`
	Home        string              `json:"home_dir,omitempty"`
	Permissions map[string][]string `json:"permissions,omitempty"`
}

func (s sftpgo) accept(p *process, login string) error {
	if s.root == "" {
		return writeJSON(p, status{1})
	}
	dir, err := home(s.root, login)
	if err != nil {
		return err
	}
	return writeJSON(p, person{Username: login, Status: 1, Home: dir, Permissions: map[string][]string{"/": {"*"}}})
}

func (s sftpgo) refuse(p *process) int {
	var no any = person{}
	if s.root == "" {
		no = status{0}
	}
	if err := writeJSON(p, no); err != nil {
		return exitTemporary // said nothing, so SFTPGo takes the status
	}
	return 0
}
