package desk

import "strings"

// words are what the form says around the support screen, in one language.
type words struct {
	title, search, searching, keysSearch  string
	keysPerson, reason, ticket, keysForm  string
	confirm, keysConfirm, yes             string
	working, keysResult, spoken, refused  string
	unlock, code, reset, revoke, sessions string
}

func english() words {
	return words{
		title: "Support desk", search: "Login: ", searching: "Looking ...",
		keysSearch: "Enter: look   Esc: leave",
		keysPerson: "u unlock  c code  r reset  p app passwords  s sessions  arrows: scroll  Esc: back",
		reason:     "Reason: ", ticket: "Ticket: ", keysForm: "Tab: other field   Enter: go on   Esc: back, nothing is done",
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
		keysPerson: "u entsperren  c Code  r reset  p App-Passwörter  s Sitzungen  Pfeile  Esc: zurück",
		reason:     "Grund: ", ticket: "Ticket: ", keysForm: "Tab: anderes Feld   Enter: weiter   Esc: zurück, nichts geschieht",
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
}

func verbs() []verb {
	return []verb{
		{"u", "unlock", func(w words) string { return w.unlock }},
		{"c", "code", func(w words) string { return w.code }},
		{"r", "reset", func(w words) string { return w.reset }},
		{"p", "revoke", func(w words) string { return w.revoke }},
		{"s", "end-sessions", func(w words) string { return w.sessions }},
	}
}
