package pageform

import (
	"slices"
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

// A web application has a host to itself, and may be asked about at many sockets.
func TestApart(t *testing.T) {
	const page, app = "https://login.example.org", "https://app.example.org"
	for name, tc := range map[string]struct {
		text    string
		sockets [][]string
		want    []string // keys
	}{
		"one":                      {"[page]", [][]string{nil, {app}}, nil},
		"the same at two sockets":  {"[page]", [][]string{{app, "https://wiki.example.org:8443"}, {app}}, nil},
		"the page":                 {"[page]", [][]string{{page}}, []string{"listen[0].origins"}},
		"another port of the page": {"[page]", [][]string{nil, {page + ":8443"}}, []string{"listen[1].origins"}},
		"two ports of one":         {"[page]", [][]string{{app}, nil, {app + ":8443"}}, []string{"listen[2].origins"}},
		"two ports at one socket":  {"[page]", [][]string{{app, app + ":8443"}}, []string{"listen[0].origins"}},
		"no page":                  {"", [][]string{nil, {app}}, []string{"listen[1].origins"}},
		"no page and none":         {"", [][]string{nil, {}}, nil},
	} {
		doc, table := strict.Read("s.toml", "/", tc.text)
		url := page
		if tc.text == "" {
			url = ""
		}
		apart := Apart(table, url)
		for _, origins := range tc.sockets {
			apart(origins)
		}
		var got []string
		for key := range doc.Refused() {
			got = append(got, key)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: refused %v, want %v", name, got, tc.want)
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
