package desk

import "strings"

// words are what the form says around the support screen, in one language.
type words struct {
	title, search, searching, keysSearch  string
	keysPerson, reason, ticket, life      string
	keysForm, keysChoose, none, oneOf     string
	confirm, keysConfirm, yes             string
	working, keysResult, spoken, refused  string
	unlock, code, reset, revoke, sessions string
	one                                   string
}

func english() words {
	return words{
		title: "Support desk", search: "Login: ", searching: "Looking ...",
		keysSearch: "Enter: look   Esc: leave",
		keysPerson: "u unlock  c code  r reset  o/p one/all app passwords  s sessions  arrows  Esc",
		reason:     "Reason: ", ticket: "Ticket: ", life: "Valid for (5m to 24h): ",
		keysForm:   "Tab: other field   Enter: go on   Esc: back, nothing is done",
		keysChoose: "Arrows: choose   Enter: this one   Esc: back, nothing is done",
		none:       "There is no app password that is good.", one: "Revoke which app password of", oneOf: "Revoke the app password \"%s\" of",
		confirm: "You have identified this person, by call-back or in person?", keysConfirm: "y: yes, do it   Esc: back, nothing is done", yes: "yY",
		working: "Working ...", keysResult: "Enter: next call. This is not shown again.", spoken: "Read it out:", refused: "Not done: ",
		unlock: "Lift the waits of", code: "Give a one-time code to", reset: "Remove ALL phones, codes and app passwords of",
		revoke: "Revoke ALL app passwords of", sessions: "End all sessions of",
	}
}

func german() words {
	return words{
		title: "Support", search: "Anmeldename: ", searching: "Suche ...",
		keysSearch: "Enter: suchen   Esc: beenden",
		keysPerson: "u entsperren  c Code  r reset  o/p ein/alle App-Passwörter  s Sitzungen  Esc",
		reason:     "Grund: ", ticket: "Ticket: ", life: "Gültig für (5m bis 24h): ",
		keysForm:   "Tab: anderes Feld   Enter: weiter   Esc: zurück, nichts geschieht",
		keysChoose: "Pfeile: auswählen   Enter: dieses   Esc: zurück, nichts geschieht",
		none:       "Es gibt kein gültiges App-Passwort.", one: "Welches App-Passwort widerrufen:", oneOf: "Das App-Passwort „%s“ widerrufen:",
		confirm: "Haben Sie die Person geprüft, durch Rückruf oder persönlich?", keysConfirm: "j: ja, ausführen   Esc: zurück, nichts geschieht", yes: "jJ",
		working: "Einen Moment ...", keysResult: "Enter: nächster Anruf. Das wird nicht noch einmal gezeigt.", spoken: "Vorlesen:", refused: "Nicht ausgeführt: ",
		unlock: "Wartezeiten aufheben:", code: "Einmal-Code geben:", reset: "ALLE Handys, Codes und App-Passwörter entfernen:",
		revoke: "ALLE App-Passwörter widerrufen:", sessions: "Alle Sitzungen beenden:",
	}
}

// German tells whether the environment asks for German, as programs of a terminal
// are told: the first of LC_ALL, LC_MESSAGES and LANG that says anything.
func German(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			return strings.HasPrefix(v, "de")
		}
	}
	return false
}

// verb is one thing that can be done to a person.
type verb struct {
	key  string
	path string
	says func(words) string
	// one means one app password of several; lasts that it is for a time.
	one, lasts bool
}

func verbs() []verb {
	return []verb{
		{key: "u", path: "unlock", says: func(w words) string { return w.unlock }},
		{key: "c", path: "code", says: func(w words) string { return w.code }, lasts: true},
		{key: "r", path: "reset", says: func(w words) string { return w.reset }},
		{key: "o", path: "revoke", says: func(w words) string { return w.one }, one: true},
		{key: "p", path: "revoke", says: func(w words) string { return w.revoke }},
		{key: "s", path: "end-sessions", says: func(w words) string { return w.sessions }},
	}
}
