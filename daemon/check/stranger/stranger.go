// Package stranger names whom the tries on a login that nobody has are counted
// for, so that such a login is throttled like one that somebody has.
//
// It belongs to package check, which alone may call it.
package stranger

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
)

// Pseudonym folds letter case, full-width letters and blanks around the name
// as the directory does, and so gives one id to all spellings. mac is a keyed
// hash of at least three bytes. There are a million ids, so that nobody can
// fill the store with names; no directory has an id like them.
func Pseudonym(mac func(purpose string, data []byte) []byte, name string) account.ID {
	folded := strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			return r - '！' + '!'
		}
		return r
	}, name)
	sum := mac("pseudonym", []byte("nobody\x00"+strings.ToLower(strings.TrimSpace(folded))))
	return account.ID(fmt.Sprintf("nobody:%02x%02x%x", sum[0], sum[1], sum[2]>>4))
}
