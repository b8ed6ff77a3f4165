package endtoend

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// returnWalk is somebody who only wants to read mail: the web application asks
// sallyport, sends the browser to the set-up, and has it back at its end. The
// application is on another site, for which browsers are strictest.
func (o *owner) returnWalk() { o.straightBack(o.fromTheApp()) }

// mailApp is a web application with a form for name and password. It keeps
// nobody signed in: every visit is a sign-in.
func mailApp(t *testing.T, s *site) string {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	t.Cleanup(server.Close)
	app := "http://localhost:" + server.Listener.Addr().String()[len("127.0.0.1:"):]
	page := func(w http.ResponseWriter, format string, args ...any) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=en><link rel=icon href=data:,><title>Mail</title>"+format, args...)
	}
	mux.HandleFunc("GET /mail", func(w http.ResponseWriter, r *http.Request) {
		// Nothing but the address that the person had: no secret, no ticket.
		page(w, "<h1>Mail</h1><p id=at>%s</p><p id=from>%s</p>", html.EscapeString(r.URL.RequestURI()), html.EscapeString(r.Referer()))
	})
	mux.HandleFunc("GET /sign-in", func(w http.ResponseWriter, _ *http.Request) {
		page(w, "<h1>Sign in</h1><form method=post action=/sign-in><input id=name name=name autocomplete=username><input id=password name=password type=password autocomplete=current-password><button id=go>Go</button></form>")
	})
	mux.HandleFunc("GET /again", func(w http.ResponseWriter, _ *http.Request) {
		page(w, "<h1>Mail</h1><a id=go href=\"%s/?return=%s\">Go</a>", s.url, url.QueryEscape(app+"/mail?folder=2&x=%2F"))
	})
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		a, err := s.check().verdict(login{name: r.FormValue("name"), password: r.FormValue("password"), service: "web"})
		var told struct {
			EnrollURL string `json:"enroll_url"`
		}
		if err != nil || json.Unmarshal([]byte(a.body), &told) != nil || told.EnrollURL == "" {
			http.Error(w, fmt.Sprint("no link: ", err, a), http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, told.EnrollURL+"&return="+url.QueryEscape(app+"/mail?folder=1"), http.StatusSeeOther)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "nothing here: "+r.URL.Path)
	})
	server.Start()
	return app
}

func (v *visitor) visit(address string) {
	v.t.Helper()
	v.do("opening "+address, chromedp.Navigate(address))
}

// fromTheApp signs in there, and walks through the whole set-up until the button
// that leads back.
func (v *visitor) fromTheApp() string {
	v.visit(v.app + "/sign-in")
	v.write("#name", v.name)
	v.write("#password", v.name+"-password")
	v.press("#go")
	v.look("link")
	v.press(`form[action="/enroll"] button.main`)
	v.look("begin")
	key := v.settle()
	v.look("wish-with-way-back")
	v.stays("before the app password")
	want := v.sentence("onward.go", "localhost")
	v.expect(".onward a", want)
	v.open("/home")
	v.look("home-with-way-back")
	v.expect(".onward a", want)
	v.press(`.onward a`)
	v.arrives("/mail?folder=1")
	return key
}

// straightBack comes from the application again: signed in, nothing is asked;
// signed out, the password and the code are, and then the way leads back.
func (v *visitor) straightBack(key string) {
	v.visit(v.app + "/again")
	v.press("#go")
	v.arrives("/mail?folder=2&x=%2F")
	v.open("/home")
	v.press(`form[action="/sign-out"] button`)
	v.visit(v.app + "/again")
	v.press("#go")
	v.must("coming to the sign-in", within(patience, func() error { return v.at("/") }))
	v.look("sign-in-from-the-app")
	v.password(v.name + "-password")
	v.must("coming to the code", within(patience, func() error { return v.at("/code") }))
	code, err := v.site.phones.code(key)
	v.must("computing a code", err)
	v.write("#code", code)
	v.press(`form[action="/code"] button.main`)
	v.arrives("/mail?folder=2&x=%2F")
}

func (v *visitor) at(path string) error {
	if got := ask[string](v.chromium, `document.readyState === "complete" ? location.pathname : "on the way"`); got != path {
		return fmt.Errorf("at %s, not at %s", got, path)
	}
	return nil
}

// stays makes sure that nothing has gone on by itself.
func (v *visitor) stays(when string) {
	v.t.Helper()
	if got := ask[string](v.chromium, `location.origin`); got != v.base {
		v.t.Errorf("%s: %s: the browser is at %s", v.dev.name, when, got)
	}
}

// arrives waits for the application, and looks at what it learns.
func (v *visitor) arrives(at string) {
	v.t.Helper()
	v.must("coming back to the application", within(patience, func() error {
		if got := ask[string](v.chromium, `(document.getElementById("at") || {innerText: location.href}).innerText`); got != at {
			return fmt.Errorf("the browser is at %s, want %s", got, at)
		}
		return nil
	}))
	if from := ask[string](v.chromium, `document.getElementById("from").innerText`); from != "" {
		v.t.Errorf("%s: the application is told that the browser came from %s", v.dev.name, from)
	}
}
