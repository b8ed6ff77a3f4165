package ledger

import (
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// Order says who wants what of whom, and why.
type Order struct {
	Name, Operator, Reason, Ticket string
	// StillHere says that it may be somebody whom the directory still has.
	StillHere bool
}

// Dossier is all that is kept of one person.
type Dossier struct {
	Made        time.Time  `json:"made"`
	ID          account.ID `json:"id"`
	Name        string     `json:"name"`
	InDirectory bool       `json:"in_directory"`
	// DisplayName, Mail and Groups are read from the directory and not kept here.
	DisplayName    string   `json:"display_name,omitempty"`
	Mail           string   `json:"mail,omitempty"`
	Groups         []string `json:"groups"`
	InviteRequired bool     `json:"invite_required"`
	UsedAppPass    bool     `json:"has_used_app_password"`
	// Records are without what is secret in them.
	Records []api.Record `json:"records"`
	// Tokens are sessions, links and familiar networks, without what opens them.
	Tokens []Token `json:"tokens"`
	// Counted are the wrong tries that throttles still know of.
	Counted []Counted   `json:"counted_tries"`
	Tries   []api.Event `json:"tries"`
	// Events are those of the audit that are about the person, or name them.
	Events []api.Event `json:"events"`
}

// Token is one of the person's, as the page or a login has made it.
type Token struct {
	Kind    account.TokenKind `json:"kind"`
	Created time.Time         `json:"created"`
	Expires time.Time         `json:"expires"`
	// Data is what was noted with it, where that can be read.
	Data string `json:"data,omitempty"`
}

// Counted is how many tries are counted, of what.
type Counted struct {
	What  string    `json:"what"`
	Tries int       `json:"tries"`
	Last  time.Time `json:"last"`
}

// Erased is what an erasure has removed.
type Erased struct {
	ID      account.ID `json:"id"`
	Records int        `json:"records"`
	Tokens  int        `json:"tokens"`
	Tries   int        `json:"tries"`
	// Events are those of the audit that lost all that is about the person.
	Events int `json:"events"`
}
