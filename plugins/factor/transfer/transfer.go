// Package transfer is what a factor may offer beside the contract in package
// factor: records that come from another system, and leave for one.
//
// It is optional. A factor without it works as before, and nothing can be
// imported into it or exported from it. What travels is text that other systems
// read, such as an otpauth URI; what it means only the factor knows. Like the
// whole contract it is a pure function: it keeps nothing and decides no login.
// Anyone may import it, as package factor; it imports the standard library only.
package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/plugins/factor"
)

// ErrUnsupported means that the factor does not offer what is asked.
var ErrUnsupported = errors.New("this factor neither takes records from other systems nor gives them back")

// Factor is what a factor implements beside factor.Factor. An error means that
// nobody could tell, as everywhere; what is wrong with a text is a refusal.
type Factor interface {
	// Import makes the payload of a record that somebody uses already, so that it
	// needs no confirmation. The same arrival always makes the same payload.
	Import(ctx context.Context, a Arrival) (Imported, error)
	// Export gives back a text that Import takes, and makes a record of the same
	// inputs from.
	Export(ctx context.Context, d Departure) (string, error)
}

// MaxText is the longest text of a record, in bytes.
const MaxText = 4 << 10

// Arrival is a record of another system.
type Arrival struct {
	// Text is the record, in a form that the factor says it takes.
	Text string
	// Settings are the factor's own settings from the config.
	Settings map[string]string
}

// Imported is a record that is not stored yet, or why there is none.
type Imported struct {
	// Format is the payload's format number.
	Format uint32
	// Payload is as Enroll makes one.
	Payload []byte
	// Refused says in one line for the operator why the text is not taken, and
	// what to do; it never quotes the secret. Empty where there is a payload.
	Refused string
}

// Departure is a record that leaves.
type Departure struct {
	Record factor.Record
	// Account and Issuer label it, as in factor.Enrollment.
	Account, Issuer string
}

// String prints the arrival without its text.
func (a Arrival) String() string { return fmt.Sprintf("arrival of %d bytes [redacted]", len(a.Text)) }

// GoString prints the same as String, for %#v.
func (a Arrival) GoString() string { return a.String() }

// String prints the record without its payload.
func (i Imported) String() string {
	if i.Refused != "" {
		return "refused: " + i.Refused
	}
	return fmt.Sprintf("imported record of format %d [redacted]", i.Format)
}

// GoString prints the same as String, for %#v.
func (i Imported) GoString() string { return i.String() }
