// Package bylaws is what binds operators: tickets, protected groups, their own
// accounts, how much in an hour.
//
// It is not what applies them, and looks nobody up: package enroll, to which it
// belongs, does. Only that, the mains, which fill them in from the config, and
// frontend/admin, which says a refusal, may import it.
package bylaws

import (
	"fmt"
	"regexp"
	"time"
)

// Rules bind operators. What they refuse is a Refusal.
type Rules struct {
	// TicketRequired asks for the number of a ticket; TicketPattern, if set, must
	// match the whole of it.
	TicketRequired bool
	TicketPattern  *regexp.Regexp
	// Protected are groups of the directory whose people only operators may touch.
	Protected []string
	// OperatorsOwn lets operators, and never the desk, act on their own account.
	OperatorsOwn bool
	// ResetsPerHour and CodesPerHour are for each operator; 0 means 20.
	ResetsPerHour, CodesPerHour int
}

// Refusal is an order that the rules refuse, in words for the operator.
type Refusal struct {
	// Sentence says what is wrong, Hint what to do instead.
	Sentence, Hint string
	// Mendable says that the same operator can put the order right.
	Mendable bool
	// RetryAfter is how long to wait, where that is all.
	RetryAfter time.Duration
}

// Error says what is wrong.
func (b *Refusal) Error() string { return fmt.Sprintf("refused by the rules: %s", b.Sentence) }
