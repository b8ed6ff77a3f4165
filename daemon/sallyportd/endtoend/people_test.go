package endtoend

import (
	"fmt"
	"net/http"
	"net/url"
)

// enrolled is what somebody has after the set-up.
type enrolled struct {
	key   string
	used  string // the code that confirmed it
	codes []string
}

// enroll signs somebody in and sets up; invite is the code from support, if
// one is asked for.
func (s *site) enroll(b *browser, name, invite string) (enrolled, error) {
	var p enrolled
	if err := b.get("/?again=1"); err != nil {
		return p, err
	}
	if err := b.submit("/sign-in", url.Values{"name": {name}, "password": {name + "-password"}}); err != nil {
		return p, err
	}
	if invite != "" {
		if err := b.submit("/setup/invite", url.Values{"code": {invite}}); err != nil {
			return p, err
		}
	}
	if err := b.submit("/setup/begin", nil); err != nil {
		return p, err
	}
	var err error
	if p.key, err = b.read("key"); err != nil {
		return p, err
	}
	if p.used, err = s.phones.code(p.key); err != nil {
		return p, err
	}
	if err := b.submit("/setup/confirm", url.Values{"code": {p.used}}); err != nil {
		return p, err
	}
	if p.codes = b.emergencyCodes(); b.status != http.StatusOK || len(p.codes) != 10 {
		return p, fmt.Errorf("no emergency codes after the set-up:\n%s", b)
	}
	return p, b.submit("/codes/kept", url.Values{"kept": {"yes"}})
}

// issue makes an app password for every service.
func issue(b *browser, label string) (string, error) {
	if err := b.get("/passwords/new"); err != nil {
		return "", err
	}
	if err := b.submit("/passwords/new", url.Values{"program": {"other"}, "label": {label}}); err != nil {
		return "", err
	}
	return b.read("app-password")
}

// remove ends the app password with this label.
func remove(b *browser, label string) error {
	if err := b.get("/home"); err != nil {
		return err
	}
	if err := b.click("Remove “" + label + "”"); err != nil {
		return err
	}
	if err := b.submit("/passwords/remove", nil); err != nil {
		return err
	}
	if b.at.RequestURI() != "/home?note=removed" {
		return fmt.Errorf("removing %q did not end at home:\n%s", label, b)
	}
	return nil
}
