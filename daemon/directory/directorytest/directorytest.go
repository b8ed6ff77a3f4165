// Package directorytest runs a real slapd for tests and benchmarks: on
// loopback, in a temporary directory, with people in it, gone with the test.
//
// It is Debian's slapd with its own overlays (memberof, ppolicy) and hashes
// ({SSHA}, {ARGON2}), so what passes here passes in front of a real directory.
// It is no double: where only a server that misbehaves will do, tests write
// their own. Only tests may import it.
package directorytest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
)

// Names in every directory that Start makes.
const (
	// BaseDN is the suffix.
	BaseDN = "dc=example,dc=org"
	// PeopleDN holds the people, GroupsDN the groups.
	PeopleDN = "ou=people," + BaseDN
	GroupsDN = "ou=groups," + BaseDN
	// BindDN may read everything but passwords.
	BindDN = "cn=sallyport,ou=services," + BaseDN
	// BindPassword is its password.
	BindPassword = "sallyport-password"
	// PolicyDN is the default password policy; it locks nobody until a test
	// changes it.
	PolicyDN = "cn=default,ou=policies," + BaseDN
	// DecoyDN has a hash like everybody's and a password that nobody knows.
	DecoyDN = "cn=decoy,ou=services," + BaseDN

	slapdPath = "/usr/sbin/slapd"
	rootDN    = "cn=admin," + BaseDN
	rootPW    = "admin-password"
)

// Options say what differs from the usual. The zero value has alice, bert,
// carla, dora (employeeType disabled) and müller, each with the password
// NAME-password, stored as {SSHA}; alice and bert are in the group staff, carla
// in support.
type Options struct {
	// Argon2 stores passwords as {ARGON2}.
	Argon2 bool
	// More adds that many people, u000001 and on, loaded in bulk.
	More int
	// AllowEmpty makes slapd grant binds without a password, as anonymous.
	AllowEmpty bool
	// Limits are what the service account may ask for, as in slapd.conf, for
	// example "size.pr=20 size.prtotal=unlimited".
	Limits string
}

// Server is one running slapd.
type Server struct {
	// URL is for plain and StartTLS connections, TLSURL for ldaps.
	URL    string
	TLSURL string
	// CAFile holds the authority that signed the server's certificate.
	CAFile string

	t       testing.TB
	dir     string
	argon2  bool
	process *exec.Cmd
	exited  chan struct{}
}

// Start runs a slapd until the test ends. Where slapd is not installed it skips
// the test, or fails it if CI=true is in the environment.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if _, err := os.Stat(slapdPath); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("slapd is missing: apt install slapd slapd-contrib")
		}
		t.Skip("slapd is missing: apt install slapd slapd-contrib")
	}
	s := &Server{t: t, dir: t.TempDir(), argon2: o.Argon2}
	s.must("making certificates", s.makeCertificates())
	s.must("writing the config", s.writeConfig(o))
	s.must("loading entries", s.load(o))
	ports := freePorts(t, 2)
	s.URL = fmt.Sprintf("ldap://127.0.0.1:%d", ports[0])
	s.TLSURL = fmt.Sprintf("ldaps://127.0.0.1:%d", ports[1])
	t.Cleanup(s.Kill)
	s.Restart()
	s.AddGroup("staff", PersonDN("alice"), PersonDN("bert"))
	s.AddGroup("support", PersonDN("carla"))
	return s
}

// Config is what package directory needs to use this server, plain; the clock
// is the caller's to set.
func (s *Server) Config() directory.Config {
	return directory.Config{
		Servers: []string{s.URL}, BindDN: BindDN, BindPassword: account.Secret(BindPassword),
		Base: PeopleDN, Filter: "(&(objectClass=inetOrgPerson)(uid={name}))",
		AccountFilter: "(!(employeeType=disabled))", DecoyDN: DecoyDN,
	}
}

// Restart starts slapd at the addresses it had, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	var said strings.Builder
	cmd := exec.Command(slapdPath, "-d", "0", "-f", filepath.Join(s.dir, "slapd.conf"), "-h", s.URL+"/ "+s.TLSURL+"/")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must("starting slapd", cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.process, s.exited = cmd, exited
	limit, tick := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		c, err := ldap.DialURL(s.URL)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-exited:
			s.t.Fatalf("slapd ended at once: %s", said.String())
		case <-limit:
			s.t.Fatal("slapd does not answer")
		case <-tick.C:
		}
	}
}

// Kill ends slapd at once, as a power cut would. It may be called twice.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGCONT)
	_ = s.process.Process.Kill()
	<-s.exited
	s.process = nil
}

// Freeze stops slapd without ending it: connections stay, nothing answers.
func (s *Server) Freeze() {
	s.t.Helper()
	s.must("stopping slapd", s.process.Process.Signal(syscall.SIGSTOP))
	limit, tick := time.After(5*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !s.stopped() {
		select {
		case <-limit:
			s.t.Fatal("slapd does not stop")
		case <-tick.C:
		}
	}
}

// stopped looks whether every thread of slapd has come to a halt.
func (s *Server) stopped() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.process.Process.Pid))
	s.must("looking at slapd", err)
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil || !strings.Contains(string(stat), ") T ") {
			return false
		}
	}
	return len(threads) > 0
}

// Thaw ends a Freeze.
func (s *Server) Thaw() {
	s.t.Helper()
	s.must("continuing slapd", s.process.Process.Signal(syscall.SIGCONT))
}

// AddPerson adds somebody below PeopleDN, and returns the DN.
func (s *Server) AddPerson(p Person) string {
	s.t.Helper()
	attributes, err := p.attributes(s.argon2)
	s.must("hashing a password", err)
	add := ldap.NewAddRequest(PersonDN(p.Name), nil)
	for _, a := range attributes {
		add.Attribute(a.name, a.values)
	}
	s.admin("adding "+p.Name, func(c *ldap.Conn) error { return c.Add(add) })
	return PersonDN(p.Name)
}

// AddGroup adds a groupOfNames below GroupsDN.
func (s *Server) AddGroup(name string, members ...string) {
	s.t.Helper()
	add := ldap.NewAddRequest("cn="+ldap.EscapeDN(name)+","+GroupsDN, nil)
	add.Attribute("objectClass", []string{"groupOfNames"})
	add.Attribute("member", members)
	s.admin("adding group "+name, func(c *ldap.Conn) error { return c.Add(add) })
}

// Modify replaces an attribute of an entry; with no values it goes.
func (s *Server) Modify(dn, attribute string, values ...string) {
	s.t.Helper()
	modify := ldap.NewModifyRequest(dn, nil)
	modify.Replace(attribute, values)
	s.admin("changing "+dn, func(c *ldap.Conn) error { return c.Modify(modify) })
}

// Rename gives an entry another relative name, for example "uid=alice2".
func (s *Server) Rename(dn, rdn string) {
	s.t.Helper()
	request := ldap.NewModifyDNRequest(dn, rdn, true, "")
	s.admin("renaming "+dn, func(c *ldap.Conn) error { return c.ModifyDN(request) })
}

// Delete removes an entry.
func (s *Server) Delete(dn string) {
	s.t.Helper()
	s.admin("deleting "+dn, func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(dn, nil)) })
}

// Values reads an attribute of an entry, operational ones and the password
// history of the policy overlay too.
func (s *Server) Values(dn, attribute string) []string {
	s.t.Helper()
	var values []string
	s.admin("reading "+dn, func(c *ldap.Conn) error {
		found, err := c.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 5, false,
			"(objectClass=*)", []string{attribute}, nil))
		if err == nil && len(found.Entries) == 1 {
			values = found.Entries[0].GetAttributeValues(attribute)
		}
		return err
	})
	return values
}

// PersonDN is the DN that a person of this name has.
func PersonDN(name string) string { return "uid=" + ldap.EscapeDN(name) + "," + PeopleDN }

func (s *Server) admin(what string, do func(c *ldap.Conn) error) {
	s.t.Helper()
	c, err := ldap.DialURL(s.URL)
	s.must(what, err)
	defer func() { _ = c.Close() }()
	c.SetTimeout(10 * time.Second)
	s.must(what, errors.Join(c.Bind(rootDN, rootPW), do(c)))
}

func (s *Server) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// freePorts asks the kernel for ports that nobody listens on.
func freePorts(t testing.TB, count int) []int {
	t.Helper()
	var ports []int
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("looking for a free port: %v", err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
