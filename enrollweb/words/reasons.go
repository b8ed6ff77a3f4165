package words

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
)

// ofChecks is how the names of those messages begin that are not the page's: what
// the answers of a check say to people.
const ofChecks = "check."

// maxCheck is the most characters of such a message: mail servers put it into one
// line of theirs, with an address behind it.
const maxCheck = 300

// Reasons says each reason in both languages, with the operator's texts in dir on
// top and in the form of address of german, as Load takes them. It is for the
// front ends, whose answers carry both languages whatever the page speaks.
func Reasons(dir, german string) (func(account.Reason) account.Text, error) {
	texts, err := Load(dir, "", german)
	if err != nil {
		return nil, err
	}
	all, en := make(map[account.Reason]account.Text), texts.byName("en")
	for key, m := range texts.byName("de").msg {
		if r, ok := strings.CutPrefix(key, ofChecks); ok {
			all[account.Reason(r)] = account.Text{DE: m[plain], EN: en.T(key)}
		}
	}
	return func(r account.Reason) account.Text {
		if t, ok := all[sentence(r)]; ok {
			return t
		}
		return all[account.BadCredentials]
	}, nil
}

// unavailable is the sentence of all outages.
const unavailable account.Reason = "unavailable"

// sentence joins the reasons that share one. No text of an operator can take
// those apart that must look alike to a stranger.
func sentence(r account.Reason) account.Reason {
	switch r = r.Outward(); r {
	case account.DirectoryUnavailable, account.StoreUnavailable, account.PluginUnavailable, account.ClockUnsafe:
		return unavailable
	case account.Vetoed:
		return account.NotAllowed
	default:
		return r
	}
}

// travels tells whether an operator's message can go where answers go: into one
// line of protocols that know nothing longer.
func travels(key, text string) error {
	switch {
	case !strings.HasPrefix(key, ofChecks):
		return nil
	case utf8.RuneCountInString(text) > maxCheck:
		return fmt.Errorf("is longer than %d characters, and mail servers show it in one line", maxCheck)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return errors.New("holds a line break or another control character, and programs show it in one line")
	default:
		return nil
	}
}
