// Package ledger is the part of the admin socket that tells about everybody: the
// report on a roll-out, the export of the audit, and all that is kept of one
// person, which it also has erased.
//
// The first two take long and answer as JSON lines, so that neither end ever holds
// more than a few of them. It looks nothing up: whoever has directory and store is
// handed in as a Source. Only package admin, which lets in none but operators, the
// mains and contrib/sallyport may use it. Times are RFC 3339 in UTC; a time that
// never was is left out.
package ledger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/lasting"
	"github.com/sallyport/sallyport/daemon/frontend/admin/view"
)

// pieces is how much is gathered before it is sent.
const pieces = 16 << 10

// What a Source refuses.
var (
	ErrNone      = errors.New("this daemon tells about nobody")
	ErrStillHere = errors.New("the person is still in the directory")
	ErrSeveral   = errors.New("several people had this login")
	// ErrTime means that a time cannot be read.
	ErrTime = errors.New(`"from" and "to" must be times as in RFC 3339, for example 2027-01-31T00:00:00Z`)
)

// Source tells about everybody, and erases.
type Source interface {
	// Report walks over the directory and tells of each person, and at last of all
	// together.
	Report(ctx context.Context, operator string, tell func(Line) error) error
	// Audit tells of each event that fits, oldest first.
	Audit(ctx context.Context, q Query, tell func(account.Event) error) error
	// Person is all that is kept of somebody, by login or id. Its errors are
	// account.ErrNotFound and ErrSeveral, or mean unavailable.
	Person(ctx context.Context, o Order) (Dossier, error)
	// Erase removes it, and may refuse with ErrStillHere, too.
	Erase(ctx context.Context, o Order) (Erased, error)
}

// Query says which part of the audit is wanted; zero times are no bounds.
type Query struct {
	Operator string
	// From is the first moment, To the first one that is not wanted any more.
	From, To time.Time
}

// Line is one line of a report: how many there will be, a person, all together, or
// why it ends here. The last line is one of the latter two; without it, the answer
// was cut off.
type Line struct {
	People  int      `json:"people,omitempty"`
	Person  *Person  `json:"person,omitempty"`
	Summary *Summary `json:"summary,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// Person is how somebody stands.
type Person struct {
	ID          account.ID `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"display_name"`
	// Policy is "required", "grace", "exempt" or "machine"; Groups are those of the
	// person that decided, Config where the line stands, and Due the day from which
	// a second factor is owed.
	Policy string    `json:"policy"`
	Groups []string  `json:"groups"`
	Config string    `json:"config,omitempty"`
	Due    time.Time `json:"due,omitzero"`
	// SecondFactor says that a code app is connected. AppPasswords are good.
	SecondFactor bool `json:"second_factor"`
	AppPasswords int  `json:"app_passwords"`
	// Blocked says that the person owes a second factor, today or later, and has
	// none: whoever is, if it were enforced today.
	Blocked bool `json:"blocked_if_enforced"`
	// LastSeen is the last time that they were let in, as far as it is kept.
	LastSeen time.Time `json:"last_seen,omitzero"`
	// NormalPassword are the programs that send something else where only an app
	// password helps, or are let in with the normal password until the day has come.
	NormalPassword []Program `json:"normal_password"`
	// MachineLike is why this may be no person; a guess.
	MachineLike []string `json:"machine_like"`
}

// Program is one that still sends the normal password.
type Program struct {
	Service string    `json:"service"`
	Agent   string    `json:"agent"`
	Tries   int       `json:"tries"`
	Last    time.Time `json:"last"`
	// People is of how many; only in a summary, where Agent is without its version.
	People int `json:"people,omitempty"`
}

// Summary counts. The first four add up to People, and so do Enrolled, InGrace,
// NotYet, Exempt and Machines; who has a second factor counts there as enrolled
// only.
type Summary struct {
	People           int `json:"people"`
	PolicyRequired   int `json:"policy_required"`
	PolicyGrace      int `json:"policy_grace"`
	PolicyExempt     int `json:"policy_exempt"`
	PolicyMachine    int `json:"policy_machine"`
	Enrolled         int `json:"enrolled"`
	InGrace          int `json:"in_grace"`
	NotYet           int `json:"not_yet"`
	Exempt           int `json:"exempt"`
	Machines         int `json:"machines"`
	WithAppPasswords int `json:"with_app_passwords"`
	Blocked          int `json:"blocked_if_enforced"`
	OnNormalPassword int `json:"on_normal_password"`
	MachineLike      int `json:"machine_like"`
	// Unreadable have an entry that the service account cannot read an id of.
	Unreadable int `json:"unreadable"`
	// Programs are what people's clients still do, by service and program.
	Programs []Program `json:"programs"`
}

// Call is one request to a Source.
type Call struct {
	// Source may be nil.
	Source   Source
	Operator string
	Now      func() time.Time
}

// lines gathers JSON lines.
type lines struct {
	answer *lasting.Answer
	buffer *bufio.Writer
	*json.Encoder
}

func (c Call) lines(w http.ResponseWriter) *lines {
	l := &lines{answer: lasting.New(w, "application/jsonl", c.Now)}
	l.buffer = bufio.NewWriterSize(l.answer, pieces)
	l.Encoder = json.NewEncoder(l.buffer)
	l.SetEscapeHTML(false)
	return l
}

// Report answers with a report. An error means that nothing was sent yet; later
// ones are the last line.
func (c Call) Report(w http.ResponseWriter, r *http.Request) error {
	if c.Source == nil {
		return ErrNone
	}
	l := c.lines(w)
	err := c.Source.Report(r.Context(), c.Operator, func(line Line) error {
		if err := l.Encode(line); err != nil || line.People == 0 {
			return err
		}
		return l.buffer.Flush() // how many there will be is told at once
	})
	if err != nil && !l.answer.Begun {
		return err
	}
	if err != nil {
		_ = l.Encode(Line{Error: err.Error()}) // a peer that left needs no answer
	}
	_ = l.buffer.Flush()
	return nil
}

// Audit answers with events. An error means that nothing was sent yet; what is cut
// off later shows by its end.
func (c Call) Audit(w http.ResponseWriter, r *http.Request) error {
	if c.Source == nil {
		return ErrNone
	}
	q := Query{Operator: c.Operator}
	for name, into := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if text := r.URL.Query().Get(name); text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return ErrTime
			}
			*into = at
		}
	}
	l := c.lines(w)
	err := c.Source.Audit(r.Context(), q, func(e account.Event) error { return l.Encode(view.Event(e)) })
	if err == nil {
		err = l.buffer.Flush()
	} else if !l.answer.Begun {
		return err
	}
	if err != nil {
		panic(http.ErrAbortHandler) // so that nobody takes a piece for the whole
	}
	if !l.answer.Begun {
		_, _ = l.answer.Write(nil) // there is no event
	}
	return nil
}
