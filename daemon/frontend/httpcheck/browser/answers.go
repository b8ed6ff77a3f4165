package browser

import (
	"io"
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
)

// refuse is a no for the web server, which has words of its own.
func refuse(w http.ResponseWriter, status int, reason account.Reason) {
	w.Header()["X-Sallyport-Reason"] = []string{string(reason)}
	w.WriteHeader(status)
}

// away is an outage: nobody is told that they are not signed in.
func (d *Door) away(w http.ResponseWriter, err error) {
	d.cfg.Log.Error("a browser could not be answered for", "error", err)
	w.Header()["Retry-After"] = []string{"5"}
	refuse(w, http.StatusServiceUnavailable, account.StoreUnavailable)
}

// lost is for people. It leads on by a link and not by itself: a browser that
// keeps no cookies would go round for ever.
func (d *Door) lost(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"text/html; charset=utf-8"}
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `<!doctype html>
<html lang="de"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Noch einmal</title>
<main><h1>Noch einmal, bitte</h1>
<p>Die Anmeldung ist hier nicht angekommen. Das kommt vor, wenn sie lange gedauert hat, in einem anderen Browser war, oder wenn dieser keine Cookies speichert.</p>
<div lang="en"><p>The sign-in did not arrive here. That happens when it took long, was in another browser, or when this one keeps no cookies.</p></div>
<p><a href="/">Weiter · <span lang="en">Continue</span></a></p></main></html>
`) // a reader that went away is nobody's error
}
