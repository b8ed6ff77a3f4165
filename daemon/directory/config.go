package directory

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/link"
)

// Config says where the directory is and how to read it. Zero fields take the
// default named beside them.
type Config struct {
	// Servers are URLs, ldap:// or ldaps://, the preferred one first.
	Servers []string
	// StartTLS secures ldap:// before anything else is said.
	StartTLS bool
	// CAFile is a PEM file of the authorities that are trusted; empty means
	// those of the system.
	CAFile string
	// BindDN and BindPassword are the account that searches. With no BindDN
	// the search is anonymous.
	BindDN       string
	BindPassword account.Secret
	// Base is where people are searched.
	Base string
	// Filter finds one person; {name} stands for the login.
	Filter string
	// AccountFilter must match a person's entry, or the account counts as
	// disabled. Empty matches everybody.
	AccountFilter string
	// IDAttribute holds the immutable id (entryUUID). Active Directory's
	// objectGUID is turned into text.
	IDAttribute string
	// NameAttribute holds the login (uid).
	NameAttribute string
	// DisplayNameAttribute holds the person's name (displayName); where it is
	// missing, cn serves.
	DisplayNameAttribute string
	// MailAttribute holds the mail address (mail).
	MailAttribute string
	// GroupBase is where groups are. With GroupFilter empty it narrows
	// memberOf to the groups below it.
	GroupBase string
	// GroupFilter finds the groups of a person; {dn} and {name} stand for the
	// entry's DN and login. Empty means that memberOf is read.
	GroupFilter string
	// GroupNameAttribute names a group (cn).
	GroupNameAttribute string
	// Locked are conditions on the entry, each of which means locked:
	// "attribute=value", compared without regard to case, or "attribute=*", any
	// value at all (nsAccountLock=true). What directories themselves keep of
	// locks and of the life of an account is always heeded; see fitness.
	Locked []string
	// LockoutDuration is how long the directory's own lock after too many wrong
	// passwords lasts (pwdLockoutDuration of the password policy, lockoutDuration
	// of an Active Directory domain). Zero is for ever: until somebody unlocks.
	LockoutDuration time.Duration
	// DecoyDN is an entry with the usual kind of password hash, exempt from
	// lock-out, whose password nobody knows. Decoy binds to it. Empty means a
	// name that does not exist: cheaper for the directory, so that a stranger
	// with a good clock can tell unknown names.
	DecoyDN string
	// AllowNames are characters allowed in logins beside letters, digits,
	// ". _ - @ +" and inner blanks.
	AllowNames string
	// FactTTL is how long facts are good without asking (60 s).
	FactTTL time.Duration
	// MaxStale is how old facts may get while the directory is away (15 min);
	// a negative value means none.
	MaxStale time.Duration
	// Timeout bounds one operation: connecting, a bind, a search (1 s).
	Timeout time.Duration
	// Total bounds a whole call, over all servers (3 s).
	Total time.Duration
	// CoolDown is how long a server that failed is not preferred (30 s).
	CoolDown time.Duration
	// PoolSize bounds the connections of each kind to each server (32).
	PoolSize int
	// MaxFacts bounds the facts that are kept (50,000).
	MaxFacts int
	// Now is the clock; it has no default.
	Now func() time.Time
	// Log takes faults (discarded). No line of it names a person.
	Log *slog.Logger
	// Alarm is told of what should never happen: an event with the clear name,
	// which belongs in the audit, and a note without it (the note goes to Log).
	Alarm func(account.Event)
	// Observe is told of each "bind" and "search", with how long it took. The
	// error is nil where the directory answered, whatever it said.
	Observe func(op string, took time.Duration, err error)
	// ServerUp is told when a server, by its place in Servers, comes or goes; at
	// the start each counts as up.
	ServerUp func(server int, up bool)
}

// complete fills in the defaults.
func (c *Config) complete() {
	text := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	span := func(field *time.Duration, value time.Duration) {
		if *field == 0 {
			*field = value
		}
	}
	text(&c.IDAttribute, "entryUUID")
	text(&c.NameAttribute, "uid")
	text(&c.DisplayNameAttribute, "displayName")
	text(&c.MailAttribute, "mail")
	text(&c.GroupNameAttribute, "cn")
	span(&c.FactTTL, time.Minute)
	span(&c.MaxStale, 15*time.Minute)
	span(&c.Timeout, time.Second)
	span(&c.Total, 3*time.Second)
	span(&c.CoolDown, 30*time.Second)
	if c.PoolSize == 0 {
		c.PoolSize = 32
	}
	if c.MaxFacts == 0 {
		c.MaxFacts = 50_000
	}
	if c.Locked == nil {
		c.Locked = []string{"nsAccountLock=true"}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Alarm == nil {
		log := c.Log
		c.Alarm = func(e account.Event) { log.Error("alarm", "note", e.Note) }
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Duration, error) {}
	}
	if c.ServerUp == nil {
		c.ServerUp = func(int, bool) {}
	}
}

// check refuses what cannot work or is not safe.
func (c *Config) check() error {
	switch {
	case c.Now == nil:
		return errors.New("no clock given")
	case len(c.Servers) == 0:
		return errors.New("no server given")
	case c.Base == "":
		return errors.New("no base given")
	case c.BindDN != "" && c.BindPassword == "":
		return errors.New("a bind DN needs a password: with none, servers take the bind for an anonymous one")
	case !strings.Contains(c.Filter, "{name}"):
		return errors.New("the filter must hold {name}, as in (uid={name})")
	case c.GroupFilter != "" && c.GroupBase == "":
		return errors.New("a group filter needs a group base")
	case c.FactTTL < 0 || c.Timeout < 0 || c.Total < 0 || c.CoolDown < 0 || c.LockoutDuration < 0 || c.PoolSize < 1 || c.MaxFacts < 1:
		return errors.New("times and sizes must be greater than zero")
	}
	for _, dn := range []string{c.Base, c.BindDN, c.GroupBase, c.DecoyDN} {
		if err := link.CheckDN(dn); err != nil {
			return err
		}
	}
	for _, rule := range c.Locked {
		if attribute, value, ok := strings.Cut(rule, "="); !ok || attribute == "" || value == "" {
			return fmt.Errorf("locked condition %q: write attribute=value, or attribute=* for any value", rule)
		}
	}
	return nil
}

// endpoints turns the servers into settings for links.
func (c *Config) endpoints() ([]link.Settings, error) {
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	var list []link.Settings
	for _, server := range c.Servers {
		u, err := url.Parse(server)
		if err != nil {
			return nil, fmt.Errorf("server %q: %w", server, err)
		}
		if u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return nil, fmt.Errorf("server %q: write ldaps://host or ldaps://host:port", server)
		}
		e := link.Settings{
			URL: server, BindDN: c.BindDN, BindPassword: c.BindPassword, Timeout: c.Timeout,
			CoolDown: c.CoolDown, PoolSize: c.PoolSize, Now: c.Now, Observe: c.Observe,
		}
		port := u.Port()
		switch u.Scheme {
		case "ldaps":
			port = orElse(port, ldap.DefaultLdapsPort)
		case "ldap":
			port = orElse(port, ldap.DefaultLdapPort)
			e.StartTLS = c.StartTLS
			if !c.StartTLS && !loopback(u.Hostname()) {
				return nil, fmt.Errorf("server %q: passwords would cross the network in the clear; use ldaps:// or StartTLS", server)
			}
		default:
			return nil, fmt.Errorf("server %q: the scheme must be ldap or ldaps", server)
		}
		e.Address = net.JoinHostPort(u.Hostname(), port)
		if u.Scheme == "ldaps" || c.StartTLS {
			e.TLS = &tls.Config{RootCAs: roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		}
		list = append(list, e)
	}
	return list, nil
}

func (c *Config) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s holds no certificate", c.CAFile)
	}
	return pool, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
