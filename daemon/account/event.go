package account

import (
	"strings"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
)

// Act names what an Event tells of. The list is closed.
type Act string

const (
	// ActCheck is a finished attempt.
	ActCheck Act = "check"
	// ActEnroll is a confirmed second factor, where there was none.
	ActEnroll Act = "enroll"
	// ActAdd is a confirmed second factor beside those that are there.
	ActAdd Act = "add"
	// ActReplace is a confirmed second factor in the place of another.
	ActReplace Act = "replace"
	// ActIssue is a new app password or a new sheet of emergency codes.
	ActIssue Act = "issue"
	// ActRevoke is the end of one record.
	ActRevoke Act = "revoke"
	// ActRename is another name for one record.
	ActRename Act = "rename"
	// ActReset is the end of all second factors of a subject.
	ActReset Act = "reset"
	// ActUnlock lifts the throttles of a subject.
	ActUnlock Act = "unlock"
	// ActSignOut is the end of sessions.
	ActSignOut Act = "sign_out"
	// ActNewNetwork is a login from a network where the subject has not logged in
	// for 30 days; the login itself is a check of its own.
	ActNewNetwork Act = "new_network"
	// ActBackup is a copy of the state that an operator took.
	ActBackup Act = "backup"
	// ActRestore is a state that a backup was put in place of, or what of a
	// person had to be done again after it.
	ActRestore Act = "restore"
	// ActKeys is a change of the keys that the state is sealed with.
	ActKeys Act = "keys"
	// ActCode is a one-time code that support gave out.
	ActCode Act = "code"
	// ActRefuse is an order of support that was refused, and not carried out.
	ActRefuse Act = "refuse"
	// ActReport is an operator who read about everybody.
	ActReport Act = "report"
	// ActExport is an operator who read the audit, or all about one person.
	ActExport Act = "export"
	// ActImport is a second factor that an operator took in from another system.
	ActImport Act = "import"
	// ActErase is the end of all that was kept of a person.
	ActErase Act = "erase"
	// ActAlarm is something that should never happen, for the operator.
	ActAlarm Act = "alarm"
)

// Event is one finished act. It feeds the audit, the log, the hooks and the
// counters alike, so that they cannot disagree. It never holds a secret.
type Event struct {
	// Seq counts audited events from 1 without gaps; the store sets it.
	Seq     int64
	At      time.Time
	Act     Act
	Subject ID
	// Name is the canonical login, or what was typed where nobody was found.
	Name string
	// Actor is "user", "daemon", or an operator as "login(uid)".
	Actor    string
	Service  string
	FrontEnd string
	Factor   string
	// Record and Label name the record that the act was about.
	Record  string
	Label   string
	Verdict factor.Verdict
	Reason  Reason
	// Address is the client's IP address, or empty.
	Address string
	Agent   string
	// Peer is the local program that asked, as "login(uid)", or empty. It is told
	// in the log only: the audit names people.
	Peer string
	// Note is the reason an operator gave, one line about an alarm, or why a login
	// needed no second factor.
	Note string
	// Ticket is the operator's ticket number.
	Ticket string
	// Took is how long the act took.
	Took time.Duration
	// Count is how many alike tries this event stands for; 0 reads as 1.
	Count int
	// Leave is that of the answer, Owes what the policy says of the subject:
	// "required", "grace", "exempt" or "machine". Both are for the counters: what is
	// kept says it in the Note.
	Leave, Owes string
}

// Answer is the verdict on an Attempt.
type Answer struct {
	Verdict factor.Verdict
	Reason  Reason
	// Subject is set where the person was proven, and only then.
	Subject Subject
	// Factors are the factors of the way that accepted.
	Factors []string
	// Scope are the services that the used record is good for.
	Scope []string
	// RetryAfter is how long to wait after Throttled or an outage.
	RetryAfter time.Duration
	// Ticket continues the attempt: after CodeRequired it stands for the
	// password, after EnrollRequired it opens the set-up, after an Accept that
	// asked for one it opens the page.
	Ticket Secret
	// Drift is how far the person's clock is off; told only after a right
	// password.
	Drift time.Duration
	// Leave is why somebody without a second factor was let in: "grace" before the
	// day from which one is owed, "exempt", or "bridge" with the normal password
	// where it is an app password that will be owed. Else it is empty.
	Leave string
	// Due is when a second factor will be owed that is missing, DaysLeft how many
	// days that are; zero where there is no such day, or it is over.
	Due      time.Time
	DaysLeft int
}

// Usable tells whether an accept names somebody, in a way that can be told to
// the asking program. One that does not is to be treated as an outage: an accept
// of nobody lets nobody in.
func (a Answer) Usable() bool {
	return a.Subject.ID != "" && a.Subject.Name != "" &&
		!strings.ContainsFunc(a.Subject.Name, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 })
}
