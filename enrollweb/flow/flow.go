// Package flow lets programs ask for an app password by themselves, in the words
// that DAVx5 and others know from Nextcloud as Login Flow v2: a program asks,
// opens the page in a browser, and looks again until its owner has confirmed.
//
// It makes no app password and keeps no question: package handover does the one
// and shows that the other is not needed. It decides nothing about who may
// confirm. Only package enrollweb uses it, and only where a server has an address
// for it.
//
// The danger is a stranger who asks and sends somebody the link. So the link
// opens nothing by itself; who asks and from where is shown before the sign-in
// and after it; no sentence of the stranger's is on the page; and confirming
// takes a fresh sign-in, a tick and a button.
//
// Decided against: refusing a program that asks from another network than the
// browser's. A phone asks over IPv6 and browses over IPv4, or the other way
// round. Where both are of one kind and differ, the page warns of it in red; where
// they cannot be compared, only as it always does.
package flow

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/handover"
	"github.com/sallyport/sallyport/daemon/throttle"
	"github.com/sallyport/sallyport/enrollweb/clients"
	"github.com/sallyport/sallyport/enrollweb/guard"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// Desk answers programs and their owners; enroll.Desk is one.
type Desk interface {
	// AskFlow begins a question.
	AskFlow(c account.Client) (handover.Question, error)
	// Flow tells who asked by this link; handover.ErrOver where nobody waits.
	Flow(ctx context.Context, link account.Secret) (handover.Asked, error)
	// GrantFlow lets the program fetch; handover.ErrOver as above.
	GrantFlow(ctx context.Context, session, link account.Secret, w enroll.Wish) error
	// FetchFlow hands the app password out, once; handover.ErrOver where there is
	// none, not yet or not any more.
	FetchFlow(ctx context.Context, ticket account.Secret, by account.Client) (handover.Fetched, error)
}

// The paths. The first is what programs append to the address that they were
// told; the others they learn from its answer.
const (
	askPath   = "/index.php/login/v2"
	askShort  = "/login/v2"
	fetchPath = "/login/v2/poll"
	linkPath  = "/login/v2/flow"
	grantPath = visit.GrantPath
	donePath  = "/login/v2/done"
)

// What one address may do a minute. A program asks once, and looks again every
// second or so; behind one address there may be a whole campus.
const (
	asksPerMinute    = 30
	fetchesPerMinute = 1200
)

// The link is carried through the sign-in by a cookie, for noteFor seconds.
const (
	note    = visit.GrantNote
	noteFor = 20 * 60
)

// What was granted, by the name that the person gave it, is remembered by another
// for doneFor seconds, and by nobody else: the program has not fetched it yet.
const (
	done    = "sallyport-granted"
	doneFor = 10 * 60
)

// Pages are the paths of the flow.
type Pages struct {
	desk          Desk
	server        recipe.Server
	base          string
	asks, fetches *throttle.Pace
}

// New returns the pages, or nil where no server lets programs ask. base is the
// page's own address.
func New(d Desk, servers []recipe.Server, base string, now func() time.Time) (*Pages, error) {
	for _, s := range servers {
		if s.LoginFlow == "" {
			continue
		}
		ps := &Pages{desk: d, server: s, base: strings.TrimSuffix(base, "/")}
		var err, ferr error
		ps.asks, err = throttle.NewPace(asksPerMinute, now)
		ps.fetches, ferr = throttle.NewPace(fetchesPerMinute, now)
		return ps, errors.Join(err, ferr)
	}
	return nil, nil //nolint // there are none
}

// Routes are its paths; none for nil.
func (ps *Pages) Routes() map[string]visit.Route {
	if ps == nil {
		return nil
	}
	return map[string]visit.Route{
		askPath:   {Program: ps.ask},
		askShort:  {Program: ps.ask},
		fetchPath: {Program: ps.fetch},
		linkPath:  {Level: guard.Pre, Get: ps.linkForm, Post: ps.goOn},
		grantPath: {Level: guard.Full, Get: ps.grantForm, Post: ps.grant},
		donePath:  {Level: guard.Full, Get: ps.granted},
	}
}

// linkForm shows who asks before anybody signs in. Scanners and previews open
// links, too: nothing follows from it.
func (ps *Pages) linkForm(v *visit.Visit) {
	link := v.R.URL.Query().Get("id")
	if p, ok := ps.asked(v, link); ok {
		p.Title, p.Here = "flow.title", linkPath+"?id="+url.QueryEscape(link)
		v.Show(http.StatusOK, "flow", p)
	}
}

// asked is a page that tells who asks by the link. Where it returns false it has
// answered.
func (ps *Pages) asked(v *visit.Visit, link string) (look.Page, bool) {
	a, err := ps.desk.Flow(v.R.Context(), account.Secret(link))
	if errors.Is(err, handover.ErrOver) {
		ps.over(v)
		return look.Page{}, false
	}
	if err != nil {
		v.Disturbed(0, err)
		return look.Page{}, false
	}
	here := v.Site.Client(v.R)
	kind, _ := clients.Of(a.Client.Agent)
	return look.Page{Once: link, Program: kind, Ask: look.Ask{
		Client: a.Client, At: a.At, Service: ps.server.Service,
		Elsewhere: elsewhere(a.Client, here),
	}}, true
}

// elsewhere tells whether two are surely in different networks. An IPv4 and an
// IPv6 address of one phone have nothing in common.
func elsewhere(a, b account.Client) bool {
	return a.Addr.IsValid() && b.Addr.IsValid() && a.Addr.Is4() == b.Addr.Is4() && a.Network() != b.Network()
}

func (ps *Pages) over(v *visit.Visit) {
	v.Site.SetNote(v.W, note, "", -1)
	v.Message(http.StatusGone, "flow.over")
}

// goOn leads from the link to the sign-in, or, past a session that is good, to
// the question itself. The cookie of a session may have been held back from a
// link that another program opened; with our own form it comes.
func (ps *Pages) goOn(v *visit.Visit) {
	link := v.R.PostForm.Get("id")
	if _, ok := ps.asked(v, link); !ok {
		return
	}
	v.Site.SetNote(v.W, note, link, noteFor)
	session := v.Cookie(guard.Full)
	if session == "" {
		v.To("/?next=" + grantPath)
		return
	}
	switch _, err := v.Sessions.View(v.R.Context(), session); {
	case errors.Is(err, account.ErrNotFound):
		v.Site.DropCookie(v.W, guard.Full)
		v.To("/?next=" + grantPath)
	case err != nil:
		v.Disturbed(0, err)
	default:
		v.To(grantPath)
	}
}

func (ps *Pages) grantForm(v *visit.Visit) {
	view, ok := v.FreshView(grantPath)
	if !ok {
		return
	}
	link := v.Site.Taste(v.R, note)
	if link == "" {
		v.To("/home")
		return
	}
	if p, ok := ps.asked(v, link); ok {
		p.View = view
		if clients.Carried(p.Program) && len(view.Devices) == 1 {
			p.Record.Device = view.Devices[0].ID
		}
		ps.showGrant(v, http.StatusOK, p)
	}
}

func (ps *Pages) showGrant(v *visit.Visit, status int, p look.Page) {
	p.Title, p.Here, p.Signed = "grant.title", grantPath, true
	v.Show(status, "grant", p)
}

// grant confirms what the form showed, not what the cookie says by now: another
// question may have taken its place.
func (ps *Pages) grant(v *visit.Visit) {
	view, ok := v.FreshView(grantPath)
	if !ok {
		return
	}
	f := v.R.PostForm
	p, ok := ps.asked(v, f.Get("id"))
	if !ok {
		return
	}
	p.View, p.Name = view, strings.TrimSpace(f.Get("label"))
	if phone, ok := view.Device(f.Get("device")); ok {
		p.Record.Device = phone.ID
	}
	if f.Get("mine") != "yes" {
		p.Missing = v.Words.T("grant.tick_missing")
		ps.showGrant(v, http.StatusUnprocessableEntity, p)
		return
	}
	wish := enroll.Wish{Label: p.Name, Services: []string{ps.server.Service}, Device: p.Record.Device}
	err := ps.desk.GrantFlow(v.R.Context(), v.Session, account.Secret(f.Get("id")), wish)
	if errors.Is(err, handover.ErrOver) {
		ps.over(v)
		return
	}
	if no, ok := v.Failed(err); !ok {
		if no != nil {
			key := "wish.refused"
			if no.Reason == account.Malformed {
				key = "wish.label_wrong"
			}
			p.Error = v.Words.T(key)
			ps.showGrant(v, v.RefusalStatus(no), p)
		}
		return
	}
	v.Site.SetNote(v.W, note, "", -1)
	v.Site.SetNote(v.W, done, base64.RawURLEncoding.EncodeToString([]byte(p.Name)), doneFor)
	v.To(donePath)
}

// granted says what happens now. It is a page of its own, so that it can be read in
// the other language, and loading it again grants nothing.
func (ps *Pages) granted(v *visit.Visit) {
	if _, ok := v.View(); !ok {
		return
	}
	label, err := base64.RawURLEncoding.DecodeString(v.Site.Taste(v.R, done))
	if err != nil || len(label) == 0 || !utf8.Valid(label) || utf8.RuneCount(label) > enroll.MaxLabel {
		v.To("/home")
		return
	}
	v.Show(http.StatusOK, "message", look.Page{Title: "grant.done.title", Here: donePath, Notice: v.Words.T("grant.done", "label", string(label)), Signed: true})
}
