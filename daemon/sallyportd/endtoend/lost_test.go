package endtoend

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// phonesWalk is somebody with two phones: the page watches a calendar that sends
// the wrong thing, and a lost phone goes with the app password on it; then the
// other one is lost, too.
func (o *owner) phonesWalk() {
	o.first = o.enrolled().key
	o.signIn(o.first)
	o.second = o.more("Tablet", "/phone/add")
	o.calendar()
	o.watch()
	o.lose()
	o.loseTheLast()
}

// owner is somebody with phones, whose keys these are.
type owner struct {
	*visitor
	stage                    *stage
	first, second, calendars string
}

// more connects one more phone.
func (o *owner) more(label, path string) string {
	o.t.Helper()
	o.open(path)
	o.look("phone-add")
	o.write("#label", label)
	o.press(`form[action="/phone/begin"] button.main`)
	o.look("phone-add-confirm")
	key := o.connect()
	o.write("#code", o.next(key))
	o.press(`form[action="/phone/confirm"] button.main`)
	o.look("phone-added")
	o.expect("main", label)
	return key
}

// calendar makes an app password and marks it as on the first phone.
func (o *owner) calendar() {
	o.open("/passwords/new")
	o.do("choosing", o.finger(`label:has(input[value="android"])`))
	o.write("#label", "Kalender")
	o.do("choosing the phone", o.finger(`.which-phone label:nth-of-type(2)`))
	o.look("wish-phone")
	o.press(`form[action="/passwords/new"] button.main`)
	o.calendars = o.chromium.read("#app-password")
	o.open("/home")
	o.look("home-phones")
	o.expect("main", o.sentence("list.holds")+" Kalender")
}

// sync is the calendar on the phone.
func (o *owner) sync(password string, want int) {
	o.t.Helper()
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(o.name, password)
	a, err := o.site.check().ask(request{method: http.MethodGet, path: "/v1/auth", headers: []string{
		"Authorization: " + r.Header.Get("Authorization"), "X-Sallyport-Service: dav", "X-Forwarded-For: 192.0.2.7", "User-Agent: DAVx5/4.4"}})
	o.must("asking the socket", err)
	o.must("asking the socket", expectStatus(a, want))
}

// watch is the page looking on while the calendar sends the normal password, and
// then what helps: by its script without loading again, and without one by loading
// again.
func (o *owner) watch() {
	o.press(`a[href="/tries"]`)
	o.look("tries")
	o.press(`a[href="/tries/watch"]`)
	o.look("watch")
	if n := ask[int](o.chromium, `document.querySelectorAll("#seen li").length`); n != 0 {
		o.t.Fatalf("%s: something has arrived already", o.dev.name)
	}
	ask[bool](o.chromium, `(document.documentElement.dataset.same = "1") === "1"`)
	o.sync(o.name+"-password", http.StatusUnauthorized)
	o.arrives(o.sentence("try.why.app_password_required"))
	if same := ask[bool](o.chromium, `document.documentElement.dataset.same === "1"`); same == o.dev.noScript {
		o.t.Errorf("%s: the page was loaded again: %t", o.dev.name, !same)
	}
	o.look("watch-refused")
	o.sync(o.calendars, http.StatusNoContent)
	o.arrives(o.sentence("try.why.ok"))
	o.look("watch-works")
	if n := ask[int](o.chromium, `document.querySelectorAll("#told li").length`); n != 1 {
		o.t.Errorf("%s: the calendar that works stands there %d times", o.dev.name, n)
	}
}

// arrives waits until the page shows, by itself, what has arrived.
func (o *owner) arrives(words string) {
	o.t.Helper()
	o.must("watching", within(patience, func() error {
		if got := ask[string](o.chromium, `(document.querySelector("#seen") || {innerText: ""}).innerText`); !strings.Contains(got, words) {
			return fmt.Errorf("it reads %q, want %q", got, words)
		}
		return nil
	}))
}

// lose signs in with the second phone and says that the first is gone.
func (o *owner) lose() {
	o.press(`form[action="/sign-out"] button`)
	o.password(o.name + "-password")
	o.write("#code", o.next(o.second))
	o.press(`form[action="/code"] button.main`)
	o.press(`a[href="/phones/lost"]`)
	o.look("lost-which")
	o.do("choosing", o.finger(`label.choice:nth-of-type(1)`))
	o.press(`form[action="/phones/lost"] button.main`)
	o.look("lost")
	o.expect("#ends", "Kalender")
	if got := o.chromium.read("#ends"); strings.Contains(got, "Tablet") {
		o.t.Errorf("%s: more is to end than is lost: %s", o.dev.name, got)
	}
	o.press(`form[action="/phones/lost"] button.main`)
	o.look("lost-done")
	o.sync(o.calendars, http.StatusUnauthorized)
	o.must("the lost phone", o.login(o.first, "deny"))
	o.must("the other phone", o.login(o.second, "accept"))
}

// login tells whether a code of this phone is a way in.
func (o *owner) login(key, want string) error {
	o.t.Helper()
	a, err := o.site.check().verdict(login{name: o.name, password: o.name + "-password", code: o.next(key), service: "web"})
	var said struct{ Verdict string }
	err = errors.Join(err, json.Unmarshal([]byte(a.body), &said))
	if err == nil && said.Verdict != want {
		err = fmt.Errorf("got %s, want %s", a, want)
	}
	return err
}

// loseTheLast leads on to a new phone; until there is one, the emergency codes are
// the second factor, and the password alone opens nothing.
func (o *owner) loseTheLast() {
	o.open("/phones/lost")
	o.look("lost-last")
	o.expect(".cost", "10")
	o.press(`form[action="/phones/lost"] button.main`)
	o.look("lost-last-done")
	if at := ask[string](o.chromium, `location.pathname`); at != "/phone/add" {
		o.t.Errorf("%s: it leads to %s", o.dev.name, at)
	}
	b, err := o.site.another()
	o.must("opening another browser", err)
	o.must("the password alone", errors.Join(b.get("/"), b.submit("/sign-in", url.Values{"name": {o.name}, "password": {o.name + "-password"}})))
	if b.at.Path != "/code" {
		o.t.Errorf("%s: the password alone leads to %s", o.dev.name, b)
	}
	third := o.more("Neu", "/phone/add")
	o.must("the new phone", o.login(third, "accept"))
	o.must("the phone before it", o.login(o.second, "deny"))
}
