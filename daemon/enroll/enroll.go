// Package enroll makes and ends records: set-up, app passwords, emergency
// codes, revocation and reset. Beside package check, which only updates the
// record that it accepted, it is the only writer of records.
//
// It is not the page and not the support tool: enrollweb and frontend/admin
// are, each through a small interface of its own. It decides no login; whoever
// comes here brings a ticket that check.Engine gave out.
package enroll

import (
	"slices"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/devices"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// Stage is where a session of the page stands. The server alone moves it on.
type Stage string

const (
	// StageInvite waits for the invite code that the support desk gave out.
	StageInvite Stage = "invite"
	// StageBegin has not been shown a key yet.
	StageBegin Stage = "begin"
	// StageConfirm shows the key and waits for its first code.
	StageConfirm Stage = "confirm"
	// StageHome is set up: a full session.
	StageHome Stage = "home"
)

// Session is what the page keeps in its cookie.
type Session struct {
	// Token is the new session id, at least 128 random bits.
	Token account.Secret
	// Kind is account.TokenSetup or account.TokenSession; each has a cookie
	// name of its own.
	Kind account.TokenKind
	// Expires is the absolute end of the session.
	Expires time.Time
}

// View is everything that the page shows to the owner of a session.
type View struct {
	Subject account.Subject
	Kind    account.TokenKind
	Stage   Stage
	// Fresh says that the person signed in a moment ago, so that factors may
	// be changed; otherwise the page asks to sign in again first.
	Fresh bool
	// Setup is the key to show while Stage is StageConfirm. In a full session
	// it belongs to a phone that is added, or replaces another.
	Setup Setup
	// Devices are the phones with an active code app, oldest first; payloads are
	// empty.
	Devices []account.Record
	// MostDevices is how many there may be.
	MostDevices int
	// MayLoseLast says that the only one may be taken as lost: an emergency code
	// opens the page without it.
	MayLoseLast bool
	// AppPasswords are the active app passwords, newest use first; payloads
	// are empty.
	AppPasswords []account.Record
	// Astray are the newest tries, one for each program and service, that came
	// without an app password where only one helps, and have not been mended.
	Astray []account.Event
	// Leave is why the person needs no second factor now, Bridged the newest tries
	// of programs that were let in with the normal password.
	Leave   records.Leave
	Bridged []account.Event
	// Programs are the User-Agents of those tries, each once. A set-up session
	// sees these, too, and nothing else of them.
	Programs []string
	// CodesLeft is the number of emergency codes left; -1 where the operator
	// has none configured.
	CodesLeft int
	// Services are those that an app password can be made for.
	Services []string
}

// Device is one of the Devices.
func (v View) Device(id string) (account.Record, bool) {
	at := slices.IndexFunc(v.Devices, func(r account.Record) bool { return r.ID == id })
	if at < 0 || id == "" {
		return account.Record{}, false
	}
	return v.Devices[at], true
}

// Setup is the key of a record that waits for its confirmation.
type Setup struct {
	// Secret is the set-up key in base32, without padding or blanks.
	Secret account.Secret
	// URI is the otpauth URI; QR code and tap link carry exactly this.
	URI account.Secret
	// Expires is when the key stops waiting.
	Expires time.Time
	// Plan says which phone the key is for.
	Plan devices.Plan
}

// Confirmed is the end of a set-up, or what follows a lost phone.
type Confirmed struct {
	// Session replaces the caller's, whose token is dead now.
	Session Session
	// Codes are new emergency codes, shown once; empty where none are configured
	// or the person has some already.
	Codes []account.Secret
}

// Issued is a new app password. It prints itself without the secret.
type Issued struct {
	// Record names it from now on.
	Record string
	// Secret is shown once.
	Secret account.Secret
}

// Unused tells whether an app password has not been used for so long that its
// owner is asked about it: 90 days.
func Unused(r account.Record, now time.Time) bool { return records.Unused(r, now) }
