// Package answer refuses what a factor's process may not answer: no plugin can
// take more than the contract gives it.
//
// It asks nobody and decides no login. It belongs to package pluginhost, which
// alone may call it.
package answer

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

// maxSecret bounds what a plugin may show to a person, in bytes.
const maxSecret = 8 << 10

// Result refuses an answer that the contract does not allow.
func Result(r factor.Request, got factor.Result) error {
	if got.Verdict > factor.Accept {
		return errors.New("the answer has a verdict that does not exist")
	}
	if len(got.Payload) > factor.MaxPayload {
		return fmt.Errorf("the answer has a payload of %d bytes, over the limit of %d", len(got.Payload), factor.MaxPayload)
	}
	if got.Uses < 0 {
		return errors.New("the answer has a negative number of uses")
	}
	if got.Record == "" {
		if got.Verdict == factor.Accept || got.Payload != nil {
			return errors.New("the answer names no record")
		}
		return nil
	}
	for _, rec := range r.Records {
		if rec.ID == got.Record {
			return nil
		}
	}
	return errors.New("the answer names a record that was not asked about")
}

// Issued refuses a new record that the contract does not allow.
func Issued(i factor.Issued) error {
	switch {
	case len(i.Payload) > factor.MaxPayload:
		return fmt.Errorf("the new record has a payload of %d bytes, over the limit of %d", len(i.Payload), factor.MaxPayload)
	case len(i.Secret)+len(i.URI) > maxSecret:
		return errors.New("the new record has a secret over the limit")
	case i.Uses < 0:
		return errors.New("the new record has a negative number of uses")
	}
	return nil
}

// maxReason bounds why a record of another system is refused, in bytes.
const maxReason = 500

// Imported refuses a record of another system that the contract does not allow.
func Imported(i transfer.Imported) error {
	switch {
	case (i.Refused == "") == (len(i.Payload) == 0):
		return errors.New("the answer is not either a payload or a refusal")
	case len(i.Payload) > factor.MaxPayload:
		return fmt.Errorf("the imported record has a payload of %d bytes, over the limit of %d", len(i.Payload), factor.MaxPayload)
	case len(i.Refused) > maxReason || !line(i.Refused):
		return errors.New("the refusal is not one line that people can read")
	}
	return nil
}

// Exported refuses a text that is none, or that would not be one line of a file.
func Exported(text string) error {
	if text == "" || len(text) > transfer.MaxText || !line(text) {
		return errors.New("the exported record is not one line of text")
	}
	return nil
}

func line(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
