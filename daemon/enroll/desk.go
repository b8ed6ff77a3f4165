package enroll

import (
	"fmt"
	"time"

	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/handover"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/daemon/enroll/support"
)

// What the two sides need of the house.
type (
	// Factor is one configured factor plugin.
	Factor = records.Factor
	// Config is everything that a Desk and a Support are built from.
	Config = records.Config
	// Refusal is an answer with no, or with not now. Everything else that a
	// method returns as an error is account.ErrNotFound (the session is over)
	// or wraps account.ErrUnavailable.
	Refusal = records.Refusal
	// Wish is an app password somebody asks for.
	Wish = records.Wish
)

// MaxLabel is the longest name of an app password or a phone, in characters.
const MaxLabel = records.MaxLabel

// What the operator's side takes and gives.
type (
	// Support serves the operator, by the name of the person.
	Support = support.Support
	// Order is what an operator wants done to one person.
	Order = support.Order
	// Invite is what a reset gives the operator to tell the person.
	Invite = support.Invite
	// Overview is the support screen: one person, without any secret.
	Overview = support.Overview
	// Block is one throttle that holds.
	Block = support.Block
)

// Desk serves the owner of an account, by the token of their session, and the
// programs that ask for an app password by themselves.
type Desk struct {
	cfg    Config
	phones *devices.Book
	*handover.Office
}

// New returns the two sides of the house that write records.
func New(cfg Config) (*Desk, *Support, error) {
	if _, ok := cfg.Factors[cfg.Code]; !ok {
		return nil, nil, fmt.Errorf("the set-up needs a configured factor, and %q is none", cfg.Code)
	}
	for _, kind := range []string{cfg.App, cfg.Recovery} {
		if _, ok := cfg.Factors[kind]; kind != "" && !ok {
			return nil, nil, fmt.Errorf("factor %q is not configured", kind)
		}
	}
	return &Desk{cfg, devices.New(cfg), handover.New(cfg)}, support.New(cfg), nil
}

// pendingFor is how long a set-up key waits for its first code.
const pendingFor = 10 * time.Minute
