package enrollweb

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/visits"
)

// How alice comes to each step of the page, from nothing.

func nobody(p *parts) []string {
	p.b.get("/")
	return nil
}

// atBegin has signed in for the first time.
func atBegin(p *parts) []string {
	p.b.get("/").post("/sign-in", "name", "alice", "password", "alice-password").leads("/setup")
	return nil
}

func atConfirm(p *parts) []string {
	atBegin(p)
	p.b.post("/setup/begin").leads("/setup").says(200)
	p.shown()
	return []string{"code", p.code()}
}

// keepingCodes has just been shown them.
func keepingCodes(p *parts) []string {
	p.b.post("/setup/confirm", atConfirm(p)...).says(200)
	p.shown()
	return []string{"kept", "yes"}
}

func savingCodes(p *parts) []string {
	keepingCodes(p)
	return []string{"code", "k7m20-9qxvd-hz4t0"}
}

func isHome(p *parts) []string {
	keepingCodes(p)
	p.b.get("/home").says(200)
	return nil
}

func signedOut(p *parts) []string {
	isHome(p)
	p.b.post("/sign-out").leads("/?bye=1")
	return []string{"name", "alice", "password", "alice-password"}
}

func atCode(p *parts) []string {
	p.b.post("/sign-in", signedOut(p)...).leads("/code")
	return nil
}

func atCodeWithCode(p *parts) []string {
	atCode(p)
	return []string{"code", p.code()}
}

// invitedByLink has the link that a web application got for alice.
func invitedByLink(p *parts) []string {
	ans := p.engine.Check(p.t.Context(), account.Attempt{Service: "web", FrontEnd: "http", Name: "alice", Password: "alice-password", WantTicket: true})
	if ans.Reason != account.EnrollRequired || ans.Ticket == "" {
		p.t.Fatalf("no link: %+v", ans)
	}
	return []string{"?ticket=" + url.QueryEscape(ans.Ticket.Reveal())}
}

func linkOpened(p *parts) []string {
	p.b.get("/enroll" + invitedByLink(p)[0]).says(200)
	return nil
}

// fromAnApplication is signed in and comes from one whose host takes people over.
func fromAnApplication(p *parts) []string {
	isHome(p)
	p.b.get("/?return=" + url.QueryEscape(app) + "&bind=" + visits.Proof("a browser"))
	return nil
}

func atInvite(p *parts) []string {
	isHome(p)
	invite, err := p.support.Reset(p.t.Context(), enroll.Order{Operator: "root(0)", Full: true, Name: "alice", Reason: "lost phone"})
	p.must(err)
	p.b.get("/?again=1").post("/sign-in", "name", "alice", "password", "alice-password").leads("/setup").says(200)
	return []string{"code", invite.Code.Reveal()}
}

func addingAPhone(p *parts) []string {
	isHome(p)
	p.b.get("/phone/add").says(200)
	return []string{"label", "Tablet"}
}

func confirmingAPhone(p *parts) []string {
	p.b.post("/phone/begin", addingAPhone(p)...).leads("/phone/add").says(200)
	p.shown()
	return []string{"code", p.code()}
}

// phone is alice's first.
func (p *parts) phone() string {
	p.t.Helper()
	p.b.get("/home").says(200)
	return regexp.MustCompile(`/phone\?id=([^"]+)"`).FindStringSubmatch(p.b.body)[1]
}

func itsID(p *parts) []string {
	isHome(p)
	return []string{"?id=" + p.phone()}
}

func renamingAPhone(p *parts) []string {
	p.b.get("/phones/rename" + itsID(p)[0]).says(200)
	return []string{"label", "Fairphone"}
}

// onePhoneTooMany has two; the first shall go.
func onePhoneTooMany(p *parts) []string {
	p.b.post("/phone/confirm", confirmingAPhone(p)...).leads("/home?note=added")
	return []string{"?id=" + p.phone()}
}

func removingAPhone(p *parts) []string {
	p.b.get("/phones/remove" + onePhoneTooMany(p)[0]).says(200)
	return []string{"code", p.code()}
}

func losingAPhone(p *parts) []string {
	isHome(p)
	p.b.get("/phones/lost").says(200)
	return nil
}

func renewingCodes(p *parts) []string {
	isHome(p)
	p.b.get("/codes").says(200)
	return nil
}

func wishing(p *parts) []string {
	isHome(p)
	p.b.get("/passwords/new").says(200)
	return []string{"program", "thunderbird", "label", "Büro"}
}

func gettingAProfile(p *parts) []string {
	wishing(p)
	p.b.post("/passwords/new", "program", "iphone", "label", "Büro").says(200)
	return []string{"secret", hiddenField(p.b.body, "secret")}
}

// appPassword makes one and returns its id.
func (p *parts) appPassword() string {
	p.t.Helper()
	p.b.post("/passwords/new", wishing(p)...).says(200)
	return regexp.MustCompile(`/passwords/wait\?id=([^"]+)"`).FindStringSubmatch(p.b.body)[1]
}

func anAppPassword(p *parts) []string { return []string{"?id=" + p.appPassword()} }

func renaming(p *parts) []string {
	p.b.get("/passwords/rename?id=" + p.appPassword()).says(200)
	return []string{"label", "Laptop"}
}

func removing(p *parts) []string {
	p.b.get("/passwords/remove?id=" + p.appPassword()).says(200)
	return nil
}

// withUnused has an app password that nobody has used for long.
func withUnused(p *parts) []string {
	p.appPassword()
	p.mu.Lock()
	p.now = p.now.AddDate(0, 6, 0)
	p.mu.Unlock()
	p.b.get("/?again=1").post("/sign-in", "name", "alice", "password", "alice-password").leads("/code")
	p.b.post("/code", "code", p.code()).leads("/home")
	return nil
}

func removingUnused(p *parts) []string {
	withUnused(p)
	p.b.get("/passwords/unused").says(200)
	return nil
}

// asked is where a program's link leads.
func asked(p *parts) []string {
	_, link := p.b.program().ask()
	return []string{strings.TrimPrefix(link, "/login/v2/flow")}
}

func atFlow(p *parts) []string {
	isHome(p)
	p.b.get("/login/v2/flow" + asked(p)[0]).says(200)
	return nil
}

func atGrant(p *parts) []string {
	atFlow(p)
	p.b.post("/login/v2/flow").leads("/login/v2/grant").says(200)
	return nil
}

func granting(p *parts) []string {
	atGrant(p)
	return []string{"label", "Fairphone", "mine", "yes"}
}

// readingOn has granted it.
func readingOn(p *parts) []string {
	p.b.post("/login/v2/grant", granting(p)...).leads("/login/v2/done").says(200)
	return nil
}

// granted is a program that may fetch.
func granted(p *parts) []string {
	isHome(p)
	ticket, link := p.b.program().ask()
	p.b.get(link).says(200).post("/login/v2/flow").leads("/login/v2/grant").post("/login/v2/grant", "label", "Fairphone", "mine", "yes").leads("/login/v2/done")
	return []string{"token=" + url.QueryEscape(ticket)}
}

func choosingDevices(p *parts) []string {
	isHome(p)
	p.b.get("/devices").says(200)
	return []string{"device", "mac", "device", "android"}
}

func choseDevices(p *parts) []string {
	p.b.post("/devices", choosingDevices(p)...).leads("/devices/step?n=1").says(200)
	return []string{"?n=1"}
}
