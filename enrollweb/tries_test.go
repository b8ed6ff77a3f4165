package enrollweb

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
)

// reasons is the closed list, as it stands in the source.
func reasons(t *testing.T) []account.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../daemon/account/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []account.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value); err == nil {
				all = append(all, account.Reason(word))
			}
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only %d reasons were found", len(all))
	}
	return all
}

// Every reason has a sentence and a next step, in each language.
func TestEveryReasonHasASentenceAndANextStep(t *testing.T) {
	for _, lang := range []string{"de", "en"} {
		for _, r := range reasons(t) {
			w := newWorld()
			b := signedIn(t, w)
			b.lang = lang
			w.tries = []account.Event{{At: now(), Act: account.ActCheck, Service: "dav", Reason: r, Record: "gone", Label: "Fairphone"}}
			b.get("/tries").says(200, "Fairphone")
			_, rest, _ := strings.Cut(b.body, `id="told"`)
			item, _, _ := strings.Cut(rest, "</li>")
			says := strings.Split(item, "<p")[1:]
			if len(says) != 3 {
				t.Fatalf("%s: %q", r, item)
			}
			for _, p := range says {
				if text := plain("<p" + p); len(text) < 9 || strings.Contains(text, "try.") || strings.Contains(text, "{") || strings.Contains(text, string(r)) && r != account.OK {
					t.Errorf("%s, %s: says %q", lang, r, text)
				}
			}
		}
	}
}

// The newest of each device, each told by its app password, its program and its
// network, and nothing that a stranger typed.
func TestWhyADeviceDoesNotSync(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	w.edit(func(v *enroll.View) {
		v.AppPasswords = []account.Record{
			{ID: "p1", Label: "Fairphone", LastUsed: now().Add(-time.Hour), LastService: "dav", LastAgent: "DAVx5/4.3"},
			{ID: "p2", Label: "Renamed", LastUsed: now().AddDate(0, 0, -3)},
			{ID: "p3", Label: "Never"},
			{ID: "p4", Label: "Office", LastUsed: now().AddDate(0, 0, -4), LastService: "dav", LastAgent: "Thunderbird/128"},
		}
	})
	w.tries = []account.Event{
		{At: now().Add(-time.Minute), Service: "dav", Record: "p2", Label: "Old name", Reason: account.WrongService, Count: 4},
		{At: now().Add(-2 * time.Minute), Service: "dav", Agent: "Your account is locked, call 0190", Address: "192.0.2.9", Name: "call 0190", Reason: account.AppPasswordRequired},
		{At: now().Add(-3 * time.Minute), Service: "dav", Record: "p9", Label: "Lost one", Agent: "iOS/17", Reason: account.AppPasswordRevoked},
		{At: now().Add(-4 * time.Minute), Service: "dav", Record: "p2", Label: "Old name", Reason: account.DirectoryUnavailable},
		{At: now().Add(-50 * time.Minute), Service: "dav", Agent: "Thunderbird/128", Reason: account.AppPasswordTypo},
		{At: now().Add(-2 * time.Hour), Service: "dav", Agent: "DAVx5/4.3", Reason: account.AppPasswordTypo},
		{At: now().Add(-3 * time.Hour), Service: "dav", Record: "p1", Label: "Fairphone", Reason: account.StoreUnavailable},
	}
	b.get("/tries")
	text := plain(b.body)
	_, text, _ = strings.Cut(text, "what you can do. ")
	want := "Renamed today, 09:29 · Calendar and contacts · 4 times This app password was made for something else, not for “Calendar and contacts”. Make an app password for “Calendar and contacts” and enter it on the device. " +
		"A device without a valid app password today, 09:28 · Calendar and contacts · network 192.0.2.9 This device does not use an app password, but probably your normal password. Make an app password and enter it on the device. Do you not know the device? It was not let in. " +
		"Lost one today, 09:27 · Calendar and contacts · iPhone or iPad The app password on this device has been removed. Make a new app password and enter it on the device. If it should no longer sync, remove the account there. " +
		"Thunderbird without a valid app password today, 08:40 · Calendar and contacts There is a typing mistake in the app password. Type it again on the device. Do you no longer have it? Then make a new app password. " +
		"Fairphone today, 08:30 · Calendar and contacts · Android (DAVx5) The last time it worked. There is nothing to do here. " +
		"Office 19 November 2026, 09:30 · Calendar and contacts · Thunderbird The last time it worked. There is nothing to do here. " +
		"Never No device has tried this app password yet. Enter it on the device, or remove it if you do not need it. "
	if text = strings.ReplaceAll(text, "\u00a0", " "); !strings.HasPrefix(text, want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if strings.Contains(b.body, "0190") {
		t.Error("a stranger's sentence is on the page")
	}
	b = signedIn(t, newWorld())
	b.says(200, "Is a device not syncing?", `href="/tries"`)
	b.get("/tries").says(200, "No device has tried yet")
}

// The page watches for five minutes, without a script by loading itself again, and
// shows what comes in that time; a success may be told as up to a minute old.
func TestThePageWatchesForTheNextTry(t *testing.T) {
	w := newWorld()
	b := signedIn(t, w)
	w.edit(func(v *enroll.View) {
		v.AppPasswords = []account.Record{{ID: "p1", Label: "Fairphone", LastUsed: now().Add(-2 * time.Minute)}}
	})
	start := "/tries?watch=" + strconv.FormatInt(now().Unix(), 10)
	again := `<noscript><meta http-equiv="refresh" content="5"></noscript>`
	if b.get("/tries"); strings.Contains(b.body, again) || strings.Contains(b.body, "data-watch") {
		t.Error("it watches before it is asked to")
	}
	b.get("/tries/watch").leads(start).says(200, again, `data-watch="`+start+`"`, "Nothing has arrived yet")
	w.tries = []account.Event{
		{At: now().Add(time.Second), Service: "dav", Agent: "DAVx5/4.3", Reason: account.AppPasswordTypo},
		{At: now().Add(-time.Second), Service: "dav", Agent: "iOS/17", Reason: account.AppPasswordRevoked},
	}
	b.get(start).says(200, "This has just arrived", again)
	seen, _, _ := strings.Cut(b.body, `id="told"`)
	if !strings.Contains(seen, "typing mistake") || strings.Contains(seen, "has been removed") || strings.Contains(seen, "The last time it worked") {
		t.Errorf("what arrived:\n%s", seen)
	}
	w.edit(func(v *enroll.View) { v.AppPasswords[0].LastUsed = now().Add(-59 * time.Second) })
	b.get(start)
	if seen, _, _ = strings.Cut(b.body, `id="told"`); !strings.Contains(seen, "The last time it worked") {
		t.Error("a success that is told as a minute old is missed")
	}
	at := func(d time.Duration) string { return "/tries?watch=" + strconv.FormatInt(now().Add(d).Unix(), 10) }
	w.tries = nil
	w.edit(func(v *enroll.View) { v.AppPasswords = nil })
	if b.get(at(-5*time.Minute)).says(200, "Nothing arrived in the five minutes", ">Start again</a>"); strings.Contains(b.body, again) {
		t.Error("it watches for longer than it says")
	}
	for _, bad := range []string{at(time.Second), at(-time.Hour), "/tries?watch=x", "/tries?watch=99999999999999999999", "/tries?watch=-1"} {
		if b.get(bad).says(200, ">Start</a>"); strings.Contains(b.body, again) {
			t.Errorf("%s is watched", bad)
		}
	}
	w.fail["Tries"] = account.ErrUnavailable
	b.get("/tries").says(503, "it is not your password")
}
