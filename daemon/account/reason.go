package account

// Reason says why a verdict is what it is. The list is closed: replies, logs,
// audit and metrics use these words and no others.
type Reason string

const (
	// OK goes with every accept.
	OK Reason = "ok"
	// BadCredentials is a wrong directory password.
	BadCredentials Reason = "bad_credentials"
	// UnknownUser is a name that the directory does not have.
	UnknownUser Reason = "unknown_user"
	// AccountDisabled is an account that is switched off.
	AccountDisabled Reason = "account_disabled"
	// AccountLockedByDirectory is an account that the directory has locked, or
	// whose password it no longer takes because it expired.
	AccountLockedByDirectory Reason = "account_locked_by_directory"
	// CodeRequired follows a right password where the code is missing.
	CodeRequired Reason = "code_required"
	// CodeWrong follows a right password with a code that fits nothing.
	CodeWrong Reason = "code_wrong"
	// CodeUsed follows a right password with a code that was right once.
	CodeUsed Reason = "code_used"
	// EnrollRequired follows a right password where a second factor is owed.
	EnrollRequired Reason = "enroll_required"
	// AppPasswordRequired is anything but an app password where only that helps.
	AppPasswordRequired Reason = "app_password_required"
	// AppPasswordTypo looks like an app password, but its check character says
	// that it was never issued.
	AppPasswordTypo Reason = "app_password_typo"
	// AppPasswordRevoked was right until it was revoked.
	AppPasswordRevoked Reason = "app_password_revoked"
	// AppPasswordExpired was right until it expired.
	AppPasswordExpired Reason = "app_password_expired"
	// WrongService is a right app password at a service it is not good for.
	WrongService Reason = "wrong_service"
	// WrongSpelling is a login that was right but for its spelling, where the
	// program that asks would take another spelling for somebody else.
	WrongSpelling Reason = "wrong_spelling"
	// Throttled means that somebody has to wait.
	Throttled Reason = "throttled"
	// Vetoed means that a hook said no.
	Vetoed Reason = "vetoed"
	// DirectoryUnavailable means that the directory could not be asked.
	DirectoryUnavailable Reason = "directory_unavailable"
	// StoreUnavailable means that the store could not be asked or written.
	StoreUnavailable Reason = "store_unavailable"
	// PluginUnavailable means that a factor could not be asked.
	PluginUnavailable Reason = "plugin_unavailable"
	// ClockUnsafe means that the daemon's clock cannot be trusted for codes.
	ClockUnsafe Reason = "clock_unsafe"
	// Malformed is a request that cannot be read.
	Malformed Reason = "malformed"
	// NotAllowed is a peer that may not ask this.
	NotAllowed Reason = "not_allowed"
)

// Text is one sentence in both languages.
type Text struct {
	DE string `json:"de"`
	EN string `json:"en"`
}

// Outward joins the reasons that a stranger must not tell apart. What may reach
// the remote end is made from it.
func (r Reason) Outward() Reason {
	switch r {
	case UnknownUser, AccountDisabled, AccountLockedByDirectory:
		return BadCredentials
	default:
		return r
	}
}

// AtPage tells whether the person can mend it at the page, whose address then
// helps.
func (r Reason) AtPage() bool {
	switch r {
	case AppPasswordRequired, AppPasswordRevoked, AppPasswordExpired, WrongService, EnrollRequired:
		return true
	default:
		return false
	}
}

// Text is what may be shown to the person who tried. Reasons that must look
// alike to a stranger share one sentence.
func (r Reason) Text() Text {
	if t, ok := r.secondFactorText(); ok {
		return t
	}
	switch r {
	case OK:
		return Text{"Angemeldet.", "Signed in."}
	case AppPasswordRequired, AppPasswordTypo, AppPasswordRevoked, AppPasswordExpired, WrongService:
		return r.appPasswordText()
	case Throttled:
		return Text{
			"Zu viele Versuche. Bitte warten Sie kurz und versuchen Sie es dann noch einmal.",
			"Too many tries. Please wait a moment, then try again."}
	case DirectoryUnavailable, StoreUnavailable, PluginUnavailable, ClockUnsafe:
		return Text{
			"Die Anmeldung ist gerade gestört. Ihr Passwort ist nicht falsch. Bitte versuchen Sie es in ein paar Minuten noch einmal.",
			"Signing in is disturbed right now. Your password is not wrong. Please try again in a few minutes."}
	case WrongSpelling:
		return Text{
			"Bitte schreiben Sie Ihren Anmeldenamen genau so, wie Sie ihn von uns bekommen haben, auch die Groß- und Kleinschreibung.",
			"Please write your login name exactly as we gave it to you, capitals and small letters included."}
	case Vetoed, NotAllowed:
		return Text{"Diese Anmeldung ist hier nicht erlaubt.", "This login is not allowed here."}
	case Malformed:
		return Text{"Die Anfrage ist unvollständig.", "The request is incomplete."}
	default: // BadCredentials, UnknownUser, AccountDisabled, AccountLockedByDirectory
		return Text{"Anmeldename oder Passwort stimmt nicht.", "The login name or the password is not right."}
	}
}

func (r Reason) secondFactorText() (Text, bool) {
	switch r {
	case CodeRequired:
		return Text{
			"Bitte geben Sie auch den Bestätigungscode (6 Ziffern) aus Ihrer Authenticator-App ein.",
			"Please also enter the 6-digit code from your authenticator app."}, true
	case CodeWrong:
		return Text{
			"Dieser Code passt nicht. Warten Sie auf den nächsten Code und tippen Sie ihn gleich ein.",
			"This code does not fit. Wait for the next code and type it right away."}, true
	case CodeUsed:
		return Text{
			"Dieser Code wurde schon benutzt. Warten Sie auf den nächsten Code.",
			"This code has been used already. Wait for the next code."}, true
	case EnrollRequired:
		return Text{
			"Ab jetzt brauchen Sie zum Anmelden zwei Dinge. Bitte richten Sie zuerst Ihre Authenticator-App ein.",
			"From now on you need two things to sign in. Please set up your authenticator app first."}, true
	default:
		return Text{}, false
	}
}

func (r Reason) appPasswordText() Text {
	switch r {
	case AppPasswordTypo:
		return Text{
			"In diesem App-Passwort ist ein Tippfehler.",
			"There is a typing mistake in this app password."}
	case AppPasswordRevoked:
		return Text{
			"Dieses App-Passwort ist entfernt. Machen Sie bitte ein neues.",
			"This app password has been removed. Please make a new one."}
	case AppPasswordExpired:
		return Text{
			"Dieses App-Passwort ist abgelaufen. Machen Sie bitte ein neues.",
			"This app password has expired. Please make a new one."}
	case WrongService:
		return Text{
			"Dieses App-Passwort gilt für etwas anderes. Machen Sie bitte eines für dieses Programm.",
			"This app password is for something else. Please make one for this program."}
	default: // AppPasswordRequired
		return Text{
			"Hier hilft nur ein App-Passwort. Ihr normales Passwort und der Code aus der App gelten hier nicht.",
			"Only an app password works here. Your normal password and the code from the app do not."}
	}
}
