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

// Text is what may be shown to the person who tried: one sentence in both
// languages.
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
