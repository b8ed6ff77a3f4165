// Package exchange asks an LDAP server one thing and reads its answer, on the
// caller's own goroutine: StartTLS, or whether a password is right.
//
// go-ldap hands each request from goroutine to goroutine, so that many can share
// a connection, and its answers are trees of values. Binds never share one, and
// all that counts of an answer is a number and whether a state comes with it:
// by hand a login is a tenth cheaper. Searches are go-ldap's.
//
// It keeps no time, closes nothing and judges nothing: its caller does. Only
// package daemon/directory/link may call it.
package exchange

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/bergate"
)

const (
	startTLS    = "1.3.6.1.4.1.1466.20037"
	maxStartTLS = 4096
	version     = 3
)

// StartTLS does the one exchange before TLS (RFC 4511 section 4.14). It reads not
// a byte more than the answer: one that was sent early and in the clear lands in
// the handshake and breaks it.
func StartTLS(c io.ReadWriter) error {
	request := element(sequence, number(1), element(extendedRequest, element(name, []byte(startTLS))))
	if _, err := c.Write(request); err != nil {
		return fmt.Errorf("asking for StartTLS: %w", err)
	}
	message, err := bergate.ReadMessage(c, maxStartTLS)
	if err != nil {
		return fmt.Errorf("waiting for StartTLS: %w", err)
	}
	if _, err := read(message, 1, extendedResponse); err != nil {
		return fmt.Errorf("StartTLS was not granted: %w", err)
	}
	return nil
}

// Bind asks whether the password is right. The connection expects a BindResponse;
// the id is one that it has not seen before. An error of the directory itself is
// an *ldap.Error. The state, which may come with a yes, too, is one of the
// password's policy: locked, expired, or to be changed first.
func Bind(c *bergate.Conn, id int64, dn string, password account.Secret) (state bool, err error) {
	request := element(sequence, number(id),
		element(bindRequest, number(version), element(octets, []byte(dn)), element(simple, []byte(password.Reveal()))),
		element(controls, element(sequence, element(octets, []byte(ldap.ControlTypeBeheraPasswordPolicy)))))
	if _, err := c.Write(request); err != nil {
		return false, fmt.Errorf("sending a bind: %w", err)
	}
	message, err := c.Message()
	if err != nil {
		return false, fmt.Errorf("waiting for the answer to a bind: %w", err)
	}
	return read(message, id, bindResponse)
}

// errOther means an answer to something else, or none that can be read.
var errOther = errors.New("this is no answer to what was asked")

// read takes nothing but the answer to the request of this id.
func read(message []byte, id int64, operation byte) (state bool, err error) {
	whole := elements{rest: message}
	m := elements{rest: whole.take(sequence)}
	answered := m.number(integer)
	result := elements{rest: m.take(operation)}
	code := result.number(enumerated)
	result.take(octets) // a DN, of no interest
	text := string(result.take(octets))
	if whole.bad || m.bad || result.bad || answered != id || code < 0 || code > math.MaxUint16 {
		return false, errOther
	}
	if what, list := m.next(); what == controls { // there may be none
		if state, err = policyState(list); err != nil {
			return false, err
		}
	}
	if code != ldap.LDAPResultSuccess {
		return state, &ldap.Error{ResultCode: uint16(code), Err: errors.New(text)}
	}
	return state, nil
}

// policyState tells whether a control says locked, expired or must be changed:
// the draft of Behera, or the older one of VanRoy and others.
func policyState(list []byte) (state bool, err error) {
	for all := (elements{rest: list}); len(all.rest) > 0 && !all.bad; {
		control := elements{rest: all.take(sequence)}
		switch string(control.take(octets)) {
		case ldap.ControlTypeVChuPasswordMustChange:
			state = true
		case ldap.ControlTypeBeheraPasswordPolicy:
			if len(control.rest) > 0 && control.rest[0] == boolean {
				control.take(boolean) // whether it is critical
			}
			value := elements{rest: control.take(octets)}
			for said := (elements{rest: value.take(sequence)}); len(said.rest) > 0; {
				what, _ := said.next()
				state = state || what&tagOf == policyError // a warning is none
				control.bad = control.bad || said.bad
			}
			control.bad = control.bad || value.bad
		}
		if all.bad || control.bad {
			return false, errOther
		}
	}
	return state, nil
}
