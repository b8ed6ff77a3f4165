package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/listen/strictjson"
)

// rclone is "rclone serve ... --auth-proxy": a JSON object on stdin, and the
// settings of a backend on stdout.
type rclone struct {
	statuses
	root string
	set  map[string]string
}

func newRclone(root string, set []string) (mode, error) {
	if err := checkRoot(root); err != nil {
		return nil, err
	}
	r := rclone{root: root, set: map[string]string{"type": "local"}}
	for _, s := range set {
		key, value, ok := strings.Cut(s, "=")
		switch {
		case !ok || key == "":
			return nil, errors.New("--set wants KEY=VALUE")
		case strings.HasPrefix(key, "_root"):
			return nil, errors.New("--set _root is made from --root")
		}
		r.set[key] = value
	}
	return r, nil
}

func (rclone) read(p *process) (ask.Question, error) {
	b, err := all(p.in)
	if err != nil {
		return ask.Question{}, err
	}
	return parseRclone(b)
}

// parseRclone reads {"user","pass"} and, from newer releases, "client_ip". Keys
// that are not known may come with a release; equal ones never do.
func parseRclone(b []byte) (ask.Question, error) {
	var q ask.Question
	var password string
	var hasName, hasPassword, hasKey bool
	err := strictjson.Decode(b, func(key string, value any) (err error) {
		var ip string
		switch key {
		case "user":
			hasName = true
			q.Name, err = strictjson.Text(key, value, maxInput)
		case "pass":
			hasPassword = true
			password, err = strictjson.Text(key, value, maxInput)
		case "client_ip":
			ip, err = strictjson.Text(key, value, maxInput)
			q.Addr = address(ip)
		case "public_key":
			hasKey = true
		}
		return err
	})
	switch {
	case err != nil:
		return ask.Question{}, misused("stdin: " + err.Error())
	case hasKey:
		return ask.Question{}, refusal("public keys are no way in")
	case !hasName || !hasPassword:
		return ask.Question{}, misused(`stdin holds no "user" or no "pass"`)
	}
	q.Password = account.Secret(password)
	return q, nil
}

// typed: the folder is made from the canonical login.
func (rclone) typed() bool { return false }

func (r rclone) accept(p *process, login string) error {
	dir, err := home(r.root, login)
	if err != nil {
		return err
	}
	r.set["_root"] = dir
	return writeJSON(p, r.set)
}

// writeJSON writes one line. The standard encoder mends what is not UTF-8; a
// login is UTF-8 already.
func writeJSON(p *process, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = p.out.Write(append(b, '\n'))
	}
	if err != nil {
		return problem{sentence: fmt.Sprintf("writing the answer: %v", err)}
	}
	return nil
}
