package letter

// du is what German letters say where the operator calls people "du".
func du(k Kind) said {
	switch k {
	case SetUp:
		return said{"Authenticator-App eingerichtet",
			"Am %[1]s wurde für deinen Zugang %[2]s eine Authenticator-App eingerichtet.",
			"Zum Anmelden brauchst du jetzt zwei Dinge: dein normales Passwort und einen Bestätigungscode (6 Ziffern) aus der App. Programme für Kalender und Kontakte brauchen ein App-Passwort. Warst du das, musst du nichts tun."}
	case Added:
		return said{"Weiteres Handy verbunden",
			"Am %[1]s wurde für deinen Zugang %[2]s die Authenticator-App auf einem weiteren Handy eingerichtet.",
			"Bestätigungscodes von diesem Handy gelten jetzt auch. Die Codes deiner anderen Handys gelten weiter, und an den App-Passwörtern ändert sich nichts. Warst du das, musst du nichts tun. Ein Handy, das du nicht kennst, kannst du auf der Seite entfernen, auf der du die App eingerichtet hast."}
	case Replaced:
		return said{"Handy gewechselt",
			"Am %[1]s wurde für deinen Zugang %[2]s die Authenticator-App auf einem anderen Handy eingerichtet.",
			"Bestätigungscodes vom alten Handy gelten nicht mehr. Warst du das, musst du nichts tun."}
	case AppPassword:
		return said{"Neues App-Passwort",
			"Am %[1]s wurde für deinen Zugang %[2]s ein App-Passwort gemacht.",
			"Mit einem App-Passwort kommt ein Programm, zum Beispiel für Kalender und Kontakte, ohne Bestätigungscode an deine Daten. Warst du das, musst du nichts tun. Ein App-Passwort, das du nicht kennst, kannst du auf der Seite entfernen, auf der du die App eingerichtet hast."}
	case Codes:
		return said{"Neue Notfallcodes",
			"Am %[1]s wurden für deinen Zugang %[2]s neue Notfallcodes gemacht.",
			"Die alten Notfallcodes gelten nicht mehr. Jeder neue ersetzt einmal den Bestätigungscode aus der App. Warst du das, musst du nichts tun."}
	case PhoneRemoved:
		return said{"Handy entfernt",
			"Am %[1]s wurde ein Handy mit der Authenticator-App von deinem Zugang %[2]s entfernt.",
			"Bestätigungscodes von diesem Handy gelten nicht mehr. Wurde es als verloren gemeldet, gelten auch die App-Passwörter darauf nicht mehr. Warst du das, musst du nichts tun."}
	default:
		return duByOthers(k)
	}
}

func duByOthers(k Kind) said {
	switch k {
	case Removed:
		return said{"App-Passwort entfernt",
			"Am %[1]s hat der Support ein oder mehrere App-Passwörter deines Zugangs %[2]s entfernt.",
			"Die Programme, in denen sie eingetragen sind, kommen nicht mehr an deine Daten. Für ein Gerät, das du weiter benutzt, mach ein neues. Hast du den Support darum gebeten, musst du sonst nichts tun."}
	case Reset:
		return said{"Anmeldung vom Support zurückgesetzt",
			"Am %[1]s hat der Support die Authenticator-App, die Notfallcodes und alle App-Passwörter deines Zugangs %[2]s entfernt.",
			"Richte die Authenticator-App neu ein, sobald du dich anmeldest. Dafür brauchst du den Freischaltcode, den der Support dir gesagt hat. Hast du den Support nicht darum gebeten, hat sich jemand für dich ausgegeben."}
	case Lone:
		return said{"Freischaltcode vom Support",
			"Am %[1]s hat der Support einen Freischaltcode für deinen Zugang %[2]s ausgegeben.",
			"Er ersetzt einmal den Bestätigungscode aus der App, und nur zusammen mit deinem normalen Passwort. Hast du den Support darum gebeten, musst du sonst nichts tun. Sonst hat sich jemand für dich ausgegeben."}
	case WrongCodes:
		return said{"Dein normales Passwort mit falschem Code",
			"Am %[1]s hat jemand für deinen Zugang %[2]s dein normales Passwort richtig eingegeben, aber keinen Code, der gilt.",
			"Ohne einen Code, der gilt, kommt niemand hinein. Hast du dich nur vertippt, musst du nichts tun. Sonst kennt jemand dein normales Passwort: Ändere es. Weitere solche Versuche melden wir höchstens einmal am Tag."}
	case NewNetwork:
		return said{"Anmeldung aus einem neuen Netz",
			"Am %[1]s hat sich jemand mit deinem Zugang %[2]s aus einem Netz angemeldet, das wir von dir nicht kennen.",
			"Das ist normal, wenn du unterwegs bist oder einen neuen Anschluss hast. Warst du das, musst du nichts tun. Sonst ändere dein normales Passwort."}
	default:
		return said{}
	}
}
