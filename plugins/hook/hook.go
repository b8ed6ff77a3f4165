// Package hook is the contract between the daemon and a plugin that watches.
//
// A hook may say no before an attempt is judged, and hears of every audited
// act afterwards. It can never say yes. It sees no password, no code and no
// payload. It is not a factor: package plugins/factor is the contract of
// those. Anyone may import this package; it imports the standard library only.
package hook

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Hook is asked before an attempt, and told after an act.
type Hook interface {
	// Before may veto the attempt. An error means that nobody could tell; the
	// config's on_error says what follows.
	Before(ctx context.Context, a Attempt) (Veto, error)
	// After is told of one audited act. The daemon repeats it, in order, until
	// it returns nil, also over crashes, so an act can arrive twice: Seq tells.
	After(ctx context.Context, e Event) error
}

// Configurable is a hook that has settings. One that is not is refused any.
type Configurable interface {
	Hook
	// Configure is called once at each start, before all else. What it returns
	// is everything that is wrong: the hook does not start, and the operator
	// reads it with file, line and key.
	Configure(ctx context.Context, s Setup) []Problem
}

// Setup is what a hook is told at its start.
type Setup struct {
	// Settings are the [hook.settings] of the config, as they are.
	Settings map[string]string
	// Operator is who runs this; Phone, Hours and Mail are how people reach
	// its support. Each may be empty.
	Operator, Phone, Hours, Mail string
	// German is how German texts address people: "sie" or "du".
	German string
	// Texts is the folder with the operator's own texts (package wording), or empty.
	Texts string
	// Addresses says that events will tell Mail and DisplayName.
	Addresses bool
}

// Problem is one thing that is wrong with the settings.
type Problem struct {
	// Key is the setting at fault; empty where it is none in particular.
	Key string
	// Reason and Fix read as "KEY REASON; FIX".
	Reason, Fix string
}

// Unfit is the error of a hook that does not start with its settings.
type Unfit []Problem

// Error tells all problems in one line.
func (u Unfit) Error() string {
	var all []string
	for _, p := range u {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s; %s", p.Key, p.Reason, p.Fix)))
	}
	return "the settings of the hook: " + strings.Join(all, " / ")
}

// Attempt is a login as a hook may see it: without its secrets.
type Attempt struct {
	Service  string
	FrontEnd string
	Name     string
	// Address is the client's IP address, or empty where it is unknown.
	Address string
	Agent   string
}

// Veto is the answer of Before. The zero value lets the attempt go on.
type Veto struct {
	Refuse bool
	// Note is one line for the log, not for the person.
	Note string
}

// Event is one audited act.
type Event struct {
	// Seq counts the acts of this installation, from 1, without gaps.
	Seq int64
	At  time.Time
	// Act is what happened, for example "enroll", "add" for one more phone, "issue"
	// or "reset".
	Act     string
	Subject string
	Name    string
	// Actor is who did it: "user", or the operator by login and uid.
	Actor   string
	Service string
	Factor  string
	Reason  string
	Address string
	// Label is the name that the person gave the record that this is about.
	Label string
	// Mail and DisplayName are what the directory says of the person now. They
	// are told only to a hook with mail = true in the config, and are empty
	// where the directory has none, or has this person no more.
	Mail        string
	DisplayName string
	// Language is what the directory says of the languages that the person wants
	// to read (preferredLanguage, RFC 2798), as it stands there: a list as browsers
	// send it, "de" or "de-AT, en;q=0.5". It is told and empty as Mail is.
	Language string
}
