package endtoend

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	downloads "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"howett.net/plist"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
)

// tidyWalk is somebody who connects an iPhone with a profile and then Outlook, and
// removes at once what no device has used for months: two of three old app
// passwords, for the third is in use after all. A phone that was added goes again.
func (o *owner) tidyWalk() {
	person := o.enrolled()
	o.signIn(person.key)
	fresh, old := o.profile(), o.stage.old[o.name]
	o.answers(http.StatusNoContent, old[0])
	o.must("seeing the use of an old one", within(patience, func() error {
		o.open("/home")
		if n := strings.Count(o.words(), o.sentence("list.asleep")); n != 2 {
			return fmt.Errorf("%d are said to be unused, want 2", n)
		}
		return nil
	}))
	o.look("home-unused")
	o.press(`a[href="/passwords/unused"]`)
	o.look("unused")
	if list := o.chromium.read("ul.list"); !strings.Contains(list, "Altes Notebook 2") || !strings.Contains(list, "Altes Notebook 3") ||
		strings.Contains(list, "Altes Notebook 1") || strings.Contains(list, "Mein iPhone") {
		o.t.Errorf("%s: it would remove\n%s", o.dev.name, list)
	}
	o.press(`form[action="/passwords/unused"] button.main`)
	o.look("unused-removed")
	o.says(".notice", "note.unused")
	for secret, want := range map[string]int{fresh: 204, old[0]: 204, old[1]: 401, old[2]: 401} {
		o.answers(want, secret)
	}
	o.outlook()
	o.onePhoneLess(person)
}

// outlook is told what its add-in needs.
func (o *owner) outlook() {
	o.open("/passwords/new")
	o.do("choosing", o.finger(`label:has(input[value="outlook"])`))
	o.press(`form[action="/passwords/new"] button.main`)
	o.look("device-outlook")
	o.says("main", "recipe.outlook")
	o.says("main", "fresh.outlook")
	o.expect("dl.give", "https://dav.example.org/")
	o.answers(http.StatusNoContent, o.chromium.read("#app-password"))
}

// onePhoneLess connects another phone and removes it: not with a code that is none,
// and with an emergency code; the phone before it stays.
func (o *owner) onePhoneLess(person enrolled) {
	second := o.more("Tablet", "/phone/add")
	o.open("/home")
	o.press(`a[href^="/phones/remove"][aria-label*="Tablet"]`)
	o.look("phone-remove")
	for _, code := range []string{"k7m2x-9qxvd-hz4tx", person.codes[5]} {
		o.write("#code", code)
		o.press(`form[action="/phones/remove"] button.main`)
		if code != person.codes[5] {
			o.look("phone-remove-refused")
			o.says("[role=alert]", "phones.code_wrong")
		}
	}
	o.look("phone-removed")
	o.says(".notice", "note.gone")
	o.must("the phone that is gone", o.login(second, "deny"))
	o.must("the phone that stays", o.login(person.key, "accept"))
}

// profile makes an app password for an iPhone and downloads the profile, once.
func (o *owner) profile() string {
	o.open("/passwords/new")
	o.do("choosing", o.finger(`label:has(input[value="iphone"])`))
	o.write("#label", "Mein iPhone")
	o.press(`form[action="/passwords/new"] button.main`)
	o.look("profile-offered")
	secret := o.chromium.read("#app-password")
	// A computer is told to do that on the iPhone; this one says that it is one.
	place := ".on-phone"
	if !o.dev.mobile {
		place = ".on-computer"
		o.do("opening what is for the iPhone itself", o.finger(`.easy .on-computer summary`))
	}
	button := place + ` form[action="/passwords/profile"] button`
	name, file := o.download(button)
	if !strings.HasSuffix(name, ".mobileconfig") {
		o.t.Errorf("%s: the file is called %s", o.dev.name, name)
	}
	var top struct{ PayloadContent []map[string]any }
	if _, err := plist.Unmarshal(file, &top); err != nil || len(top.PayloadContent) != 2 {
		o.t.Fatalf("%s: %d accounts, %v in\n%s", o.dev.name, len(top.PayloadContent), err, file)
	}
	for i, kind := range []string{"CalDAV", "CardDAV"} {
		a := top.PayloadContent[i]
		if got, want := fmt.Sprint(a["PayloadType"], a[kind+"HostName"], a[kind+"UseSSL"], a[kind+"Username"], a[kind+"Password"]),
			fmt.Sprint("com.apple."+strings.ToLower(kind)+".account", "dav.example.org", true, o.name, strings.ReplaceAll(secret, "\n", "")); got != want {
			o.t.Errorf("%s: the profile says %s, want %s", o.dev.name, got, want)
		}
	}
	o.press(button)
	o.look("profile-once")
	o.says("h1", "profile.spent")
	return secret
}

// download taps something that is a file, and returns its name and what is in it.
func (o *owner) download(sel string) (string, []byte) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.ctx, patience)
	defer cancel()
	dir, on := o.t.TempDir(), true
	begun, progress := chromedp.Events(ctx, downloads.DownloadWillBegin), chromedp.Events(ctx, downloads.DownloadProgress)
	o.do("allowing a download", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, downloads.SetDownloadBehavior, downloads.SetDownloadBehaviorParams{
			Behavior: downloads.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: dir, EventsEnabled: &on,
			BrowserContextID: chromedp.FromContext(o.ctx).BrowserContextID})
		return chromedp.Void{}, err
	})
	o.do("tapping "+sel, o.finger(sel))
	name := ""
	for e, err := range begun {
		o.must("waiting for a download", err)
		name = e.SuggestedFilename
		break
	}
	for e, err := range progress {
		o.must("downloading", err)
		if e.State == downloads.DownloadProgressStateCompleted {
			file, err := os.ReadFile(filepath.Join(dir, e.GUID))
			o.must("reading what was downloaded", err)
			return name, file
		}
	}
	o.t.Fatalf("%s: nothing was downloaded:\n%s", o.dev.name, o.words())
	return "", nil
}

// longAgo gives people three app passwords each that were made a hundred days ago,
// and returns them. Nobody can wait for that: it is the one place where these tests
// reach into the store, before any daemon has.
func (s *site) longAgo(names ...string) map[string][]string {
	s.t.Helper()
	ctx, at := context.Background(), time.Now().AddDate(0, 0, -100)
	kek, err := seal.LoadKEK(s.path("kek"))
	s.must("reading the master key", err)
	db, err := sqlite.Open(ctx, sqlite.Config{Path: s.path("state/state.db"), Now: time.Now})
	s.must("opening the store", err)
	ring, kept, err := seal.NewRing(kek, db.Instance())
	s.must("making keys", err)
	s.must("keeping the keys", db.SaveKeysets(ctx, kept))
	store, old := db.Store(ring), map[string][]string{}
	for _, name := range names {
		c := account.Change{Subject: account.ID(s.people.Values(directorytest.PersonDN(name), "entryUUID")[0])}
		for i := range 3 {
			entropy := make([]byte, factor.EntropySize)
			_, err := rand.Read(entropy)
			s.must("drawing an app password", err)
			made, err := apppassword.Factor{}.Enroll(ctx, factor.Enrollment{Account: name, Entropy: entropy, Now: at})
			s.must("making an app password", err)
			old[name] = append(old[name], made.Secret)
			c.Put = append(c.Put, account.Record{ID: rand.Text(), Subject: c.Subject, Factor: "app-password", Uses: -1, Created: at,
				Label: fmt.Sprintf("Altes Notebook %d", i+1), Services: []string{"dav"}, Format: made.Format, Payload: made.Payload})
		}
		s.must("keeping app passwords", store.Commit(ctx, c))
	}
	store.Close()
	s.must("closing the store", db.Close())
	return old
}
