package letter

import (
	"fmt"
	"strings"

	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en_GB"
)

// said is what one kind of letter says in one language. In what, %[1]s is the
// moment and %[2]s the login.
type said struct{ subject, what, meaning string }

func (d Desk) part(lang Language, n News) (part, error) {
	say, ok := german(n.Kind), lang == German || lang == English
	switch {
	case lang == English:
		say = english(n.Kind)
	case d.Du:
		say = du(n.Kind)
	}
	if !ok || say.subject == "" {
		return part{}, fmt.Errorf("there is no letter of kind %d in language %q", n.Kind, lang)
	}
	login, who, at := Name(n.Login), Name(n.DisplayName), n.At.In(d.Zone)
	if who == "" || strings.ContainsAny(who, ":/@<>") { // no name, or none of a person
		who = login
	}
	p := part{Lang: lang, Subject: say.subject, Meaning: say.meaning, Operator: Name(d.Operator)}
	net := network(n.Address)
	if lang == German {
		p.Greeting = d.sie("Guten Tag ", "Hallo ") + who + ","
		p.What = fmt.Sprintf(say.what, de.New().FmtDateLong(at)+at.Format(" um 15:04 Uhr (MST)"), login)
		p.Contact = contact(d, contactWords{
			doubt: doubt(n.Kind, d.sie("Das waren Sie nicht? ", "Das warst du nicht? "), d.sie("Sie haben nicht darum gebeten? ", "Du hast nicht darum gebeten? ")),
			phone: d.sie("Rufen Sie uns gleich an: ", "Ruf uns gleich an: "), mail: d.sie("Schreiben Sie uns gleich: ", "Schreib uns gleich: "),
			or: d.sie(" Oder schreiben Sie uns: ", " Oder schreib uns: "),
		})
		p.Promise = "Niemand vom Support fragt " + d.sie("Sie", "dich") + " je nach einem Code oder einem Passwort. In dieser Nachricht ist kein Link."
		p.From = prefixed("Netz: ", net)
	} else {
		p.Greeting = "Hello " + who + ","
		p.What = fmt.Sprintf(say.what, en_GB.New().FmtDateLong(at)+at.Format(" at 15:04 (MST)"), login)
		p.Contact = contact(d, contactWords{
			doubt: doubt(n.Kind, "Was this not you? ", "Did you not ask for this? "), phone: "Call us right away: ", mail: "Write to us right away: ", or: " Or write to us: ",
		})
		p.Promise = "Nobody from support ever asks you for a code or a password. There is no link in this message."
		p.From = prefixed("Network: ", net)
	}
	p.What += called(n.Kind, lang, label(n.Label))
	return p, nil
}

// sie chooses between the two ways in which German addresses people.
func (d Desk) sie(sie, du string) string {
	if d.Du {
		return du
	}
	return sie
}

// called is a sentence about the name of a thing that has one.
func called(k Kind, lang Language, name string) string {
	if name == "" {
		return ""
	}
	phone := k == SetUp || k == Added || k == Replaced || k == PhoneRemoved
	switch german := lang == German; {
	case k == AppPassword && german:
		return " Sein Name: " + name + "."
	case k == AppPassword:
		return " Its name: " + name + "."
	case phone && german:
		return " Name des Handys: " + name + "."
	case phone:
		return " Name of the phone: " + name + "."
	default:
		return ""
	}
}

// doubt is the question that leads to support: what support did, its owner
// could only have asked for.
func doubt(k Kind, notYou, notAsked string) string {
	if k == Removed || k == Reset || k == Lone {
		return notAsked
	}
	return notYou
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

type contactWords struct{ doubt, phone, mail, or string }

// contact says how to reach support, in one line.
func contact(d Desk, w contactWords) string {
	phone, hours, mail := Name(d.Phone), Name(d.Hours), Name(d.Mail)
	if phone == "" {
		return w.doubt + w.mail + mail
	}
	line := w.doubt + w.phone + phone
	if hours != "" {
		line += " (" + hours + ")"
	}
	if mail != "" {
		line += "." + w.or + mail
	}
	return line
}

func below(lang Language) string {
	if lang == German {
		return "(Deutsch steht unten.)"
	}
	return "(English is below.)"
}

func german(k Kind) said {
	switch k {
	case SetUp:
		return said{"Authenticator-App eingerichtet",
			"Am %[1]s wurde für Ihren Zugang %[2]s eine Authenticator-App eingerichtet.",
			"Zum Anmelden brauchen Sie jetzt zwei Dinge: Ihr normales Passwort und einen Bestätigungscode (6 Ziffern) aus der App. Programme für Kalender und Kontakte brauchen ein App-Passwort. Waren Sie das, müssen Sie nichts tun."}
	case Added:
		return said{"Weiteres Handy verbunden",
			"Am %[1]s wurde für Ihren Zugang %[2]s die Authenticator-App auf einem weiteren Handy eingerichtet.",
			"Bestätigungscodes von diesem Handy gelten jetzt auch. Die Codes Ihrer anderen Handys gelten weiter, und an den App-Passwörtern ändert sich nichts. Waren Sie das, müssen Sie nichts tun. Ein Handy, das Sie nicht kennen, können Sie auf der Seite entfernen, auf der Sie die App eingerichtet haben."}
	case Replaced:
		return said{"Handy gewechselt",
			"Am %[1]s wurde für Ihren Zugang %[2]s die Authenticator-App auf einem anderen Handy eingerichtet.",
			"Bestätigungscodes vom alten Handy gelten nicht mehr. Waren Sie das, müssen Sie nichts tun."}
	case AppPassword:
		return said{"Neues App-Passwort",
			"Am %[1]s wurde für Ihren Zugang %[2]s ein App-Passwort gemacht.",
			"Mit einem App-Passwort kommt ein Programm, zum Beispiel für Kalender und Kontakte, ohne Bestätigungscode an Ihre Daten. Waren Sie das, müssen Sie nichts tun. Ein App-Passwort, das Sie nicht kennen, können Sie auf der Seite entfernen, auf der Sie die App eingerichtet haben."}
	case Codes:
		return said{"Neue Notfallcodes",
			"Am %[1]s wurden für Ihren Zugang %[2]s neue Notfallcodes gemacht.",
			"Die alten Notfallcodes gelten nicht mehr. Jeder neue ersetzt einmal den Bestätigungscode aus der App. Waren Sie das, müssen Sie nichts tun."}
	case PhoneRemoved:
		return said{"Handy entfernt",
			"Am %[1]s wurde ein Handy mit der Authenticator-App von Ihrem Zugang %[2]s entfernt.",
			"Bestätigungscodes von diesem Handy gelten nicht mehr. Wurde es als verloren gemeldet, gelten auch die App-Passwörter darauf nicht mehr. Waren Sie das, müssen Sie nichts tun."}
	default:
		return germanByOthers(k)
	}
}

// germanByOthers is about what the owner did not do, or may not have done.
func germanByOthers(k Kind) said {
	switch k {
	case Removed:
		return said{"App-Passwort entfernt",
			"Am %[1]s hat der Support ein oder mehrere App-Passwörter Ihres Zugangs %[2]s entfernt.",
			"Die Programme, in denen sie eingetragen sind, kommen nicht mehr an Ihre Daten. Für ein Gerät, das Sie weiter benutzen, machen Sie ein neues. Haben Sie den Support darum gebeten, müssen Sie sonst nichts tun."}
	case Reset:
		return said{"Anmeldung vom Support zurückgesetzt",
			"Am %[1]s hat der Support die Authenticator-App, die Notfallcodes und alle App-Passwörter Ihres Zugangs %[2]s entfernt.",
			"Richten Sie die Authenticator-App neu ein, sobald Sie sich anmelden. Dafür brauchen Sie den Freischaltcode, den der Support Ihnen gesagt hat. Haben Sie den Support nicht darum gebeten, hat sich jemand für Sie ausgegeben."}
	case Lone:
		return said{"Freischaltcode vom Support",
			"Am %[1]s hat der Support einen Freischaltcode für Ihren Zugang %[2]s ausgegeben.",
			"Er ersetzt einmal den Bestätigungscode aus der App, und nur zusammen mit Ihrem normalen Passwort. Haben Sie den Support darum gebeten, müssen Sie sonst nichts tun. Sonst hat sich jemand für Sie ausgegeben."}
	case WrongCodes:
		return said{"Ihr normales Passwort mit falschem Code",
			"Am %[1]s hat jemand für Ihren Zugang %[2]s Ihr normales Passwort richtig eingegeben, aber keinen Code, der gilt.",
			"Ohne einen Code, der gilt, kommt niemand hinein. Haben Sie sich nur vertippt, müssen Sie nichts tun. Sonst kennt jemand Ihr normales Passwort: Ändern Sie es. Weitere solche Versuche melden wir höchstens einmal am Tag."}
	case NewNetwork:
		return said{"Anmeldung aus einem neuen Netz",
			"Am %[1]s hat sich jemand mit Ihrem Zugang %[2]s aus einem Netz angemeldet, das wir von Ihnen nicht kennen.",
			"Das ist normal, wenn Sie unterwegs sind oder einen neuen Anschluss haben. Waren Sie das, müssen Sie nichts tun. Sonst ändern Sie Ihr normales Passwort."}
	default:
		return said{}
	}
}

func english(k Kind) said {
	switch k {
	case SetUp:
		return said{"Authenticator app set up",
			"On %[1]s an authenticator app was set up for your account %[2]s.",
			"To sign in you now need two things: your normal password and a 6-digit code from the app. Programs for calendar and contacts need an app password. If this was you, there is nothing to do."}
	case Added:
		return said{"One more phone connected",
			"On %[1]s the authenticator app was set up on one more phone for your account %[2]s.",
			"Codes from this phone now work, too. Those from your other phones keep working, and nothing changes for app passwords. If this was you, there is nothing to do. A phone that you do not know can be removed on the page where you set up the app."}
	case Replaced:
		return said{"Phone replaced",
			"On %[1]s the authenticator app was set up on another phone for your account %[2]s.",
			"Codes from the old phone no longer work. If this was you, there is nothing to do."}
	case AppPassword:
		return said{"New app password",
			"On %[1]s an app password was made for your account %[2]s.",
			"With an app password a program, for example for calendar and contacts, gets at your data without a code. If this was you, there is nothing to do. An app password that you do not know can be removed on the page where you set up the app."}
	case Codes:
		return said{"New emergency codes",
			"On %[1]s new emergency codes were made for your account %[2]s.",
			"The old emergency codes no longer work. Each new one replaces the code from the app once. If this was you, there is nothing to do."}
	case PhoneRemoved:
		return said{"Phone removed",
			"On %[1]s a phone with the authenticator app was removed from your account %[2]s.",
			"Codes from this phone no longer work. If it was reported as lost, the app passwords on it no longer work either. If this was you, there is nothing to do."}
	default:
		return englishByOthers(k)
	}
}

func englishByOthers(k Kind) said {
	switch k {
	case Removed:
		return said{"App password removed",
			"On %[1]s support removed one or more app passwords of your account %[2]s.",
			"The programs that use them no longer get at your data. For a device that you keep using, make a new one. If you asked support for this, there is nothing else to do."}
	case Reset:
		return said{"Sign-in reset by support",
			"On %[1]s support removed the authenticator app, the emergency codes and all app passwords of your account %[2]s.",
			"Set up the authenticator app again when you next sign in. For that you need the unlock code that support gave you. If you did not ask support for this, somebody pretended to be you."}
	case Lone:
		return said{"Unlock code from support",
			"On %[1]s support gave out an unlock code for your account %[2]s.",
			"It replaces the code from the app once, and only together with your normal password. If you asked support for this, there is nothing else to do. Otherwise somebody pretended to be you."}
	case WrongCodes:
		return said{"Your normal password with a wrong code",
			"On %[1]s somebody entered your normal password for your account %[2]s, but no code that works.",
			"Without a code that works nobody gets in. If you only mistyped, there is nothing to do. Otherwise somebody knows your normal password: change it. We tell you of further tries like this at most once a day."}
	case NewNetwork:
		return said{"Sign-in from a new network",
			"On %[1]s somebody signed in to your account %[2]s from a network that we have not seen you use.",
			"That is usual when you travel or have a new connection. If this was you, there is nothing to do. Otherwise change your normal password."}
	default:
		return said{}
	}
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
