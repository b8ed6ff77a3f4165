// Package round keeps somebody's way from device to device: which ones they
// ticked after the set-up, and which of these have their app password.
//
// It lives in a cookie of the browser, because the way has to outlast a session:
// whoever connects three devices signs in again in between. It holds no secret
// and proves nothing. What it says of app passwords is held against the list of
// those that there are, so whoever forges it has a way of their own choosing and
// no more than that. Where on the way somebody is, the address says, so that
// reloading, going back and a second tab need no care.
//
// It makes no app password and shows no page. Only package enrollweb and the
// packages under it use it.
package round

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/clients"
)

// The cookie, how long it lasts in seconds, and where the steps are.
const (
	Note    = "sallyport-devices"
	NoteFor = 4 * 60 * 60
	Path    = "/devices/step"
)

// most are the steps of a round; maxRecord bounds the name of a record.
const (
	most      = 16
	maxRecord = 64
)

// Step is one device.
type Step struct {
	// Kind is one of clients.Kinds.
	Kind string `json:"k"`
	// Name is what an unknown program calls itself, or empty.
	Name string `json:"n,omitempty"`
	// Record is its app password, or empty.
	Record string `json:"r,omitempty"`
}

// Value names the step in a form.
func (s Step) Value() string {
	if s.Name == "" {
		return s.Kind
	}
	return s.Kind + ":" + s.Name
}

func (s Step) good() bool {
	return slices.Contains(clients.Kinds(), s.Kind) && len(s.Record) <= maxRecord &&
		(s.Name == "" || s.Kind == clients.Other && clients.Plain(s.Name))
}

// Round is the devices in order. The zero Round is none.
type Round struct {
	// For is a mark of whose it is.
	For   string `json:"f"`
	Steps []Step `json:"s"`
}

// Read reads the owner's round from a cookie. What is somebody else's, or cannot
// be read, is none, and an app password that there is no more counts as not made.
func Read(packed string, view enroll.View) Round {
	data, err := base64.RawURLEncoding.DecodeString(packed)
	var r Round
	if err != nil || json.Unmarshal(data, &r) != nil || r.For != mark(view.Subject.ID) || len(r.Steps) > most {
		return Round{}
	}
	for i, s := range r.Steps {
		if !s.good() {
			return Round{}
		}
		if _, ok := app(view, s.Record); !ok {
			r.Steps[i].Record = ""
		}
	}
	return r
}

// mark is a few characters that tell people apart, and not who they are.
func mark(id account.ID) string {
	sum := sha256.Sum256([]byte("devices of " + string(id)))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func app(view enroll.View, id string) (account.Record, bool) {
	at := slices.IndexFunc(view.AppPasswords, func(r account.Record) bool { return r.ID == id && id != "" })
	if at < 0 {
		return account.Record{}, false
	}
	return view.AppPasswords[at], true
}

// Pack is what Read reads.
func (r Round) Pack() string {
	data, err := json.Marshal(r)
	if err != nil {
		return "" // there are only texts in it
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// Begin is a round of what was ticked, each once; what is none of the kinds is
// left out. A device that has its app password in this round keeps it.
func (r Round) Begin(view enroll.View, ticked []string) Round {
	next := Round{For: mark(view.Subject.ID)}
	for _, value := range ticked {
		s := Step{}
		s.Kind, s.Name, _ = strings.Cut(value, ":")
		same := func(o Step) bool { return o.Value() == s.Value() }
		if !s.good() || slices.ContainsFunc(next.Steps, same) || len(next.Steps) == most {
			continue
		}
		if at := slices.IndexFunc(r.Steps, same); at >= 0 {
			s.Record = r.Steps[at].Record
		}
		next.Steps = append(next.Steps, s)
	}
	return next
}

// With is the round after a step, counted from 1, has got its app password.
func (r Round) With(n int, record string) Round {
	r.Steps = slices.Clone(r.Steps)
	r.Steps[n-1].Record = record
	return r
}

// Has tells whether there is a step of this number.
func (r Round) Has(n int) bool { return n >= 1 && n <= len(r.Steps) }

// After is the first step after n without an app password; one more than there
// are where each has its own.
func (r Round) After(n int) int {
	for n++; r.Has(n) && r.Steps[n-1].Record != ""; n++ {
	}
	return n
}

// Open tells how many have no app password yet.
func (r Round) Open() int {
	return len(slices.DeleteFunc(slices.Clone(r.Steps), func(s Step) bool { return s.Record != "" }))
}

// At is the address of a step.
func At(n int) string { return Path + "?n=" + strconv.Itoa(n) }

// Choice is one device to tick.
type Choice struct {
	Step
	// Seen says that it has come lately, Ticked that it is ticked to begin with.
	Seen, Ticked bool
}

// Choices are the person's own programs that came lately, each kind once, and
// then everything else that could be ticked.
func (r Round) Choices(view enroll.View) []Choice {
	var out []Choice
	add := func(s Step, seen bool) {
		same := func(o Step) bool { return o.Value() == s.Value() }
		if !slices.ContainsFunc(out, func(c Choice) bool { return same(c.Step) }) {
			out = append(out, Choice{Step: s, Seen: seen, Ticked: seen || slices.ContainsFunc(r.Steps, same)})
		}
	}
	for _, agent := range view.Programs {
		kind, name := clients.Of(agent)
		if len(out) < most-len(clients.Kinds()) {
			add(Step{Kind: kind, Name: name}, true)
		}
	}
	for _, s := range r.Steps {
		add(Step{Kind: s.Kind, Name: s.Name}, false)
	}
	for _, kind := range clients.Kinds() {
		add(Step{Kind: kind}, false)
	}
	return out
}
