package servicemap_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/listen/servicemap"
)

func TestWhatAWordMeans(t *testing.T) {
	type asked map[string]string // word to service; "" is none
	for name, c := range map[string]struct {
		allowed  []string
		fallback string
		words    map[string]string
		asked    asked
		wrong    string
	}{
		"one service needs no words":      {[]string{"imap"}, "", nil, asked{"smtp": "imap", "": "imap"}, ""},
		"a fallback for every other word": {[]string{"imap", "dav"}, "dav", map[string]string{"imap": "imap"}, asked{"imap": "imap", "HTTP": "dav", "": "dav"}, ""},
		"words alone":                     {[]string{"imap", "dav"}, "", map[string]string{"smtp": "imap"}, asked{"smtp": "imap", "imap": "", "dav": "", "": ""}, ""},
		// The words narrow the one service: what is not listed is not asked.
		"words on one service": {[]string{"imap"}, "", map[string]string{"smtp": "imap"}, asked{"smtp": "imap", "pop3": ""}, ""},
		"any case, both ways":  {[]string{"dav"}, "", map[string]string{"HTTP": "dav"}, asked{"http": "dav", "HTTP": "dav", "Http": "dav", "HTTPS": ""}, ""},
		// A word is the peer's to choose, and must not reach past the list.
		"a service's own name is no word": {[]string{"imap", "web"}, "imap", map[string]string{"smtp": "imap"}, asked{"web": "imap"}, ""},

		"a fallback that is not allowed": {[]string{"imap"}, "web", nil, nil, `"web"`},
		"a word past the list":           {[]string{"imap"}, "imap", map[string]string{"HTTP": "web"}, nil, `"HTTP" means service "web"`},
		"two services and no choice":     {[]string{"imap", "dav"}, "", nil, nil, "imap, dav"},
		"no service at all":              {nil, "", nil, nil, "nothing says"},
	} {
		m, err := servicemap.New(c.allowed, c.fallback, c.words)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: error %v, want one about %s", name, err, c.wrong)
			}
			if got, ok := m.Of("imap"); ok {
				t.Errorf("%s: what was refused still means %q", name, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for word, want := range c.asked {
			if got, ok := m.Of(word); got != want || ok != (want != "") {
				t.Errorf("%s: %q means %q, %v, want %q", name, word, got, ok, want)
			}
		}
	}
}

func TestTheZeroValueAllowsNothing(t *testing.T) {
	for _, word := range []string{"", "imap"} {
		if got, ok := (servicemap.Map{}).Of(word); ok || got != "" {
			t.Errorf("%q means %q", word, got)
		}
	}
}
