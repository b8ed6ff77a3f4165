package reading

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// said is an entry in one line: line, login, parameters or refusal.
func said(e Entry) string {
	out := fmt.Sprintf("%d %s", e.Line, e.Login)
	if e.Refused != "" {
		return out + " refused: " + e.Refused
	}
	u, err := url.Parse(e.Text)
	if err != nil {
		return out + " unreadable"
	}
	q := u.Query()
	return strings.TrimSpace(fmt.Sprintf("%s %s:%s %s %s %s %s", out, u.Host, q.Get("secret"), q.Get("algorithm"), q.Get("digits"), q.Get("period"), e.Label))
}

func compare(t *testing.T, got []Entry, want ...string) {
	t.Helper()
	for i, e := range got {
		if i >= len(want) {
			t.Errorf("and one too many: %s", said(e))
		} else if !strings.HasPrefix(strings.Join(strings.Fields(said(e)), " "), want[i]) {
			t.Errorf("got  %s\nwant %s", said(e), want[i])
		}
		if (e.Text == "") == (e.Refused == "") {
			t.Errorf("%s is neither a text nor a refusal, or both", said(e))
		}
	}
	if len(got) < len(want) {
		t.Errorf("missing: %q", want[len(got):])
	}
}

func TestURIs(t *testing.T) {
	u := "otpauth://totp/"
	compare(t, URIs("f", strings.Join([]string{
		"# a list", "",
		u + "alice?secret=" + secret,
		u + "Old%20House:bert?issuer=Old%20House&secret=" + secret,
		u + "A%3AB:carla?issuer=A%3AB&secret=" + secret,
		"dora\t" + u + "somebody%20else?secret=" + secret + "\r",
		"\t" + u + "x?secret=" + secret,
		u + "?secret=" + secret,
		"otpauth-migration://offline?data=abc",
		"https://example.org",
		"%zz",
		u + "x?secret=" + strings.Repeat("A", maxLine),
		strings.Repeat("l", 300) + "\t" + u + "x?secret=" + secret,
		"  " + u + "m%C3%BCller?secret=" + secret + "  ",
	}, "\n")),
		"3 alice totp:"+secret, "4 bert totp:", "5 carla totp:", "6 dora totp:",
		"7 x totp:", "8 refused: it has no login", "9 refused: it is what a phone shows",
		"10 refused: the line is no otpauth URI", "11 refused: the line is no otpauth URI", "12 refused: the line is longer",
		"13 "+strings.Repeat("l", 256)+" refused: the login is longer", "14 müller totp:")
}

func TestCSV(t *testing.T) {
	for name, text := range map[string]string{
		"comma":     "login,secret,algorithm,digits,period,label\nalice," + secret + ",SHA256,8,60,\"My, phone\"\n",
		"semicolon": "Login; Secret; Label; Algorithm; Digits; Period\r\nalice; " + secret + "; \"My, phone\"; SHA256; 8; 60\r\n",
		"tab":       "secret\tlogin\tperiod\tdigits\talgorithm\tlabel\n" + secret + "\talice\t60\t8\tSHA256\tMy, phone\n",
	} {
		t.Run(name, func(t *testing.T) {
			all, err := CSV("f", text)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, all, "2 alice totp:"+secret+" SHA256 8 60 My, phone")
		})
	}
	all, err := CSV("f", "login,secret,label\nalice,"+secret+"\n\nbert,\"broken\"x,\ncarla,,\n,"+secret+",\ndora,"+secret+",\"a\nb\"\nemil,"+secret+",\n")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, all, "2 alice refused: the line has 2 columns", "4 refused: the line cannot be read as CSV", "5 carla refused: it has no secret",
		"6 refused: it has no login", "7 dora totp:", "9 emil totp:")
	for text, word := range map[string]string{
		"": "no heading", "alice," + secret + "\n": "a column that nobody knows", "login,secret,secret\n": "twice", "login,digits\n": "lacks the columns",
		"login,secret,digit\n": "digit", "\"login": "no heading",
	} {
		if all, err := CSV("f", text); err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), secret[:12]+"x") {
			t.Errorf("%q: %v, %v; want %q", text, all, err, word)
		}
	}
}

func TestGoogleAuthenticator(t *testing.T) {
	file := secret + "\n\" RATE_LIMIT 3 30\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n12345678\n87654321\n"
	for path, want := range map[string]string{
		"/people/alice/.google_authenticator": "1 alice totp:" + secret,
		"/var/lib/ga/alice":                   "1 alice totp:",
		"/var/lib/alice/.ga":                  "1 alice totp:",
		"/srv/alice/google_authenticator":     "1 alice totp:",
		"/.google_authenticator":              "1 refused: it has no login",
	} {
		e := GoogleAuthenticator(path, file)
		compare(t, []Entry{e}, want)
		if !strings.Contains(e.Note, "2 scratch codes") && e.Refused == "" {
			t.Errorf("%s: noted %q", path, e.Note)
		}
	}
	for text, want := range map[string]string{
		secret + "\r\n\" STEP_SIZE 60\r\n\" TOTP_AUTH\r\n": "1 a totp:" + secret + " 60",
		secret + "\n\" HOTP_COUNTER 5\n":                   "1 a hotp:" + secret,
		secret:                                             "1 a totp:" + secret,
		"":                                                 "1 a refused: it is no file of google-authenticator",
		"\" TOTP_AUTH\n":                                   "1 a refused: it is no file of google-authenticator",
		strings.Repeat("A", maxLine+1):                     "1 a refused: line 1 is longer",
		secret + "\n" + strings.Repeat("A", maxLine+1): "1 a refused: line 2 is longer",
	} {
		compare(t, []Entry{GoogleAuthenticator("a", text)}, want)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"müller": "müller", "\xef\xbb\xbfmüller": "müller", "": "",
		"\xff\xfem\x00\xfc\x00": "mü", "\xfe\xff\x00m\x00\xfc": "mü",
	} {
		if got, err := Text([]byte(in)); err != nil || got != want {
			t.Errorf("%q became %q, %v", in, got, err)
		}
	}
	for in, word := range map[string]string{
		"a\nb\nm\xfcller\n": "not UTF-8 from line 3", "a\x00b": "no text", "\xff\xfea": "cut off", "\xff\xfe\x00\x00": "no text",
		"\xff\xfe\x00\xd8a\x00": "no text", strings.Repeat("a", MaxFile+1): "larger than",
	} {
		if got, err := Text([]byte(in)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%.20q became %.20q, %v; want %q", in, got, err, word)
		}
	}
}

func TestNoEntryPrintsItsSecret(t *testing.T) {
	e := URIs("f", "otpauth://totp/alice?secret="+secret)[0]
	if s := fmt.Sprintf("%v %+v %#v %s", e, e, e, e); strings.Contains(s, secret) {
		t.Error(s)
	}
}

// whole is what holds for whatever was read.
func whole(t *testing.T, all []Entry) {
	for _, e := range all {
		if (e.Text == "") == (e.Refused == "") || e.Line < 1 || len(e.Login) > maxLogin {
			t.Fatalf("%v: refused %q", e, e.Refused)
		}
	}
}

func FuzzURIs(f *testing.F) {
	f.Add([]byte("alice\totpauth://totp/x?secret=" + secret + "\n# no\notpauth://totp/A:b?issuer=A"))
	f.Add([]byte("\xff\xfea\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := Text(b); err == nil {
			whole(t, URIs("f", text))
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("login,secret\nalice," + secret + "\n\"x\ny\",z\n"))
	f.Add([]byte("login;secret\n\"a\"b;c\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := Text(b)
		if err != nil {
			return
		}
		all, err := CSV("f", text)
		if err != nil && all != nil {
			t.Fatal("entries beside an error")
		}
		whole(t, all)
	})
}

func FuzzGoogleAuthenticator(f *testing.F) {
	f.Add("/people/a/.google_authenticator", []byte(secret+"\n\" TOTP_AUTH\n12345678\n"))
	f.Fuzz(func(t *testing.T, path string, b []byte) {
		if text, err := Text(b); err == nil {
			whole(t, []Entry{GoogleAuthenticator(path, text)})
		}
	})
}
