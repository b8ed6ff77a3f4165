package passwords

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/round"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// show is the only page that ever holds an app password, with all that the
// program needs beside it. The view's services are those it is good for.
func (ps *Pages) show(v *visit.Visit, view enroll.View, p look.Page, made enroll.Issued) {
	p.Title, p.View, p.Signed = "issued.title", view, true
	p.Shown, p.Record.ID, p.Once = look.Groups(made.Secret.Reveal(), 4), made.Record, v.Random()
	p.Places = recipe.Places(ps.Servers, view.Subject.Name, view.Services)
	if p.Program == "android" {
		var err error
		if p.App, err = look.NewLink(recipe.DAVx5(p.Places, account.Secret(strings.Join(p.Shown, "-")))); err != nil {
			v.Log.Warn("the link for DAVx5 could not be drawn", "err", err)
		}
	}
	p.Profile = slices.Contains(apple(), p.Program) && v.Site.Secure() && p.Syncs()
	if without := ps.without(view); len(p.Places) > 0 && len(without) > 0 {
		p.Catalog = v.Words
		p.Notice = v.Words.T("issued.no_place_for", "services", p.ServiceNames(without))
	}
	v.Show(http.StatusOK, "issued", p)
}

// without are the services that the page knows no address for.
func (ps *Pages) without(view enroll.View) []string {
	return slices.DeleteFunc(slices.Clone(view.Services), func(s string) bool {
		return len(recipe.Places(ps.Servers, view.Subject.Name, []string{s})) > 0
	})
}

// profile gives the profile for Apple's devices, once, over TLS only. The app
// password comes back from the page that showed it: the daemon has not kept it.
func (ps *Pages) profile(v *visit.Visit) {
	f := v.R.PostForm
	v.Retry = profileAt(f)
	view, ok := v.FreshView(v.Retry)
	if !ok {
		return
	}
	rec, found := appPassword(view, f.Get("id"))
	places := recipe.Places(ps.Servers, view.Subject.Name, rec.Services)
	secret := account.Secret(f.Get("secret"))
	if !found || !v.Site.Secure() || !rec.LastUsed.IsZero() || secret == "" || len(secret) > maxSecret {
		v.To("/home")
		return
	}
	if !ps.once.Take(f.Get("once")) {
		showSpent(v, view, rec, f)
		return
	}
	out, err := recipe.Apple(recipe.Profile{Operator: v.Brand(), Label: rec.Label, Record: rec.ID, Places: places, Secret: secret}, ps.Signer)
	if err != nil {
		ps.once.GiveBack(f.Get("once"))
		v.Disturbed(0, err)
		return
	}
	v.W.Header().Set("Content-Type", recipe.AppleType)
	v.W.Header().Set("Content-Disposition", `attachment; filename="calendar.mobileconfig"`)
	_, _ = v.W.Write(out) // a reader that went away is nobody's error
}

// profileAt is the page of the profile that a form or an address is about: of which
// app password, and for which device.
func profileAt(f url.Values) string {
	at := visit.One("/passwords/profile", f.Get("id"))
	if program := f.Get("program"); f.Get("id") != "" && slices.Contains(apple(), program) {
		at += "&program=" + program
	}
	return at
}

// apple are the kinds of program that a profile is for.
func apple() []string { return []string{"iphone", "mac"} }

// spentForm is where a sign-in leads that was asked for before the profile.
func (ps *Pages) spentForm(v *visit.Visit) {
	q := v.R.URL.Query()
	if q.Get("id") == "" {
		v.To("/home")
		return
	}
	view, ok := v.FreshView(profileAt(q))
	if !ok {
		return
	}
	rec, found := appPassword(view, q.Get("id"))
	if !found || !rec.LastUsed.IsZero() {
		v.To("/home")
		return
	}
	showSpent(v, view, rec, q)
}

// showSpent says that the profile was given, which is easily overlooked on an
// iPhone, and makes another one in one press: with a new app password, alike in
// everything, that takes the place of the first. Which device it is for, the form
// or the address says that led here; where it does not, the page asks.
func showSpent(v *visit.Visit, view enroll.View, rec account.Record, from url.Values) {
	p := look.Page{Title: "profile.spent", View: view, Record: rec, Name: rec.Label, Program: from.Get("program"), Once: v.Random(), Signed: true}
	if !slices.Contains(apple(), p.Program) {
		p.Programs = apple()
	}
	if len(rec.Services) > 0 {
		p.View.Services = rec.Services
	}
	if !rec.Expires.IsZero() {
		p.Lives = []int{int(rec.Expires.Sub(rec.Created).Round(24*time.Hour) / (24 * time.Hour))}
	}
	r := roundOf(v, view)
	p.Tour = look.Tour{Round: r, At: 1 + slices.IndexFunc(r.Steps, func(s round.Step) bool { return s.Record == rec.ID })}
	v.Show(http.StatusOK, "profile", p)
}

// maxSecret is more than any app password has, in bytes.
const maxSecret = 128

// wait tells whether a program has synced with the new app password, and looks
// again by itself until one has.
func (ps *Pages) wait(v *visit.Visit) {
	from := since(v)
	view, ok := v.View()
	if !ok {
		return
	}
	rec, found := appPassword(view, v.R.URL.Query().Get("id"))
	if !found {
		v.To("/home?note=removed")
		return
	}
	showWait(v, view, look.Page{Record: rec, Here: visit.One("/passwords/wait", rec.ID), Watch: look.Watch{Since: from}})
}

// waitFor is how long the page looks by itself whether a program has synced.
const waitFor = 10 * time.Minute

// since is when the page began to look, in seconds of Unix, as its own address
// says when it asks again by itself; otherwise it begins now.
func since(v *visit.Visit) int64 {
	at, err := strconv.ParseInt(v.R.URL.Query().Get("since"), 10, 64)
	if now := v.Now().Unix(); err != nil || at > now {
		return now
	}
	v.ByItself()
	return at
}

// showWait tells whether the app password of the page's record has been used.
func showWait(v *visit.Visit, view enroll.View, p look.Page) {
	p.Title, p.View, p.Signed, p.Onward = "wait.title_seen", view, true, v.OnwardHost()
	if p.Record.LastUsed.IsZero() {
		p.Title = "wait.title"
		p.Watch.On = v.Now().Sub(time.Unix(p.Watch.Since, 0)) < waitFor
		p.Watch.At = p.Here + "&since=" + strconv.FormatInt(p.Watch.Since, 10)
	}
	v.Show(http.StatusOK, "wait", p)
}
