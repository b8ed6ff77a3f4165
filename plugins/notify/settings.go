package notify

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/notify/letter"
	"github.com/sallyport/sallyport/plugins/notify/post"
)

// The longest time for which a mail is still worth sending.
const (
	usualAge = 72 * time.Hour
	leastAge = time.Hour
	mostAge  = 30 * 24 * time.Hour
)

// config is what the settings say.
type config struct {
	sender Sender
	from   mail.Address
	desk   letter.Desk
	maxAge time.Duration
}

// form reads one setting after the other and collects what is wrong.
type form struct {
	left     map[string]string
	known    []string
	problems []hook.Problem
}

func (f *form) text(key, def string) string {
	f.known = append(f.known, key)
	v, ok := f.left[key]
	delete(f.left, key)
	if !ok {
		return def
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		f.refuse(key, "holds a control character", "write it without")
	}
	return v
}

func (f *form) refuse(key, reason, fix string) {
	f.problems = append(f.problems, hook.Problem{Key: key, Reason: reason, Fix: fix})
}

// read understands the settings, or says everything that is wrong with them.
func read(s hook.Setup) (*config, []hook.Problem) {
	f := &form{left: maps.Clone(s.Settings)}
	c := &config{maxAge: usualAge}
	c.sender = f.server()
	c.from = f.sender(s.Operator)
	c.desk = f.desk(s)
	if v := f.text("max_age", ""); v != "" {
		age, err := time.ParseDuration(v)
		if err != nil || age < leastAge || age > mostAge {
			f.refuse("max_age", fmt.Sprintf("%q is no time from 1h to 720h", v), `write for example: max_age = "72h"`)
		}
		c.maxAge = age
	}
	slices.Sort(f.known)
	for _, k := range slices.Sorted(maps.Keys(f.left)) {
		f.refuse(k, "is no setting of this hook", "known are: "+strings.Join(f.known, ", "))
	}
	return c, f.problems
}

func (f *form) server() post.Server {
	const example = `write for example: server = "mail.example.org:587"`
	var s post.Server
	v := f.text("server", "")
	host, port, err := net.SplitHostPort(v)
	n, nerr := strconv.ParseUint(port, 10, 16)
	switch {
	case v == "":
		f.refuse("server", "is missing: nobody says where mail is handed in", example)
	case err != nil || nerr != nil || n == 0 || host == "":
		f.refuse("server", fmt.Sprintf("%q is not a name with a port", v), example)
	}
	s.Host, s.Port = host, int(n)
	f.encryption(&s)
	s.Roots = f.roots()
	s.User, s.Password = f.login(s.Plain)
	return s
}

// smtps is the port where servers speak TLS from the first byte, and wait in
// silence for a client that does not.
const smtps = 465

// encryption reads how the connection is encrypted.
func (f *form) encryption(s *post.Server) {
	switch tls := f.text("tls", ""); {
	case tls == "implicit":
		s.Implicit = true
	case tls == "" && s.Port == smtps:
		f.refuse("tls", "is missing: port 465 is for TLS from the start, and would never answer STARTTLS", `write tls = "implicit"`)
	case tls == "none" && local(s.Host):
		s.Plain = true
	case tls == "none":
		f.refuse("tls", `"none" is for a mail server on this machine only: mail would cross the network in clear`, `write tls = "starttls" or "implicit"`)
	case tls != "" && tls != "starttls":
		f.refuse("tls", fmt.Sprintf("%q is not a choice", tls), `choose one of: starttls, implicit, none`)
	}
}

// local tells whether the host is this machine.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (f *form) roots() *x509.CertPool {
	path := f.text("ca_file", "")
	if path == "" {
		return nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		f.refuse("ca_file", "cannot be read: "+err.Error(), "write the whole path of a file that the daemon may read")
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		f.refuse("ca_file", path+" holds no certificate", "write the path of a PEM file that begins with -----BEGIN CERTIFICATE-----")
	}
	return pool
}

func (f *form) login(plain bool) (user, password string) {
	user = f.text("user", "")
	path := f.text("password_file", "")
	switch {
	case (user == "") != (path == ""):
		f.refuse("user", "and password_file go together", "write both, or none where the mail server knows this machine")
	case user != "" && plain:
		f.refuse("user", `and tls = "none" do not go together: the password would be sent in clear`, `write tls = "starttls" or "implicit"`)
	case path != "":
		password = f.secret(path)
	}
	return user, password
}

// secret reads a file that only the daemon may know.
func (f *form) secret(path string) string {
	const key = "password_file"
	st, err := os.Stat(path)
	if err != nil {
		f.refuse(key, "cannot be read: "+err.Error(), "write the whole path of a file that is there")
		return ""
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	own := os.Geteuid()
	switch {
	case !st.Mode().IsRegular():
		f.refuse(key, path+" is not a regular file", "write the path of a file")
		return ""
	case !ok:
		f.refuse(key, "nobody can say who owns "+path, "write the path of another file")
		return ""
	case sys.Uid != 0 && int(sys.Uid) != own:
		f.refuse(key, fmt.Sprintf("%s belongs to uid %d, who could read and change it", path, sys.Uid), fmt.Sprintf("run: chown %d %s", own, path))
		return ""
	case st.Mode().Perm()&0o377 != 0 && st.Mode().Perm() != 0o600:
		f.refuse(key, fmt.Sprintf("%s has mode %04o: others could read or change it", path, st.Mode().Perm()), "run: chmod 0400 "+path)
		return ""
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.refuse(key, "cannot be read: "+err.Error(), fmt.Sprintf("run: chown %d %s", own, path))
		return ""
	}
	if b = bytes.TrimRight(b, "\r\n"); len(b) == 0 {
		f.refuse(key, path+" is empty", "write the password into it")
	}
	return string(b)
}

func (f *form) sender(operator string) mail.Address {
	const example = `write for example: from = "noreply@example.org"`
	v := f.text("from", "")
	if v == "" {
		f.refuse("from", "is missing: mail needs a sender", example)
		return mail.Address{}
	}
	a, err := mail.ParseAddress(v)
	if err != nil {
		f.refuse("from", fmt.Sprintf("%q is not an address", v), example)
		return mail.Address{}
	}
	if _, ok := post.Address(a.Address); !ok {
		f.refuse("from", fmt.Sprintf("%q is not an address that every mail server takes", a.Address), example)
	}
	if a.Name == "" {
		a.Name = operator
	}
	return mail.Address{Name: letter.Name(a.Name), Address: a.Address}
}

func (f *form) desk(s hook.Setup) letter.Desk {
	d := letter.Desk{Operator: s.Operator, Phone: s.Phone, Hours: s.Hours, Mail: s.Mail, Zone: time.Local}
	var err error
	if d.Words, err = letter.Load(s.Texts, s.German == "du"); err != nil {
		f.refuse("", "cannot be used with the texts of [page]: "+err.Error(), "mend or remove that file; without it the built-in texts are sent")
	}
	if s.Phone == "" && s.Mail == "" {
		f.refuse("", "are of no use: nobody could be told whom to call", "write phone or mail into [page.support]")
	}
	if !s.Addresses {
		f.refuse("", "are of no use: the hook is told no mail addresses", "write mail = true into its [[hook]]")
	}
	lang := f.text("language", "both")
	var ok bool
	if d.Languages, ok = letter.Known(lang); !ok {
		f.refuse("language", fmt.Sprintf("%q is not a choice", lang), "choose one of: both, de, en")
	}
	if name := f.text("timezone", ""); name != "" {
		zone, err := time.LoadLocation(name)
		if err != nil {
			f.refuse("timezone", fmt.Sprintf("there is no time zone %q", name), `write for example: timezone = "Europe/Berlin"`)
		} else {
			d.Zone = zone
		}
	}
	return d
}
