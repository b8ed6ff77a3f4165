package pam

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

const wantsCode = "HTTP/1.1 401 Unauthorized\r\nX-Sallyport-Reason: code_required\r\n\r\n"

// read reads what the module sent, by Go's own reader.
func read(t *testing.T, request string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		t.Fatalf("%v in %q", err, request)
	}
	return r
}

func TestWhatIsAsked(t *testing.T) {
	d := newDesk(t)
	s := serve(t, listen(t), saying(accept))
	long := strings.Repeat("p", 1024)
	for _, c := range []struct{ name, user, password, host, options, address, service string }{
		{"plain", "alice", "a:b c", "192.0.2.7", "service=ssh", "192.0.2.7", "ssh"},
		{"no service, no host", "alice", "x", "", "", "", ""},
		{"IPv6", "alice", "x", "2001:DB8:0::1", "", "2001:db8::1", ""},
		{"the host is a name", "alice", "x", "host.example.org", "", "", ""},
		{"the host is two addresses", "alice", "x", "192.0.2.1, 192.0.2.2", "", "", ""},
		{"the host breaks the line", "alice", "x", "192.0.2.1\r\nX-Sallyport-Service: web", "", "", ""},
		{"the host has a zone", "alice", "x", "fe80::1%eth0", "", "", ""},
		{"umlauts", "müller", "Straße", "", "", "", ""},
		{"the longest", strings.Repeat("ä", 128), long, "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "service=" + strings.Repeat("s", 64),
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", strings.Repeat("s", 64)},
		{"not UTF-8 in the password", "alice", "Stra\xdfe", "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(s.requests())
			d.talk(t, login{user: c.user, host: c.host, options: options(s.path, uid(), c.options), answers: []string{c.password}})
			if len(s.requests()) != before+1 {
				t.Fatalf("asked %d times", len(s.requests())-before)
			}
			r := read(t, s.requests()[before])
			user, password, ok := r.BasicAuth()
			if !ok || user != c.user || password != c.password || r.Method != "GET" || r.RequestURI != "/v1/auth" || r.Host != "sallyport" {
				t.Errorf("%s %s of %s for %q with %q", r.Method, r.RequestURI, r.Host, user, password)
			}
			for name, want := range map[string]string{"X-Forwarded-For": c.address, "X-Sallyport-Service": c.service} {
				if got := r.Header.Values(name); strings.Join(got, "|") != want || len(got) > 1 {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if got := r.UserAgent(); !strings.HasPrefix(got, "pam_sallyport (service") || !r.Close {
				t.Errorf("agent %q, to be closed: %v", got, r.Close)
			}
		})
	}
}

func TestTheCodeGoesBehindThePassword(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		name, options string
		answers       []string
		result        string
		asked         int
		last          string // the last password sent
	}{
		{"two prompts", "code", []string{"pw", "123456"}, authErr, 2, "pw123456"},
		{"eight digits", "code digits=8", []string{"pw", "12345678"}, authErr, 2, "pw12345678"},
		{"a one-password service", "", []string{"pw", "123456"}, authErr, 1, "pw"},
		{"no digits", "code", []string{"pw", "abcdef"}, authErr, 2, "pw"},
		{"too few", "code", []string{"pw", "12345"}, authErr, 2, "pw"},
		{"too many", "code", []string{"pw", "1234567"}, authErr, 2, "pw"},
		{"none", "code", []string{"pw", ""}, authErr, 2, "pw"},
		{"the password again", "code", []string{"pw", "pw"}, authErr, 2, "pw"},
		{"no answer at all", "code", []string{"pw"}, authErr, 2, "pw"},
		{"a password that leaves no room", "code", []string{strings.Repeat("p", 1020), "123456"}, authErr, 2, strings.Repeat("p", 1020)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, listen(t), saying(wantsCode))
			d.talk(t, login{user: "alice", options: options(s.path, uid(), c.options), answers: c.answers}).want(t, c.result, c.asked)
			got := s.requests()
			if _, password, _ := read(t, got[len(got)-1]).BasicAuth(); password != c.last {
				t.Errorf("sent %q", password)
			}
			if want := 1 + btoi(c.last != c.answers[0]); len(got) != want {
				t.Errorf("asked %d times, want %d", len(got), want)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestRefusedWithoutAsking(t *testing.T) {
	d := newDesk(t)
	s := serve(t, listen(t), saying(accept))
	for _, c := range []struct {
		name, user, password, result string
		asked                        int
	}{
		{"a colon", "alice:x", "pw", userUnknown, 0},
		{"a line feed", "alice\nX: y", "pw", userUnknown, 0},
		{"DEL", "alice\x7f", "pw", userUnknown, 0},
		{"a C1 control", "alice\u0085", "pw", userUnknown, 0},
		{"not UTF-8", "m\xfcller", "pw", userUnknown, 0},
		{"long", strings.Repeat("a", 257), "pw", userUnknown, 0},
		{"no password", "alice", "", authErr, 1},
		{"a long password", "alice", strings.Repeat("p", 1025), authErr, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.talk(t, login{user: c.user, options: options(s.path, uid()), answers: []string{c.password}}).want(t, c.result, c.asked)
		})
	}
	t.Run("no answer to the prompt", func(t *testing.T) {
		d.talk(t, login{user: "alice", options: options(s.path, uid())}).want(t, authErr, 1)
	})
	t.Run("no name", func(t *testing.T) {
		d.talk(t, login{user: "", options: options(s.path, uid()), answers: []string{"pw"}}).want(t, userUnknown, 0)
	})
	if n := len(s.requests()); n != 0 {
		t.Errorf("the daemon was asked %d times", n)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	d := newDesk(t)
	s := serve(t, listen(t), saying(accept))
	for _, o := range []string{
		"debug", "code=yes", "CODE", "uid=", "uid=-1", "uid=nobody-of-that-name", "uid=4294967295", "uid=0x0", "socket=check.sock", "socket=",
		"timeout=0", "timeout=5", "timeout=4s", "timeout=", "timeout=99999999999999999999", "digits=7", "digits=", "lang=fr", "lang=", "german=", "german=Du", "german=de", "service=", "service=SSH",
		"service=" + strings.Repeat("s", 65), "url=login.example.org", "url=https://exämple.org",
	} {
		t.Run(o, func(t *testing.T) {
			h := d.talk(t, login{user: "alice", options: options(s.path, uid(), o), answers: []string{"pw"}})
			h.want(t, unavailable, 0)
			h.wantLogged(t, o)
		})
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the daemon was asked %d times", n)
	}
}

func TestThePasswordOfAnEarlierModule(t *testing.T) {
	d := newDesk(t)
	s := serve(t, listen(t), saying(accept))
	// pam_unix asks, and refuses; what it was told stays.
	stack := func(o string) string {
		return "auth optional pam_unix.so\nauth required %s " + options(s.path, uid(), o) + "\n"
	}
	for _, o := range []string{"use_first_pass", "try_first_pass", ""} {
		before := len(s.requests())
		d.talk(t, login{user: "alice", stack: stack(o), answers: []string{"the-secret"}}).want(t, yes, 1, "the-secret")
		if _, password, _ := read(t, s.requests()[before]).BasicAuth(); password != "the-secret" {
			t.Errorf("%s: sent %q", o, password)
		}
	}
	before := len(s.requests())
	d.talk(t, login{user: "alice", options: options(s.path, uid(), "use_first_pass"), answers: []string{"x"}}).want(t, authErr, 0)
	if len(s.requests()) != before {
		t.Error("asked without a password")
	}
	// And ours stays for later ones.
	ours := "auth required %s " + options(s.path, uid()) + "\nauth required pam_unix.so use_first_pass\n"
	d.talk(t, login{user: "alice", stack: ours, answers: []string{"the-secret"}}).want(t, userUnknown, 1, "the-secret")
}

func TestTheOtherPlacesOfAServiceFile(t *testing.T) {
	d := newDesk(t)
	s := serve(t, listen(t), saying(accept))
	h := d.talk(t, login{user: "alice", options: options(s.path, uid()), answers: []string{"pw"}, flags: "acop"})
	for place, want := range map[string]string{"account": yes, "credentials": yes, "session": serviceErr, "session's end": serviceErr, "new password": serviceErr} {
		if h.other[place] != want {
			t.Errorf("%s: %q, want %q", place, h.other[place], want)
		}
	}
	h.wantLogged(t, "does not belong here")
}

func TestWords(t *testing.T) {
	d := newDesk(t)
	says := func(reason string) string {
		return "HTTP/1.1 401 Unauthorized\r\nX-Sallyport-Reason: " + reason + "\r\n\r\n"
	}
	const url = "https://login.example.org"
	for _, c := range []struct{ name, answer, options, flags, asked, told string }{
		{"English", wantsCode, "code", "", "Password: |6-digit code: ", "This code is not right. Wait for the next code and type it straight away."},
		{"German", wantsCode, "code lang=de", "", "Passwort: |Bestätigungscode (6 Ziffern): ", "Dieser Code passt nicht. Warten Sie auf den nächsten Code und tippen Sie ihn gleich ein."},
		{"German, eight", wantsCode, "code lang=de digits=8", "", "Passwort: |Bestätigungscode (8 Ziffern): ", "Dieser Code passt nicht. Warten Sie auf den nächsten Code und tippen Sie ihn gleich ein."},
		{"German, du", wantsCode, "code lang=de german=du", "", "Passwort: |Bestätigungscode (6 Ziffern): ", "Dieser Code passt nicht. Warte auf den nächsten Code und tippe ihn gleich ein."},
		{"German, sie", wantsCode, "code german=sie lang=de", "", "Passwort: |Bestätigungscode (6 Ziffern): ", "Dieser Code passt nicht. Warten Sie auf den nächsten Code und tippen Sie ihn gleich ein."},
		{"du in English", wantsCode, "code german=du", "", "Password: |6-digit code: ", "This code is not right. Wait for the next code and type it straight away."},
		{"app password, du", says("app_password_required"), "code lang=de german=du url=" + url, "", "Passwort: ", "Hier hilft nur ein App-Passwort. Dein normales Passwort und der Code aus der App gelten hier nicht. " + url},
		{"app password", says("app_password_required"), "code url=" + url, "", "Password: ", "Only an app password works here. Your normal password and the code from the app do not. " + url},
		{"app password, no page", says("app_password_required"), "code lang=de", "", "Passwort: ", "Hier hilft nur ein App-Passwort. Ihr normales Passwort und der Code aus der App gelten hier nicht."},
		{"set-up", says("enroll_required"), "code url=" + url, "", "Password: ", "From now on you need two things to sign in. Please set up your authenticator app first. " + url},
		{"nobody reads it", says("app_password_required"), "url=" + url, "", "Password: ", ""},
		{"silence is wanted", says("app_password_required"), "code url=" + url, "s", "Password: ", ""},
		{"a stranger's sentence is the program's", says("bad_credentials"), "code url=" + url, "", "Password: ", ""},
		{"spelling", "HTTP/1.1 204 No Content\r\nX-Sallyport-User: Alice\r\n\r\n", "code", "", "Password: ",
			"Please spell your login name exactly as we gave it to you, capitals and small letters included."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, listen(t), saying(c.answer))
			h := d.talk(t, login{user: "alice", options: options(s.path, uid(), c.options), answers: []string{"pw", "12 456"}, flags: c.flags})
			if got := strings.Join(h.asked, "|"); got != c.asked {
				t.Errorf("asked %q, want %q", got, c.asked)
			}
			if got := strings.Join(h.told, "|"); got != c.told {
				t.Errorf("told %q, want %q", got, c.told)
			}
		})
	}
}
