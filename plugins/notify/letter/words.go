package letter

import (
	"fmt"
	"strings"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en_GB"

	"github.com/sallyport/sallyport/plugins/hook/wording"
)

// key is how the keys of a kind's texts begin, or empty for a kind that there is
// not.
func (k Kind) key() string {
	switch k {
	case SetUp:
		return "set_up"
	case Added:
		return "added"
	case Replaced:
		return "replaced"
	case AppPassword:
		return "app_password"
	case Codes:
		return "codes"
	case PhoneRemoved:
		return "phone_removed"
	case Removed:
		return "removed"
	case Reset:
		return "reset"
	case Lone:
		return "lone"
	case WrongCodes:
		return "wrong_codes"
	case NewNetwork:
		return "new_network"
	default:
		return ""
	}
}

// tongue are the texts of one language.
type tongue map[string]string

// say is a text with its places filled; pairs are name and value.
func (t tongue) say(key string, pairs ...any) string { return wording.Fill(t[key], pairs...) }

// calendar writes the dates of a language; our English is that of Britain.
func calendar(lang Language) locales.Translator {
	if lang == English {
		return en_GB.New()
	}
	return de.New()
}

func (d Desk) part(lang Language, n News) (part, error) {
	t, kind := tongue(d.Words.by[lang]), n.Kind.key()
	if kind == "" || t == nil {
		return part{}, fmt.Errorf("there is no letter of kind %d in language %q", n.Kind, lang)
	}
	login, who, at := Name(n.Login), Name(n.DisplayName), n.At.In(d.Zone)
	if who == "" || strings.ContainsAny(who, ":/@<>") { // no name, or none of a person
		who = login
	}
	when := t.say("when", "day", calendar(lang).FmtDateLong(at), "time", at.Format("15:04"), "zone", at.Format("MST"))
	p := part{
		Lang: lang, Subject: t.say(kind + ".subject"), Greeting: t.say("greeting", "who", who),
		What: t.say(kind+".what", "when", when, "login", login) + t.called(n.Kind, label(n.Label)), Contact: t.contact(d, n.Kind),
		Meaning: t.say(kind + ".meaning"), Promise: t.say("promise"), Operator: Name(d.Operator),
	}
	if net := network(n.Address); net != "" {
		p.From = t.say("from", "net", net)
	}
	return p, nil
}

// called is a sentence about the name of a thing that has one.
func (t tongue) called(k Kind, name string) string {
	switch {
	case name == "":
		return ""
	case k == AppPassword:
		return " " + t.say("name.app_password", "name", name)
	case k == SetUp || k == Added || k == Replaced || k == PhoneRemoved:
		return " " + t.say("name.phone", "name", name)
	default:
		return ""
	}
}

// contact leads to support, in one line: what support did, its owner could only
// have asked for.
func (t tongue) contact(d Desk, k Kind) string {
	doubt := t.say("doubt")
	if k == Removed || k == Reset || k == Lone {
		doubt = t.say("doubt.support")
	}
	phone, hours, mail := Name(d.Phone), Name(d.Hours), Name(d.Mail)
	if phone == "" {
		return doubt + " " + t.say("write", "mail", mail)
	}
	line := doubt + " " + t.say("call", "phone", phone)
	if hours != "" {
		line = doubt + " " + t.say("call.hours", "phone", phone, "hours", hours)
	}
	if mail != "" {
		line += ". " + t.say("write.or", "mail", mail)
	}
	return line
}

// Known tells the language of a word in the config: "de", "en" or "both", in
// which German comes first.
func Known(word string) ([]Language, bool) {
	switch strings.TrimSpace(word) {
	case "both":
		return []Language{German, English}, true
	case "de":
		return []Language{German}, true
	case "en":
		return []Language{English}, true
	default:
		return nil, false
	}
}
