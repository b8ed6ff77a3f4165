package words

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/notify/letter"
)

// text is one sentence that people read.
type text struct{ lang, where, says string }

// everyText is every sentence, of the page, of the daemon's answers and of the
// letters, in all plural forms and both forms of address.
func everyText(t *testing.T) []text {
	t.Helper()
	var all []text
	for lang, c := range load(t) {
		for key, m := range c.msg {
			for form, says := range m {
				all = append(all, text{lang, key + " (" + form + ")", says})
			}
		}
	}
	return append(all, letters(t)...)
}

// letters are the lines of all mails that people get about their access.
func letters(t *testing.T) []text {
	t.Helper()
	var all []text
	for lang, d := range map[string]letter.Desk{
		"de":    {Languages: []letter.Language{letter.German}},
		"de-du": {Languages: []letter.Language{letter.German}},
		"en":    {Languages: []letter.Language{letter.English}},
	} {
		var err error
		if d.Words, err = letter.Load("", lang == "de-du"); err != nil {
			t.Fatal(err)
		}
		d.Operator, d.Phone, d.Mail, d.Zone = "Uni", "+49 30 1234567", "hilfe@example.org", time.UTC
		kinds := 0
		for k := letter.Kind(1); ; k++ {
			// Whom to call reads differently with hours, and without a phone.
			d.Hours = map[bool]string{true: "Mo-Fr 9-17"}[k == letter.Reset]
			if d.Phone = "+49 30 1234567"; k == letter.Codes {
				d.Phone = ""
			}
			l, err := letter.Write(d, letter.News{Kind: k, At: time.Unix(1e9, 0), Login: "anna", Label: "Handy", Address: "192.0.2.7"})
			if err != nil {
				break // there is no letter of a kind beyond the last
			}
			kinds++
			for _, line := range append(strings.Split(l.Text, "\n"), l.Subject) {
				all = append(all, text{lang, fmt.Sprintf("letter %d", k), line})
			}
		}
		if kinds < 9 {
			t.Fatalf("only %d letters were found in %s", kinds, lang)
		}
	}
	return all
}

// rule is a word that is wrong in a language, and what to say instead.
type rule struct{ lang, wrong, instead string }

// rules are one word for one thing. "de" means both forms of address.
func rules() []rule {
	return []rule{
		// What people meet elsewhere and do not understand.
		{"", `totp|\botp\b|token\w*|secrets?|seeds?|geheimnis\w*|mfa|2fa|two-?factor|zwei-?faktor\w*|\bpin\b`, "the word for the thing: code, set-up key, app password"},
		// One brand makes users of other apps think theirs is not allowed.
		{"", `google authenticator|microsoft authenticator|authy`, "authenticator app"},
		// The dead end: say who can be called.
		{"", `admin\w*|contact (your|the|us)|contact support|help-?desk|support desk|wenden? sie sich|wende dich|kontaktier\w*|it-abteilung\w*|system-?verwalt\w*`, "the phone number of the support"},

		{"de", `kennw(o|ö)rt\w*|passphrase\w*|(master|haupt|konto|ldap)-?pass\w*`, "normales Passwort"},
		{"de", `einmal-?(pass\w*|codes?)|sicherheits-?codes?|verifi\w*|authentifizierungs?-?codes?|zahlencodes?`, "Bestätigungscode"},
		{"de", `anwendungs-?pass\w*|geräte-?(pass\w*|schlüssel)|\d+-stellig\w*`, "App-Passwort"},
		{"de", `back-?up\w*|scratch\w*|wiederherstellung\w*|ersatz-?codes?|reserve-?codes?`, "Notfallcodes"},
		{"de", `(support|hilfe|einladungs?|entsperr)-?codes?`, "Freischaltcode"},
		{"de", `smartphones?|mobiltelefone?|telefone?|mobilgeräte?|endgeräte?`, "Handy, Gerät"},
		{"de", `logins?|log-?in|einlogg\w*|ausgeloggt|eingeloggt|account\b|registrier\w*`, "Anmeldung, anmelden"},

		{"en", `passphrases?|pass ?codes?|(master|main|regular|usual|ldap|account) passwords?`, "normal password"},
		{"en", `(one-time|security|verification|authentication|access|login|sign-in) (codes?|passwords?)`, "6-digit code"},
		{"en", `application passwords?|app-specific|device (passwords?|keys?)|app-passwords?`, "app password"},
		{"en", `back-?up|recover\w*|scratch`, "emergency codes"},
		{"en", `(support|invite|invitation|activation) codes?`, "unlock code"},
		{"en", `smartphones?|mobiles?|cell ?phones?|handsets?`, "phone"},
		{"en", `log (in|out|on)|logging (in|out)|logged|log(out|on)|sign ?on`, "sign in, sign out"},
		{"de", `widerruf\w*|gesperrt\w*|gelöscht\w*`, "entfernen, entfernt"},
		{"de", `abgleich\w*|synchronisier\w*|sync\w*`, "aktualisieren"},
		{"de", `nutz(e|en|t|te|ten|est|er|ung)`, "benutzen"},
		{"de", `bisherig\w*`, "alt"},
		{"de", `(für|mit|aus|von) (ihr|dein)(em)? konto|(ihres|deines) kontos`, "Zugang; ein Konto haben Programme"},
		{"de", `das war(en|st) nicht (sie|du)`, "Das waren Sie nicht?"},
		{"en", `logins|login($|[.,:;?!]| [a-mo-z]\w*)`, "sign-in; login name"},
		{"en", `(does|do|did) not fit|disturbed|good for|hand over|shall`, "is not right; has a problem; works for; give; should"},
		{"en", `(that|it) was not you\?|(?-i:You) (no longer|do not|did not) [^.?]*\?`, "a question as English asks it: Was this not you?"},
		{"en", `your access`, "your account"},
		{"en", `revok\w*|delet(ed|ion)`, "remove, removed"},
	}
}

// TestWordList: none of the words that people stumble over, and no second word
// for a thing that has one.
func TestWordList(t *testing.T) {
	texts := everyText(t)
	for i, x := range texts {
		texts[i].says = strings.ReplaceAll(unquoted(x.says), ofAccess, "")
	}
	for _, r := range rules() {
		wrong := regexp.MustCompile(`(?i)(^|[^\pL\d])(` + r.wrong + `)($|[^\pL\d])`)
		for _, x := range texts {
			if r.lang != "" && r.lang != strings.TrimSuffix(x.lang, "-du") {
				continue
			}
			if bad := wrong.FindStringSubmatch(x.says); bad != nil {
				t.Errorf("%s %s says %q; say: %s", x.lang, x.where, bad[2], r.instead)
			}
		}
	}
}

// ofAccess is what is said of nothing but somebody's access, which can be locked.
// What was removed is not.
const ofAccess = "Zugang war gesperrt"

// unquoted is a sentence without what stands in quotation marks: what other
// people's programs call their menus is theirs to name.
func unquoted(says string) string {
	return regexp.MustCompile(`„[^“]*“|“[^”]*”`).ReplaceAllString(says, "…")
}

// TestCompounds: of the words that German builds from code, key, password and
// app, only those of the list.
func TestCompounds(t *testing.T) {
	words, stem := regexp.MustCompile(`[\pL\d-]+`), regexp.MustCompile(`(?i)codes?$|schlüssel|keys?$|pass(wor|wör)|(^|-)apps?$`)
	key := regexp.MustCompile(`(?i)(\S+ )?\bkeys?\b`)
	for _, x := range everyText(t) {
		good := `(?i)^(codes?|notfallcodes?|bestätigungscodes?|freischaltcodes?|qr-code|einrichtungsschlüssel|(app-)?pass(wort|worts|wörter|wörtern)|authenticator-app|apps?)$`
		if x.lang == "en" {
			good = `(?i)^(codes?|keys?|passwords?|apps?)$`
		}
		for _, word := range words.FindAllString(unquoted(x.says), -1) {
			if stem.MatchString(word) && !regexp.MustCompile(good).MatchString(word) {
				t.Errorf("%s %s says %q, which is not in the list of words", x.lang, x.where, word)
			}
		}
		// A bare key could be anything, a six-digit code perhaps.
		if bad := key.FindString(unquoted(x.says)); x.lang == "en" && bad != "" && bad != "set-up key" {
			t.Errorf("en %s says %q; say: set-up key", x.where, bad)
		}
	}
}

// TestWhichPassword: there are two kinds, and a bare "password" would be both.
func TestWhichPassword(t *testing.T) {
	// Where no kind can be named, and why.
	bare := strings.NewReplacer(
		// A stranger must not learn which kind would have been right.
		"Anmeldename oder Passwort stimmt nicht", "", "login name or the password is not right", "",
		// Nobody ever asks for any.
		"nach einem Code oder einem Passwort", "", "for a code or a password", "",
		// Nobody has looked at any: none is to blame.
		"nicht an Ihrem Passwort", "", "nicht an deinem Passwort", "", "not your password", "",
		// What a device has stored can be either; it has to go in any case.
		"alte Passwort", "", "altes Passwort", "", "altes gespeichertes Passwort", "", "old password", "",
		// Apple's own name for its app and its menus.
		"Apple Passwörter", "", "Apple Passwords", "", "Passwords app", "", "Saved Passwords", "",
	)
	kinds := map[string]*regexp.Regexp{
		"de": regexp.MustCompile(`(?i)normale[ns]? passwort|app-pass(wort|wörter)`),
		"en": regexp.MustCompile(`(?i)normal password|app passwords?`),
	}
	for _, x := range everyText(t) {
		rest := kinds[strings.TrimSuffix(x.lang, "-du")].ReplaceAllString(bare.Replace(unquoted(x.says)), "")
		if found := regexp.MustCompile(`(?i)pass(wor|wör)`).MatchString(rest); found {
			t.Errorf("%s %s does not tell which password: %s", x.lang, x.where, x.says)
		}
	}
}

// TestTypesetting: quotation marks, dashes, blanks and umlauts as in print.
func TestTypesetting(t *testing.T) {
	wrong := map[string]*regexp.Regexp{
		"de": regexp.MustCompile(`[“”][\pL\d]|„[^“]*($|„)|^[^„]*“`),
		"en": regexp.MustCompile(`„|“[^”]*($|“)|^[^“]*”`),
	}
	every := regexp.MustCompile(`\.\.\.|["'` + "`" + `´]|  |\s[.,:;?!]|\s-\s|^\s|\s$|\x{fffd}|Ã|\t|\n`)
	spelled := regexp.MustCompile(`(?i)\b(fuer|ueber|koenn|moecht|moeglich|geraet|\pL*schluess|naechst|waehl|aender|loesch|oeffn|zurueck|pruef|gueltig|haendy|spaeter|muess|woert|gross|schliess|heiss)\pL*`)
	for _, x := range everyText(t) {
		bad := every.FindString(x.says)
		if bad == "" {
			bad = wrong[strings.TrimSuffix(x.lang, "-du")].FindString(x.says)
		}
		if bad == "" && x.lang != "en" {
			bad = spelled.FindString(x.says)
		}
		if bad != "" {
			t.Errorf("%s %s is badly typeset at %q: %s", x.lang, x.where, bad, x.says)
		}
	}
}
