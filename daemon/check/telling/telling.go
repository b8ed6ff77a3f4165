// Package telling writes down what came of an attempt, without its secrets.
//
// It decides nothing and keeps nothing. It belongs to package check, which alone
// may call it.
package telling

import (
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// adminFrontEnd is where those who try are operators, and not the person.
const adminFrontEnd = "admin"

// Attempt is one as it ended.
type Attempt struct {
	account.Attempt
	At   time.Time
	Took time.Duration
	Who  account.Subject
	// Nobody says that there is no such person: the id stands for none.
	Nobody bool
	// Used is the record that accepted.
	Used account.Record
	// Noted is the reason for audit and log, where a stranger is told less.
	Noted account.Reason
	Note  string
	// Owes is what the policy says of the person.
	Owes string
}

// Event tells of the attempt.
func Event(t Attempt, ans account.Answer) account.Event {
	ev := account.Event{
		At: t.At, Act: account.ActCheck, Actor: "user", Subject: t.Who.ID, Name: t.Who.Name,
		Service: t.Service, FrontEnd: t.FrontEnd, Verdict: ans.Verdict, Reason: ans.Reason,
		Record: t.Used.ID, Label: t.Used.Label, Factor: t.Used.Factor,
		Agent: t.Client.Agent, Peer: t.Peer.Name(), Took: t.Took, Note: t.Note, Leave: ans.Leave,
	}
	if t.FrontEnd == adminFrontEnd && ev.Peer != "" {
		ev.Actor = ev.Peer // an operator tries somebody's login
	}
	if t.Noted != "" && ans.Verdict == factor.Deny {
		ev.Reason = t.Noted
	}
	if t.Nobody {
		ev.Subject = ""
	}
	if ev.Subject != "" {
		ev.Owes = t.Owes
	}
	if ev.Name == "" {
		ev.Name = t.Name
	}
	if t.Client.Addr.IsValid() {
		ev.Address = t.Client.Addr.String()
	}
	return ev
}

// Alarm tells the operator of something that should never happen. The journal logs
// it, counts it and puts it into the audit.
func Alarm(t Attempt) account.Event {
	return account.Event{At: t.At, Act: account.ActAlarm, Actor: "daemon", Subject: t.Who.ID, Name: t.Who.Name, Service: t.Service, Note: t.Note}
}
