/*
 * The words that people read. The sentences are the daemon's own, and a test
 * compares them with it.
 */
#ifndef SALLYPORT_TEXT_H
#define SALLYPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline const char *password_prompt(bool german)
{
	return german ? "Passwort: " : "Password: ";
}

static inline const char *code_prompt(bool german, size_t digits)
{
	if (digits == 8)
		return german ? "Bestätigungscode (8 Ziffern): " : "8-digit code: ";
	return german ? "Bestätigungscode (6 Ziffern): " : "6-digit code: ";
}

/* One sentence in both languages, for one reason of the closed list. */
struct sentence {
	const char *reason, *sie, *du, *en;
	bool page; /* the page is where to go on */
};

static const struct sentence sentences[] = {
	{"app_password_required",
	 "Hier hilft nur ein App-Passwort. Ihr normales Passwort und der Code aus der App gelten hier nicht.",
	 "Hier hilft nur ein App-Passwort. Dein normales Passwort und der Code aus der App gelten hier nicht.",
	 "Only an app password works here. Your normal password and the code from the app do not.",
	 true},
	{"enroll_required",
	 "Ab jetzt brauchen Sie zum Anmelden zwei Dinge. Bitte richten Sie zuerst Ihre Authenticator-App ein.",
	 "Ab jetzt brauchst du zum Anmelden zwei Dinge. Bitte richte zuerst deine Authenticator-App ein.",
	 "From now on you need two things to sign in. Please set up your authenticator app first.",
	 true},
	{"code_wrong",
	 "Dieser Code passt nicht. Warten Sie auf den nächsten Code und tippen Sie ihn gleich ein.",
	 "Dieser Code passt nicht. Warte auf den nächsten Code und tippe ihn gleich ein.",
	 "This code is not right. Wait for the next code and type it straight away.",
	 false},
	{"code_used",
	 "Dieser Code wurde schon benutzt. Warten Sie auf den nächsten Code.",
	 "Dieser Code wurde schon benutzt. Warte auf den nächsten Code.",
	 "This code has been used already. Wait for the next code.",
	 false},
	{"throttled",
	 "Zu viele Versuche. Bitte warten Sie kurz und versuchen Sie es dann noch einmal.",
	 "Zu viele Versuche. Bitte warte kurz und versuch es dann noch einmal.",
	 "Too many tries. Please wait a moment, then try again.",
	 false},
	{"directory_unavailable", /* and whatever else is an outage */
	 "Die Anmeldung ist gerade gestört. Das liegt nicht an Ihnen und nicht an Ihrem Passwort. Bitte versuchen Sie es in ein paar Minuten noch einmal.",
	 "Die Anmeldung ist gerade gestört. Das liegt nicht an dir und nicht an deinem Passwort. Bitte versuch es in ein paar Minuten noch einmal.",
	 "Sign-in has a problem right now. It is not you, and it is not your password. Please try again in a few minutes.",
	 false},
	{"wrong_spelling",
	 "Bitte schreiben Sie Ihren Anmeldenamen genau so, wie Sie ihn von uns bekommen haben, auch die Groß- und Kleinschreibung.",
	 "Bitte schreib deinen Anmeldenamen genau so, wie du ihn von uns bekommen hast, auch die Groß- und Kleinschreibung.",
	 "Please spell your login name exactly as we gave it to you, capitals and small letters included.",
	 false},
};

/* NULL for reasons on which a program's own words are enough. */
static inline const struct sentence *sentence_for(const char *reason)
{
	for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
		if (strcmp(sentences[i].reason, reason) == 0)
			return &sentences[i];
	return NULL;
}

#endif
