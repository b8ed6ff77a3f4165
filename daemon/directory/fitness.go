package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
)

// fitness reads from an entry whether the account may be used at all. What
// cannot be read counts against it: a time in an unknown form is a lock.
//
// Whoever may not use the directory may not use an app password either, which
// never asks it: so everything is judged here that a bind would be refused for.
func (r *reader) fitness(entry *ldap.Entry, now time.Time) account.Fitness {
	switch {
	case disabled(entry, now):
		return account.Disabled
	case r.locked(entry, now):
		return account.Locked
	}
	return account.Fit
}

// disabled heeds bit 2 of Active Directory's userAccountControl, and the dates
// between which an account lives: accountExpires there, pwdStartTime and
// pwdEndTime of the password policy draft.
func disabled(entry *ldap.Entry, now time.Time) bool {
	if text := entry.GetEqualFoldAttributeValue("userAccountControl"); text != "" {
		bits, err := strconv.ParseInt(text, 10, 64)
		if err != nil || bits&2 != 0 {
			return true
		}
	}
	if text := entry.GetEqualFoldAttributeValue("accountExpires"); text != "" {
		if at, never, ok := fileTime(text); !ok || !never && !now.Before(at) {
			return true
		}
	}
	if text := entry.GetEqualFoldAttributeValue("pwdStartTime"); text != "" {
		if at, ok := generalizedTime(text); !ok || now.Before(at) {
			return true
		}
	}
	if text := entry.GetEqualFoldAttributeValue("pwdEndTime"); text != "" {
		if at, ok := generalizedTime(text); !ok || !now.Before(at) {
			return true
		}
	}
	return false
}

// locked heeds the conditions of the config and what the directory notes when
// it locks an account by itself: pwdAccountLockedTime of the password policy
// draft, lockoutTime of Active Directory. Both stay in the entry until the next
// good login, long after the lock has ended.
func (r *reader) locked(entry *ldap.Entry, now time.Time) bool {
	for _, rule := range r.cfg.Locked {
		attribute, value, _ := strings.Cut(rule, "=")
		have := entry.GetEqualFoldAttributeValues(attribute)
		if value == "*" && len(have) > 0 || slices.ContainsFunc(have, func(v string) bool { return strings.EqualFold(v, value) }) {
			return true
		}
	}
	if text := entry.GetEqualFoldAttributeValue("pwdAccountLockedTime"); text != "" {
		if at, ok := generalizedTime(text); !ok || r.lasts(at, now) {
			return true
		}
	}
	if text := entry.GetEqualFoldAttributeValue("lockoutTime"); text != "" {
		if at, none, ok := fileTime(text); !ok || !none && r.lasts(at, now) {
			return true
		}
	}
	return false
}

// lasts tells whether a lock that began at a time goes on. The year 0
// (000001010000Z) is the draft's way to say that an administrator locked, for
// good. A lock of a moment yet to come is one of now: two clocks differ.
func (r *reader) lasts(at, now time.Time) bool {
	return at.Year() == 0 || r.cfg.LockoutDuration == 0 || now.Before(at.Add(r.cfg.LockoutDuration))
}

// passwordChanged reads when the password was last changed, where the
// directory tells: pwdChangedTime, or Active Directory's pwdLastSet.
func passwordChanged(entry *ldap.Entry) time.Time {
	if at, ok := generalizedTime(entry.GetEqualFoldAttributeValue("pwdChangedTime")); ok {
		return at
	}
	if at, none, ok := fileTime(entry.GetEqualFoldAttributeValue("pwdLastSet")); ok && !none {
		return at
	}
	return time.Time{}
}

// generalizedTime reads the time of RFC 4517 section 3.3.13: minutes and
// seconds may be missing, seconds may have a fraction, the zone is Z or +hhmm.
func generalizedTime(text string) (time.Time, bool) {
	for _, form := range []string{"20060102150405Z0700", "200601021504Z0700", "2006010215Z0700"} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// fileTime reads Active Directory's time, which counts tenths of microseconds
// from 1601. Zero stands for no time; the largest number, which does so too, is
// 28,000 years away.
func fileTime(text string) (at time.Time, none, ok bool) {
	ticks, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ticks < 0 {
		return time.Time{}, false, false
	}
	const from1601 = 11_644_473_600
	return time.Unix(ticks/1e7-from1601, ticks%1e7*100).UTC(), ticks == 0, true
}
