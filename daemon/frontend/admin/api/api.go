// Package api holds the shapes of the admin socket's JSON: what the server
// writes and the support tool reads.
//
// It is shapes only, and holds no secret but the invite code, which a reset
// shows once. The front end, the main that feeds it and contrib/sallyport may
// import it; contrib/openapi/admin.yaml says the same to everybody else.
// Times are RFC 3339 in UTC; a time that never was is left out.
package api

import (
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check"
)

// Problem is every answer that is not what was asked for.
type Problem struct {
	// Error is one sentence about what is wrong, Hint one about what to do.
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	// RetryAfter is in seconds.
	RetryAfter int `json:"retry_after,omitempty"`
}

// Status is one screen about the daemon.
type Status struct {
	Version string `json:"version"`
	// Node is the name of the machine that answers.
	Node       string      `json:"node,omitempty"`
	Started    time.Time   `json:"started"`
	Now        time.Time   `json:"now"`
	Page       string      `json:"page,omitempty"`
	Directory  []Server    `json:"directory"`
	Plugins    []Plugin    `json:"plugins"`
	Store      Store       `json:"store"`
	Clock      Clock       `json:"clock"`
	Config     ConfigState `json:"config"`
	Enrollment Enrollment  `json:"enrollment"`
	Listeners  []Listening `json:"listeners"`
}

// Healthy tells whether everything that a login may need is up. The directory
// is up while one of its servers is.
func (s Status) Healthy() bool {
	up := false
	for _, d := range s.Directory {
		up = up || d.Up
	}
	for _, p := range s.Plugins {
		up = up && p.Up
	}
	return up && s.Store.OK && s.Clock.OK
}

// Server is one server of the directory.
type Server struct {
	URL string `json:"url"`
	Up  bool   `json:"up"`
	// Since is when it came up or went down.
	Since time.Time `json:"since,omitzero"`
	// Note is the last trouble, in words.
	Note string `json:"note,omitempty"`
}

// Plugin is one plugin process.
type Plugin struct {
	Kind     string `json:"kind"`
	Up       bool   `json:"up"`
	PID      int    `json:"pid,omitempty"`
	Restarts int    `json:"restarts"`
	// Unjailed says that it runs, and could open files and use the network.
	Unjailed bool `json:"unjailed,omitempty"`
}

// Store is the state of the store and of the audit in it.
type Store struct {
	OK bool `json:"ok"`
	// Kind is "sqlite" or "postgres".
	Kind  string `json:"kind,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
	// AuditSeq is the number of the newest audited event.
	AuditSeq int64  `json:"audit_seq"`
	Note     string `json:"note,omitempty"`
}

// Clock says whether the daemon trusts its clock.
type Clock struct {
	OK   bool   `json:"ok"`
	Note string `json:"note,omitempty"`
}

// ConfigState says what became of the last reload of the config.
type ConfigState struct {
	// OK is false while the daemon goes on with an older config than the file's.
	OK   bool   `json:"ok"`
	Note string `json:"note,omitempty"`
}

// Enrollment counts people and what they have.
type Enrollment struct {
	// Subjects is how many people have any record.
	Subjects int `json:"subjects"`
	// Records counts active records by factor.
	Records map[string]int `json:"records"`
	// Policy counts who tried to log in during the last 24 hours, as long as the
	// daemon runs, by what the policy said of them: "required", "grace", "exempt",
	// "machine"; "bridge" are those of them whose normal password was let in on a
	// service of app passwords. Who has not tried is not known here.
	Policy map[string]int `json:"policy"`
}

// Listening is one open socket.
type Listening struct {
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
}

// Person is the support screen.
type Person struct {
	ID          account.ID `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"display_name"`
	Mail        string     `json:"mail"`
	Groups      []string   `json:"groups"`
	// Fitness is "fit", "disabled", "locked" or "unknown".
	Fitness string `json:"fitness"`
	// FactsAsOf is when the directory said so.
	FactsAsOf       time.Time `json:"facts_as_of,omitzero"`
	PasswordChanged time.Time `json:"password_changed,omitzero"`
	InviteRequired  bool      `json:"invite_required"`
	Records         []Record  `json:"records"`
	Tries           []Event   `json:"tries"`
	Blocks          []Block   `json:"blocks"`
	// SupportCode is the last one-time code from support, if there is one.
	SupportCode *SupportCode `json:"support_code,omitempty"`
	// Advice says in one sentence what to do next.
	Advice string `json:"advice"`
}

// Record is one enrolled factor, without its payload.
type Record struct {
	ID       string   `json:"id"`
	Factor   string   `json:"factor"`
	Label    string   `json:"label"`
	Services []string `json:"services,omitempty"`
	// Device is the ID of the phone that an app password is on, as far as the
	// person has said so.
	Device string `json:"device,omitempty"`
	// State is "active", "pending", "revoked", "expired" or "used up".
	State       string    `json:"state"`
	Created     time.Time `json:"created,omitzero"`
	Revoked     time.Time `json:"revoked,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	UsesLeft    *int      `json:"uses_left,omitempty"`
	LastUsed    time.Time `json:"last_used,omitzero"`
	LastService string    `json:"last_service,omitempty"`
	LastFrom    string    `json:"last_from,omitempty"`
	LastAgent   string    `json:"last_agent,omitempty"`
}

// SupportCode is a one-time code from support, without the code.
type SupportCode struct {
	// State is "waiting", "used" or "expired".
	State   string    `json:"state"`
	Made    time.Time `json:"made,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	Used    time.Time `json:"used,omitzero"`
	Service string    `json:"service,omitempty"`
	From    string    `json:"from,omitempty"`
}

// Block is a throttle that holds.
type Block struct {
	What  string    `json:"what"`
	Tries int       `json:"tries"`
	Until time.Time `json:"until"`
}

// Event is one audited act.
type Event struct {
	Seq      int64          `json:"seq,omitempty"`
	At       time.Time      `json:"at"`
	Act      account.Act    `json:"act"`
	Subject  account.ID     `json:"subject,omitempty"`
	Name     string         `json:"name,omitempty"`
	Actor    string         `json:"actor,omitempty"`
	Service  string         `json:"service,omitempty"`
	FrontEnd string         `json:"front_end,omitempty"`
	Factor   string         `json:"factor,omitempty"`
	Record   string         `json:"record,omitempty"`
	Label    string         `json:"label,omitempty"`
	Verdict  string         `json:"verdict,omitempty"`
	Reason   account.Reason `json:"reason,omitempty"`
	Address  string         `json:"address,omitempty"`
	Agent    string         `json:"agent,omitempty"`
	Note     string         `json:"note,omitempty"`
	Ticket   string         `json:"ticket,omitempty"`
	TookMS   int64          `json:"took_ms,omitempty"`
	Count    int            `json:"count,omitempty"`
}

// Audit is a piece of the audit, oldest first.
type Audit struct {
	Events []Event `json:"events"`
	// Next is what to ask for as "after" to read on.
	Next int64 `json:"next"`
}

// AuditReport is the result of checking the whole chain.
type AuditReport struct {
	OK bool `json:"ok"`
	// Events is how many were checked, First and Last their numbers.
	Events int64 `json:"events"`
	First  int64 `json:"first"`
	Last   int64 `json:"last"`
	// Head is the newest link of the chain, in hex, to be kept elsewhere.
	Head string `json:"head,omitempty"`
	// Problem says what is broken and where.
	Problem string `json:"problem,omitempty"`
	// Anchors of the daemon's and of those that were handed in agree with the audit,
	// the newest of them with event AnchoredEvent at AnchoredAt. AnchorsOlder are from
	// before the audit begins, AnchorsRestored of a copy that a restore has replaced.
	Anchors         int       `json:"anchors"`
	AnchoredEvent   int64     `json:"anchored_event,omitempty"`
	AnchoredAt      time.Time `json:"anchored_at,omitzero"`
	AnchorsOlder    int       `json:"anchors_older,omitempty"`
	AnchorsRestored int       `json:"anchors_restored,omitempty"`
}

// Done is the answer to a reset, an unlock, a revocation, an end of sessions or a
// new app password.
type Done struct {
	Done string `json:"done"`
	// Removed is how many records ended.
	Removed int `json:"removed"`
	// Invite is the code to tell the person; only a reset has one.
	Invite string `json:"invite,omitempty"`
	// Code is the one-time code to tell the person; only a code has one.
	Code    string    `json:"code,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// AppPassword is a new one, shown once, Record its id; only that act has them.
	AppPassword string `json:"app_password,omitempty"`
	Record      string `json:"record,omitempty"`
}

// Explanation is the walk through a decision without a secret.
type Explanation struct {
	Name    string       `json:"name"`
	Service string       `json:"service"`
	Steps   []check.Step `json:"steps"`
}

// Tried is the verdict on a login that an operator tried.
type Tried struct {
	Verdict    string         `json:"verdict"`
	Reason     account.Reason `json:"reason"`
	Text       account.Text   `json:"text"`
	Name       string         `json:"name,omitempty"`
	Factors    []string       `json:"factors,omitempty"`
	RetryAfter int            `json:"retry_after,omitempty"`
	// DriftSeconds is how far the person's clock is off; negative is slow.
	DriftSeconds int `json:"drift_seconds,omitempty"`
}
