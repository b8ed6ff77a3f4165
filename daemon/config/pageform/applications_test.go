package pageform

import (
	"strconv"
	"testing"

	"github.com/sallyport/sallyport/daemon/config/strict"
	"github.com/sallyport/sallyport/enrollweb/back"
)

// read reads one entry of both lists, and tells which took it.
func read(entry string) (returnTo, origin bool) {
	for i, f := range []func(*strict.Table) []string{ReturnTo, Origins} {
		doc, t := strict.Read("s.toml", "/", []string{"return_to", "origins"}[i]+" = ["+strconv.QuoteToASCII(entry)+"]")
		if t == nil {
			continue // not even TOML
		}
		f(t)
		if i == 0 {
			returnTo = doc.Err() == nil
		} else {
			origin = doc.Err() == nil
		}
	}
	return returnTo, origin
}

func TestApplications(t *testing.T) {
	for entry, want := range map[string][2]bool{
		"https://app.example.org":            {true, true},
		"https://app.example.org:8443":       {true, true},
		"http://127.0.0.1:8000":              {true, true},
		"http://[::1]:8000":                  {true, true},
		"http://localhost":                   {true, true},
		"https://app.example.org/":           {true, false},
		"https://app.example.org/cloud/mail": {true, false},
		"https://app.example.org/cloud/":     {true, false},
		"http://app.example.org":             {},
		"app.example.org":                    {},
		"//app.example.org":                  {},
		"https://":                           {},
		"https://App.example.org":            {},
		"https://*.example.org":              {},
		"https://app..org":                   {},
		"https://app.example.org.":           {},
		"https://a:b@app.example.org":        {},
		"https://app.example.org/?a":         {},
		"https://app.example.org?":           {},
		"https://app.example.org/#a":         {},
		"https://app.example.org/a/../b":     {},
		"https://app.example.org//b":         {},
		"https://app.example.org/%61":        {},
		"https://app.example.org:":           {},
		"https://app.example.org:0443":       {},
		"https://[app.example.org]":          {},
		"http://[::1%25lo]":                  {},
		`https://app.example.org\b`:          {},
		"https://app.example.org/ü":          {},
		"ftp://app.example.org":              {},
		"*":                                  {},
	} {
		if returnTo, origin := read(entry); returnTo != want[0] || origin != want[1] {
			t.Errorf("%s: return_to %t, origins %t, want %v", entry, returnTo, origin, want)
		}
	}
}

// What the config takes, the page takes: a daemon does not stumble at its start.
func FuzzThePageTakesIt(f *testing.F) {
	for _, s := range []string{"https://app.example.org", "https://app.example.org/a/", "http://[::1]:80", "https://1.2.3", "https://a-.b", "http://localhost/;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		returnTo, origin := read(entry)
		if returnTo {
			if _, err := back.New([]string{entry}, nil); err != nil {
				t.Error(err)
			}
		}
		if origin {
			if _, err := back.New(nil, []string{entry}); err != nil {
				t.Error(err)
			}
		}
	})
}
