// Package stranger says who is one: whose account lets nobody in, and whom the
// tries on a login that nobody has are counted for, so that such a login is
// throttled like one that somebody has. It decides nothing else.
//
// It belongs to package check, which alone may call it.
package stranger

import (
	"fmt"

	"github.com/sallyport/sallyport/daemon/account"
)

// Pseudonym is the id of a name that nobody has. Folded is the one form of all
// its spellings, as the directory makes it of names that could be somebody's,
// and empty for all others: then only the same typed bytes are the same name.
// So spellings share their tries exactly where those of a person would, and who
// waits for which spelling tells nothing. mac is a keyed hash of at least three
// bytes. There are a million ids, so that nobody can fill the store with names;
// no directory has an id like them.
func Pseudonym(mac func(purpose string, data []byte) []byte, folded, typed string) account.ID {
	data := "nobody\x00" + folded
	if folded == "" {
		data = "no name\x00" + typed
	}
	sum := mac("pseudonym", []byte(data))
	return account.ID(fmt.Sprintf("nobody:%02x%02x%x", sum[0], sum[1], sum[2]>>4))
}

// Bars is why an account lets nobody in, whatever they know, and empty where it
// does; known is false where nobody could tell.
func Bars(f account.Fitness) (why account.Reason, known bool) {
	switch f {
	case account.Fit:
		return "", true
	case account.Disabled:
		return account.AccountDisabled, true
	case account.Locked:
		return account.AccountLockedByDirectory, true
	default:
		return "", false
	}
}
