package letter

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
)

// kinds are all kinds of letters; one more makes TestEveryKind fail.
func kinds() []Kind {
	return []Kind{SetUp, Replaced, AppPassword, Codes, Removed, Reset, WrongCodes, NewNetwork, PhoneRemoved, Added, Lone}
}

func desk(t *testing.T, langs ...Language) Desk {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Desk{
		Operator: "Universität Beispiel", Phone: "+49 30 1234567", Hours: "Mo-Fr 9-17", Mail: "hilfe@example.org",
		Languages: langs, Zone: zone, Words: words(t, "", false),
	}
}

// words are those of an operator whose files are in dir.
func words(t *testing.T, dir string, du bool) Words {
	t.Helper()
	w, err := Load(dir, du)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// news is that of a person; what support did tells no address.
func news(k Kind) News {
	n := News{
		Kind: k, At: time.Date(2026, 7, 3, 22, 5, 0, 0, time.UTC), Login: "mueller", DisplayName: "Jörg Müller",
		Label: "iPhone von Jörg", Address: "192.0.2.7",
	}
	if k == Removed || k == Reset || k == Lone {
		n.Address = ""
	}
	if k == NewNetwork {
		n.Address = "2001:db8:1:2:3:4:5:6"
	}
	return n
}

// Every letter in both languages, word by word.
func TestGolden(t *testing.T) {
	du := desk(t, German)
	du.Words = words(t, "", true)
	for name, d := range map[string]Desk{"de": desk(t, German), "en": desk(t, English), "de-du": du} {
		var b strings.Builder
		for _, k := range kinds() {
			l, err := Write(d, news(k))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "Subject: %s\n\n%s\n----------------\n", l.Subject, l.Text)
		}
		same(t, "testdata/"+name+".txt", b.String())
	}
	both, err := Write(desk(t, German, English), news(AppPassword))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "testdata/both.txt", "Subject: "+both.Subject+"\n\n"+both.Text)
	same(t, "testdata/both.html", both.HTML)
}

// same compares with a golden file; what was got is left beside the test's log.
func same(t *testing.T, path, got string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s: %v; now it reads:\n%s", path, err, got)
	}
}

func TestEveryKind(t *testing.T) {
	d := desk(t, German, English)
	for k := range 20 {
		_, err := Write(d, news(Kind(k)))
		if known := k > 0 && k <= len(kinds()); (err == nil) != known {
			t.Errorf("kind %d: %v", k, err)
		}
	}
	d.Languages = []Language{"fr"}
	if _, err := Write(d, news(SetUp)); err == nil {
		t.Error("a letter in a language that nobody wrote")
	}
}

// The date, what is concerned and whom to call stand in the first lines, in every
// letter; and each says that support never asks for a code.
func TestTheFirstLinesSayWhatMatters(t *testing.T) {
	for _, lang := range []Language{German, English} {
		for _, k := range kinds() {
			l, err := Write(desk(t, lang), news(k))
			if err != nil {
				t.Fatal(err)
			}
			head := strings.Join(strings.SplitN(l.Text, "\n", 6)[:5], "\n")
			for _, want := range []string{"2026", "00:05", "CEST", "mueller", "+49 30 1234567", "Mo-Fr 9-17", "hilfe@example.org"} {
				if !strings.Contains(head, want) {
					t.Errorf("kind %d in %s begins without %q:\n%s", k, lang, want, head)
				}
			}
			promise := map[Language]string{German: "fragt Sie je nach einem Code", English: "ever asks you for a code"}[lang]
			if !strings.Contains(l.Text, promise) || !strings.Contains(l.HTML, promise) {
				t.Errorf("kind %d in %s does not say that support never asks", k, lang)
			}
		}
	}
}

// No letter holds a link, and none what a mail program would make one of.
func TestNoLinks(t *testing.T) {
	for _, k := range kinds() {
		l, err := Write(desk(t, German, English), news(k))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"http", "www.", "href", "src=", "<a", "<img"} {
			if strings.Contains(l.Text+l.HTML, bad) {
				t.Errorf("kind %d holds %q", k, bad)
			}
		}
	}
}

// One letter calls people by one of the two, and only that.
func TestOneFormOfAddress(t *testing.T) {
	formal := regexp.MustCompile(`\b(Sie|Ihr|Ihre|Ihres|Ihrem|Ihren|Ihnen)\b`)
	friendly := regexp.MustCompile(`\b([Dd]u|[Dd]ein|[Dd]eine|[Dd]eines|[Dd]einem|dich|dir)\b`)
	for _, k := range kinds() {
		d := desk(t, German)
		for _, saysDu := range []bool{false, true} {
			d.Words = words(t, "", saysDu)
			l, err := Write(d, news(k))
			if err != nil {
				t.Fatal(err)
			}
			if formal.MatchString(l.Text) == saysDu || friendly.MatchString(l.Text) != saysDu {
				t.Errorf("kind %d, du %t:\n%s", k, saysDu, l.Text)
			}
		}
	}
}

func TestContact(t *testing.T) {
	d := desk(t, German, English)
	for want, change := range map[string]func(*Desk){
		"Rufen Sie uns gleich an: +49 30 1234567\n":               func(d *Desk) { d.Hours, d.Mail = "", "" },
		"Rufen Sie uns gleich an: +49 30 1234567 (Mo-Fr 9-17)\n":  func(d *Desk) { d.Mail = "" },
		"Das waren Sie nicht? Schreiben Sie uns gleich: hilfe@ex": func(d *Desk) { d.Phone = "" },
		"Was this not you? Write to us right away: hilfe@example": func(d *Desk) { d.Phone = "" },
	} {
		e := d
		change(&e)
		l, err := Write(e, news(SetUp))
		if err != nil || !strings.Contains(l.Text, want) {
			t.Errorf("%v; without %q:\n%s", err, want, l.Text)
		}
	}
}

// Whoever has a session can name an app password; whoever may write to the
// directory can name a person. Neither makes our letter theirs.
func TestHostileNames(t *testing.T) {
	for i, name := range append(hostile(), hostile()...) {
		kind := AppPassword
		if i >= len(hostile()) {
			kind = SetUp
		}
		n := news(kind)
		n.Label, n.DisplayName, n.Address = name, name, name
		l, err := Write(desk(t, German, English), n)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(l.Subject, name) || strings.ContainsAny(l.Subject, "\r\n") {
			t.Errorf("%q came into the subject %q", name, l.Subject)
		}
		if strings.Contains(l.Text, "http") {
			t.Errorf("%q is a link:\n%s", name, l.Text)
		}
		if strings.Contains(l.Text, " Name") || strings.Contains(l.Text, "Its name") || strings.Contains(l.Text, "Netz: ") {
			t.Errorf("%q is shown as a label or a network:\n%s", name, l.Text)
		}
		for _, text := range []string{l.Text, l.HTML} {
			if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("%q put something invisible into %q", name, text)
			}
		}
		for _, bad := range []string{"<script", "<img", "<a "} {
			if strings.Contains(l.HTML, bad) {
				t.Errorf("%q became markup:\n%s", name, l.HTML)
			}
		}
		want, err := Write(desk(t, German, English), news(kind))
		if err != nil || strings.Count(l.Text, "\n") != strings.Count(want.Text, "\n")-2 { // no network, twice
			t.Errorf("%q changed the lines of the letter:\n%s", name, l.Text)
		}
	}
}

func hostile() []string {
	return []string{
		"a\r\nBcc: everybody@example.org", "a\nSubject: other", "x\r\n\r\nbody", "\u202egnp.exe", "http://evil.example/",
		"evil.example", "call 0900 123 now!", "<script>alert(1)</script>", "<img src=x>", `"><a href="x">`, "a\x00b\x1b[31m",
		"=?utf-8?q?Bcc:_x?=", "\u2028line\u2029", "me@evil.example", strings.Repeat("long ", 100), "\xff\xfe!",
	}
}

// A name stays readable, whoever has it.
func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"Jörg Müller": "Jörg Müller", "  a \t b\r\n c ": "a b c", "": "", "\x00": "", "Nguyễn Thị": "Nguyễn Thị",
		"O'Hara, \"Bob\" <x>": "O'Hara, \"Bob\" <x>", strings.Repeat("ü", 200): strings.Repeat("ü", 80),
	} {
		if got := Name(in); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "nonsense": "",
	} {
		if got := network(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
