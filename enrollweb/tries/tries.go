// Package tries is where somebody finds out why a device does not sync: what
// became of the last tries, in words, with the next step; and where the page
// watches while they try again.
//
// It judges nothing, and it shows nothing that somebody has typed: of a try only
// its reason, its service, a program that is known, and the network. Only package
// enrollweb uses it.
package tries

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// Teller tells the owner of a session of their last tries, newest first.
type Teller interface {
	Tries(ctx context.Context, session account.Secret) ([]account.Event, error)
}

const (
	// watchFor is how long the page watches.
	watchFor = 5 * time.Minute
	// coarse is how much older a last use may be said to be than it is.
	coarse = time.Minute
)

// Pages are the one page and its watching.
type Pages struct{ Teller Teller }

// Routes are their paths.
func (ps *Pages) Routes() map[string]visit.Route {
	return map[string]visit.Route{
		"/tries":       {Level: guard.Full, Get: ps.list},
		"/tries/watch": {Level: guard.Full, Get: watch},
	}
}

// watch begins to watch: from now on, as the address says.
func watch(v *visit.Visit) {
	v.To("/tries?watch=" + strconv.FormatInt(v.Now().Unix(), 10))
}

func (ps *Pages) list(v *visit.Visit) {
	from, watching := since(v)
	if watching {
		v.ByItself()
	}
	view, ok := v.View()
	if !ok {
		return
	}
	own, err := ps.Teller.Tries(v.R.Context(), v.Session)
	if no, ok := v.Failed(err); !ok {
		if no != nil {
			v.Refused(no)
		}
		return
	}
	p := look.Page{Title: "tries.title", Here: "/tries", View: view, Signed: true, Told: devicesOf(view, own)}
	if watching {
		p.Watch.Since, p.Watch.On = from.Unix(), v.Now().Sub(from) < watchFor
		p.Watch.Seen = seen(view, own, from)
		p.Here += "?watch=" + strconv.FormatInt(p.Watch.Since, 10)
	}
	v.Show(http.StatusOK, "tries", p)
}

// since is when watching began. What an address says of the future, or of long
// ago, is no such time.
func since(v *visit.Visit) (time.Time, bool) {
	at, err := strconv.ParseInt(v.R.URL.Query().Get("watch"), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	t := time.Unix(at, 0)
	age := v.Now().Sub(t)
	return t, age >= 0 && age < 2*watchFor
}

// told is a try in the words of the list; one with an app password that is still
// there has the name that this has by now.
func told(view enroll.View, e account.Event) look.Told {
	t := look.Told{Event: e, Label: e.Label}
	for _, r := range view.AppPasswords {
		if r.ID == e.Record {
			t.Label = r.Label
		}
	}
	return t
}

// works is the last use of an app password; one never used has no reason at all.
func works(r account.Record) look.Told {
	e := account.Event{At: r.LastUsed, Record: r.ID, Service: r.LastService, Agent: r.LastAgent, Address: r.LastFrom}
	if !r.LastUsed.IsZero() {
		e.Reason = account.OK
	}
	return look.Told{Event: e, Label: r.Label}
}

// devicesOf is the newest that is known of each app password, and of each program
// that came without one and has not come with one since; newest first.
func devicesOf(view enroll.View, own []account.Event) []look.Told {
	var all []look.Told
	for _, r := range view.AppPasswords {
		all = append(all, works(r))
	}
	for _, e := range own {
		at := slices.IndexFunc(all, func(o look.Told) bool { return covers(o, e) })
		switch {
		case at < 0:
			all = append(all, told(view, e))
		case e.Record != "" && all[at].At.Before(e.At):
			all[at] = told(view, e)
		}
	}
	newestFirst(all)
	return all
}

// covers tells whether a line of the list is the one that a try belongs to.
func covers(o look.Told, e account.Event) bool {
	if e.Record != "" {
		return o.Record == e.Record
	}
	return o.Service == e.Service && o.Agent == e.Agent && (o.Record == "" || o.Works() && !o.At.Before(e.At))
}

// seen is everything since watching began.
func seen(view enroll.View, own []account.Event, since time.Time) []look.Told {
	var all []look.Told
	for _, e := range own {
		if !e.At.Before(since) {
			all = append(all, told(view, e))
		}
	}
	for _, r := range view.AppPasswords {
		if !r.LastUsed.IsZero() && r.LastUsed.After(since.Add(-coarse)) {
			all = append(all, works(r))
		}
	}
	newestFirst(all)
	return all
}

func newestFirst(all []look.Told) {
	slices.SortStableFunc(all, func(a, b look.Told) int { return b.At.Compare(a.At) })
}
