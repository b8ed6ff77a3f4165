package enrollweb

import (
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// step is one thing to do on the page.
type step struct {
	// needs are the parts without which it cannot be done.
	needs string
	// begin leads to where it is done, and returns what is typed there; or, for a
	// GET, what follows the path.
	begin func(*parts) []string
	// want is where it leads, if it begins with "/", or what the page then says.
	want string
}

// awaySteps are all that can be done on the page: a method and a path each.
func awaySteps() map[string]step {
	const see, change = people + reading, people + reading + writing
	return map[string]step{
		"GET /":                    {"", nobody, "Your normal password"},
		"GET /sign-in":             {"", nobody, "/"},
		"POST /sign-in":            {change, signedOut, "/code"},
		"GET /enroll":              {"", invitedByLink, "Set up now"},
		"POST /enroll":             {reading + writing, linkOpened, "/setup"},
		"GET /code":                {"", atCode, "6-digit code"},
		"POST /code":               {change + codeApp, atCodeWithCode, "/home"},
		"GET /back":                {change, fromAnApplication, "/.sallyport/enter?code="},
		"GET /home":                {see, isHome, "Alice Ahrens"},
		"GET /sign-out":            {"", isHome, "/home"},
		"POST /sign-out":           {reading + writing, isHome, "/?bye=1"},
		"GET /setup":               {see, atBegin, "Set up in three steps"},
		"GET /setup/invite":        {"", atBegin, "/setup"},
		"POST /setup/invite":       {change, atInvite, "/setup"},
		"GET /setup/begin":         {"", atBegin, "/setup"},
		"POST /setup/begin":        {change + codeApp, atBegin, "/setup"},
		"GET /setup/confirm":       {"", atBegin, "/setup"},
		"POST /setup/confirm":      {change + codeApp + recovers, atConfirm, "Your emergency codes"},
		"GET /later":               {"", atBegin, "/setup"},
		"POST /later":              {see, atBegin, "/setup"}, // she owes it
		"GET /phone":               {see, isHome, "Until that is done"},
		"GET /phone/add":           {see, isHome, "Connect another phone"},
		"GET /phone/begin":         {"", isHome, "/phone"},
		"POST /phone/begin":        {change + codeApp, addingAPhone, "/phone/add"},
		"GET /phone/confirm":       {"", isHome, "/phone"},
		"POST /phone/confirm":      {change + codeApp, confirmingAPhone, "/home?note=added"},
		"GET /phones/rename":       {see, itsID, "Rename phone"},
		"POST /phones/rename":      {change, renamingAPhone, "/home?note=renamed"},
		"GET /phones/remove":       {see, onePhoneTooMany, "Remove"},
		"POST /phones/remove":      {change + codeApp, removingAPhone, "/home?note=gone"},
		"GET /phones/lost":         {see, isHome, "Lost"},
		"POST /phones/lost":        {change, losingAPhone, "/phone/add"},
		"GET /codes":               {see, isHome, "emergency codes"},
		"POST /codes":              {change + recovers, renewingCodes, "Your emergency codes"},
		"GET /codes/kept":          {"", isHome, "/home"},
		"POST /codes/kept":         {see, keepingCodes, "/devices"},
		"GET /devices":             {see, isHome, "Which devices sync your calendar?"},
		"POST /devices":            {see, choosingDevices, "/devices/step?n=1"},
		"GET /devices/step":        {see, choseDevices, "Device 1 of 2: Mac"},
		"GET /passwords/new":       {see, isHome, "New app password"},
		"POST /passwords/new":      {change + apps, wishing, "Thunderbird"},
		"GET /passwords/profile":   {see, anAppPassword, "This profile has been downloaded already"},
		"POST /codes/file":         {"", savingCodes, "k7m20-9qxvd-hz4t0"},
		"POST /passwords/profile":  {see, gettingAProfile, "PayloadContent"},
		"GET /passwords/wait":      {see, anAppPassword, "Büro"},
		"GET /passwords/rename":    {see, anAppPassword, "Büro"},
		"POST /passwords/rename":   {change, renaming, "/home?note=renamed"},
		"GET /passwords/remove":    {see, anAppPassword, "“Büro” then no longer gets at your data"},
		"POST /passwords/remove":   {change, removing, "/home?note=removed"},
		"GET /passwords/unused":    {see, withUnused, "Büro"},
		"POST /passwords/unused":   {change, removingUnused, "/home?note=unused"},
		"GET /tries":               {see, isHome, "not sync"},
		"GET /tries/watch":         {"", isHome, "/tries?watch="},
		"POST /index.php/login/v2": {"", nobody, `"login"`},
		"POST /login/v2":           {"", nobody, `"login"`},
		"POST /login/v2/poll":      {change + apps, granted, `"appPassword"`},
		"GET /login/v2/flow":       {reading, asked, "A program asks for an app password"},
		"POST /login/v2/flow":      {see, atFlow, "/login/v2/grant"},
		"GET /login/v2/grant":      {see, atGrant, "Give this program an app password?"},
		"POST /login/v2/grant":     {change, granting, "/login/v2/done"},
		"GET /login/v2/done":       {see, readingOn, "“Fairphone” by itself"},
	}
}

// TestAPartIsAway goes over all routes. Without a part that a step needs, the
// answer is an outage: it says so in the person's language, that it is not their
// fault and whom to call, and nothing is different from before. The same form then
// does what it should as soon as the part is back, while what the step does not
// need stays away.
func TestAPartIsAway(t *testing.T) {
	t.Parallel()
	codes := sheetOnce()
	steps, page := awaySteps(), newParts(t, codes).page
	for path, rt := range page.routes {
		for method, there := range map[string]bool{"GET": rt.Get != nil, "POST": rt.Post != nil || rt.Program != nil} {
			_, known := steps[method+" "+path]
			if there != known {
				t.Errorf("%s %s: the page has it: %t, this test: %t", method, path, there, known)
			}
		}
	}
	for name, s := range steps {
		method, path, _ := strings.Cut(name, " ")
		rt, ok := page.routes[path]
		if !ok {
			t.Errorf("%s: no such route", name)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newParts(t, codes)
			typed := s.begin(p)
			do := p.form(path, typed)
			if method == http.MethodGet {
				do = func() { p.b.get(path + strings.Join(typed, "")) }
			}
			if rt.Program != nil {
				do = p.program(path, typed)
			}
			before := p.ledger()
			for _, part := range strings.Split(s.needs, "") {
				for _, lang := range []string{"de", "en"} {
					p.b.lang = lang
					p.without(part)
					do()
					p.without("")
					p.disturbed(part, lang, rt.Program != nil)
					if after := p.ledger(); after != before {
						t.Errorf("without %q it left\n%s\nafter\n%s", part, after, before)
					}
				}
			}
			p.without(others(s.needs))
			do()
			p.without("")
			p.done(s.want)
		})
	}
}

// others are the parts that are not needed. Whoever needs to read only can do so
// from a full disk.
func others(needs string) string {
	return strings.Map(func(part rune) rune {
		if strings.ContainsRune(needs, part) {
			return -1
		}
		return part
	}, allParts)
}

// form sends what the page has shown, always the same.
func (p *parts) form(path string, typed []string) func() {
	fields := p.b.fields
	return func() { p.b.repeat(path, maps.Clone(fields), typed...) }
}

// program asks as one that is no browser.
func (p *parts) program(path string, typed []string) func() {
	return func() {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "https://login.example.org"+path, strings.NewReader(strings.Join(typed, "")))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		p.b.h.ServeHTTP(rec, r)
		p.b.res, p.b.body = rec.Result(), rec.Body.String()
	}
}

// disturbed wants the answer to say what is the matter.
func (p *parts) disturbed(part, lang string, program bool) {
	p.t.Helper()
	texts := []string{"It is not you, and it is not your password", "Sign-in has a problem", `<html lang="en">`, "+49 30 123 456", "Mo–Fr 8–18 Uhr"}
	if lang == "de" {
		texts = []string{"Das liegt nicht an Ihnen und nicht an Ihrem Passwort", "Die Anmeldung ist gerade gestört", `<html lang="de">`, "+49 30 123 456", "Mo–Fr 8–18 Uhr"}
	}
	if program {
		texts = []string{"[]"}
	}
	if p.b.res.StatusCode != http.StatusServiceUnavailable || p.b.res.Header.Get("Retry-After") == "" {
		p.t.Fatalf("without %q: %d to %q\n%s", part, p.b.res.StatusCode, p.b.res.Header.Get("Location"), p.b.body)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(p.b.body), text) {
			p.t.Errorf("without %q the page does not say %q:\n%s", part, text, p.b.body)
		}
	}
	for _, c := range p.b.res.Cookies() {
		// A new form for strangers and a note of what to do next prove nothing.
		if c.MaxAge < 0 || strings.HasSuffix(c.Name, "-session") || strings.HasSuffix(c.Name, "-pending") {
			p.t.Errorf("without %q the browser is given %s", part, c)
		}
	}
}

// done wants the step to have led where it should.
func (p *parts) done(want string) {
	p.t.Helper()
	got, status := p.b.body, http.StatusOK
	if p.b.res.StatusCode == http.StatusSeeOther {
		got, status = p.b.res.Header.Get("Location"), http.StatusSeeOther
	}
	if p.b.res.StatusCode != status || !strings.Contains(got, want) || status == http.StatusSeeOther && !strings.HasPrefix(got, want) {
		p.t.Errorf("with all that it needs: %d, want %q:\n%s", p.b.res.StatusCode, want, got)
	}
}
