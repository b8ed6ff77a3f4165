// Package config reads the one TOML file of the daemon, strictly: an unknown
// key, a wrong type, a number out of range or a combination that would be
// weaker than it looks is an error that names file, line, key, reason and fix.
// All errors of a file are told at once.
//
// It is not a place for rules about logins. It looks at the files that it names,
// and asks the main about the rest of the machine; it opens no socket and starts
// nothing. It hands plain values to the main, which alone may call it and passes
// on to every part what that part needs.
//
// Decided against: environment variables and includes. One file is the whole
// truth, so that "why was this login refused" can be answered with a line of it.
package config

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/daemon/check/policy"
	"github.com/sallyport/sallyport/daemon/config/keepform"
	"github.com/sallyport/sallyport/daemon/config/ldapform"
	"github.com/sallyport/sallyport/daemon/config/pageform"
	"github.com/sallyport/sallyport/daemon/config/strict"
	"github.com/sallyport/sallyport/daemon/config/wayform"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
)

// Problem is one thing that is wrong with a config: file, line, key, reason and
// fix.
type Problem = strict.Problem

// Problems is the error that Load and Parse return, sorted by line.
type Problems = strict.Problems

// Directory is how the LDAP directory is asked.
type Directory = ldapform.Directory

// Config is the whole file, complete with its defaults. Every path in it is
// absolute.
type Config struct {
	// Issuer is the operator's name as an authenticator app shows it.
	Issuer string
	// State is the folder of everything that the daemon keeps.
	State string
	// Store is the path of the SQLite database.
	Store string
	// Journal is the folder of the revocation journal, which a restore needs.
	Journal string
	// KEK is the file with the master key, or "credential:NAME" for a systemd
	// credential.
	KEK       string
	Directory Directory
	Factors   []Factor
	Hooks     []Hook
	// Policy is who owes a second factor, and from when.
	Policy    policy.Policy
	Services  []Service
	Listeners []Listen
	// Page is the enrollment page; its Listen is empty where there is none.
	Page Page
	// Metrics is where the metrics are served, "host:port" or the path of a
	// Unix socket; empty means nowhere.
	Metrics  string
	Log      Log
	Throttle Throttle
	// Retention is for how long what is told of people is kept.
	Retention keepform.Retention
	Admin     Admin
}

// Factor is one factor plugin.
type Factor struct {
	// Kind is the factor's name in services, records and logs.
	Kind string
	// Path is the plugin's program.
	Path string
	// SHA256 pins the program, in hexadecimal; empty means no pin.
	SHA256 string
	// MTLS encrypts the way to the plugin; false is for runtimes that cannot.
	MTLS bool
	// Jail keeps the plugin from files and network; false is for kernels and
	// runtimes that cannot.
	Jail bool
	// Timeout bounds one call, 50 ms to 10 s.
	Timeout time.Duration
	// Standalone says that the factor may be the only one of a way in.
	Standalone bool
	// Exportable says that the secrets of its records may leave in a file.
	Exportable bool
	// Settings are passed to the plugin as they are.
	Settings map[string]string
}

// Hook is one hook plugin.
type Hook struct {
	Name   string
	Path   string
	SHA256 string
	// Before says that the hook is asked before a login; false leaves it out of
	// the way of every login.
	Before bool
	// AllowOnError says what follows where the hook cannot answer; it must be
	// written, as on_error = "allow" or "deny", unless Before is false.
	AllowOnError bool
	// Mail lets the hook know the mail address and the display name of whom an
	// act is about.
	Mail bool
	// Timeout bounds one question before a login, 50 ms to 10 s.
	Timeout time.Duration
	// Settings are passed to the plugin as they are.
	Settings map[string]string
	// Config is where it stands, as "file:line key".
	Config string
}

// Service is something that people log in to.
type Service struct {
	Name string
	// Accept are the ways in; any one of them is enough.
	Accept []Way
	// SingleFactor is the operator's reason for a way of one factor.
	SingleFactor string
	// Groups have ways of their own; the first that fits a person decides.
	Groups []wayform.Group
	// Bridge is the way that is good until somebody's first app password is in use;
	// without factors there is none.
	Bridge Way
	// Config is where it stands, as "file:line key".
	Config string
}

// Way is a list of factors that must all accept.
type Way = wayform.Way

// Listen is one Unix socket of a front end.
type Listen struct {
	// Protocol is "http", "admin", "saslauthd" or "dovecot".
	Protocol string
	Path     string
	// Mode is the socket's file mode.
	Mode uint32
	// Group owns the socket; empty leaves the daemon's own.
	Group string
	// Allow are the peers that may connect: "name", "uid", "@group", "@gid".
	// Empty means whoever the mode lets in.
	Allow []string
	// Services may be asked here.
	Services []string
	// DefaultService is asked where a request names none; may be empty.
	DefaultService string
	// ServiceMap says what a protocol's own words for services mean.
	ServiceMap map[string]string
	// Strict demands the canonical spelling of logins.
	Strict bool
	// Domains are realms that are part of the login, IgnoreRealms those that
	// mean nothing; both for saslauthd only.
	Domains      []string
	IgnoreRealms []string
	// Proxies is how many trusted proxies append to X-Forwarded-For; for http
	// only.
	Proxies int
	// Origins are the web applications whose web server asks here about browsers;
	// for http only.
	Origins []string
	// Config is where it stands, as "file:line key".
	Config string
}

// Page is the enrollment page.
type Page struct {
	// Listen is "host:port" or the path of a Unix socket.
	Listen string
	// URL is how people reach the page, without a slash at the end.
	URL string
	// Service is the one whose ways in open the page.
	Service string
	// TLSCert and TLSKey are PEM files; both empty where a proxy does TLS.
	TLSCert string
	TLSKey  string
	// ProfileCert and ProfileKey are PEM files that sign the profiles for Apple's
	// devices; both empty where those are not signed.
	ProfileCert string
	ProfileKey  string
	// TrustedProxies may name the client in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// Operator is who runs this, as the page says it.
	Operator string
	Brand    pageform.Brand
	Support  Support
	// Servers are what the page tells people to give their programs.
	Servers []pageform.Server
	// ReturnTo are the web applications that people may be sent back to.
	ReturnTo []string
	// Language is "de" or "en" for everybody, or "auto": what the browser asks
	// for.
	Language string
	// German is how German texts address people: "sie" or "du".
	German string
	// Texts is a folder with files that replace texts of the page; or empty.
	Texts string
}

// Support is whom the page tells people to turn to. Empty parts are not shown.
type Support struct {
	Phone string
	Hours string
	// HoursEN are the hours on English pages; empty means Hours there, too.
	HoursEN string
	Mail    string
}

// Advice is what makes a config that is usable worse than it need be, each with
// what mends it.
func (c *Config) Advice() []string {
	if s := c.Page; s.Listen != "" && s.Support.Phone == "" && s.Support.Mail == "" {
		return []string{"[page.support] names nobody: people who do not get on are told that support helps them, and not how to reach it; give phone or mail"}
	}
	return nil
}

// Log is how the daemon logs.
type Log struct {
	// Level is "debug", "info", "warn" or "error".
	Level string
	// Format is "json" or "text".
	Format string
}

// Throttle is who may try how often. No number can be 0: nothing is unlimited.
type Throttle struct {
	SourcePerMinute    int
	FirstFactorQuick   int
	FirstFactorMaxWait time.Duration
	FirstFactorPerHour int
	SecondFactorQuick  int
	SecondFactorPerDay int
	// SecondFactorPerMonth counts 30 days; success does not clear it.
	SecondFactorPerMonth int
	// FailureGrid is the raster of time on which refusals are sent.
	FailureGrid time.Duration
}

// Admin says who may do what on the admin socket; entries are written as in
// Listen.Allow.
type Admin struct {
	Support   []string
	Operators []string
	// Rules bind both.
	Rules bylaws.Rules
}
