package link

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
)

// judgeBind turns the answer to a bind into one of three: right, wrong (with
// why), or an error for everything that is neither.
//
// State says that a control came with it: the password is locked, expired or must
// be changed. With a success that is no: the directory then takes the password
// for nothing but changing it, and what an administrator has just set is known to
// two. Active Directory says the same as a failure (773), so both kinds of
// directory end alike.
func judgeBind(state bool, err error) (account.Reason, error) {
	if err == nil {
		if state {
			return account.AccountLockedByDirectory, nil
		}
		return account.OK, nil
	}
	var answer *ldap.Error
	if !errors.As(err, &answer) {
		return "", fmt.Errorf("%w: %w", account.ErrUnavailable, err)
	}
	switch answer.ResultCode {
	case ldap.LDAPResultInvalidCredentials:
		if state || policyMessage(answer) {
			return account.AccountLockedByDirectory, nil
		}
		return account.BadCredentials, nil
	case ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConstraintViolation:
		// Some directories refuse locked accounts with these; without the
		// control that says so they mean a dozen other things.
		if state {
			return account.AccountLockedByDirectory, nil
		}
	}
	return "", fmt.Errorf("%w: result code %d", account.ErrUnavailable, answer.ResultCode)
}

// policyMessage tells whether Active Directory's diagnostic text says that the
// account, not the password, is the matter: 530 and 531 not now or not from
// here, 532 password expired, 533 disabled, 701 account expired, 773 must
// change, 775 locked out. 525 (no such user) and 52e (wrong) are plain no.
func policyMessage(answer *ldap.Error) bool {
	if answer.Err == nil {
		return false
	}
	_, rest, found := strings.Cut(answer.Err.Error(), ", data ")
	if !found {
		return false
	}
	code, _, _ := strings.Cut(rest, ",")
	switch code {
	case "530", "531", "532", "533", "701", "773", "775":
		return true
	}
	return false
}

// answered tells whether an error is an answer of the directory itself. The
// library marks its own errors by codes from 200 on (ErrorNetwork).
func answered(err error) bool {
	var answer *ldap.Error
	return err == nil || errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork
}

// codeOnly leaves of a directory's refusal no more than its code: the text that
// comes with it often repeats the name or the DN that was asked for, and errors
// end in the log, which names nobody.
func codeOnly(err error) error {
	var answer *ldap.Error
	if err == nil || !answered(err) || !errors.As(err, &answer) {
		return err
	}
	return &ldap.Error{ResultCode: answer.ResultCode, Err: errors.New("the directory's own log says more")}
}

// overloaded tells whether the directory itself asks to be left alone.
func overloaded(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable)
}
