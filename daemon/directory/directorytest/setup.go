package directorytest

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// Person is somebody to add.
type Person struct {
	// Name is the uid; the password is NAME-password unless given.
	Name     string
	Password string
	// Extra are further attributes, each with one value.
	Extra map[string]string
}

type attribute struct {
	name   string
	values []string
}

func (p Person) attributes(slow bool) ([]attribute, error) {
	password := p.Password
	if password == "" {
		password = p.Name + "-password"
	}
	hash, err := hashed(password, slow)
	if err != nil {
		return nil, err
	}
	list := []attribute{
		{"objectClass", []string{"inetOrgPerson"}}, {"uid", []string{p.Name}}, {"cn", []string{p.Name}},
		{"sn", []string{p.Name}}, {"displayName", []string{"The " + p.Name}},
		{"userPassword", []string{hash}},
	}
	for name, value := range p.Extra {
		list = append(list, attribute{name, []string{value}})
	}
	return list, nil
}

// hashed stores a password as slapd does by itself.
func hashed(password string, slow bool) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("reading a salt: %w", err)
	}
	if slow {
		// The figures that slapd's own module takes by default.
		sum := argon2.Key([]byte(password), salt, 5, 7168, 1, 32)
		raw := base64.RawStdEncoding
		return "{ARGON2}$argon2i$v=19$m=7168,t=5,p=1$" + raw.EncodeToString(salt) + "$" + raw.EncodeToString(sum), nil
	}
	sum := sha1.Sum(append([]byte(password), salt...))
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...)), nil
}

func (s *Server) writeConfig(o Options) error {
	if err := os.Mkdir(filepath.Join(s.dir, "db"), 0o700); err != nil {
		return fmt.Errorf("making the database folder: %w", err)
	}
	var conf strings.Builder
	for _, schema := range []string{"core", "cosine", "inetorgperson", "nis"} {
		fmt.Fprintf(&conf, "include /etc/ldap/schema/%s.schema\n", schema)
	}
	fmt.Fprintf(&conf, `modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
moduleload argon2
pidfile %[1]s/slapd.pid
TLSCACertificateFile %[1]s/ca.pem
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
`, s.dir)
	if o.AllowEmpty {
		conf.WriteString("allow bind_anon_cred bind_anon_dn\n")
	}
	fmt.Fprintf(&conf, `database mdb
maxsize 1073741824
dbnosync
directory %s/db
suffix %q
rootdn %q
rootpw %s
index objectClass,uid,cn,mail,member,entryUUID eq
overlay memberof
overlay ppolicy
ppolicy_default %q
ppolicy_use_lockout
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=%q read by anonymous auth by * none
`, s.dir, BaseDN, rootDN, rootPW, PolicyDN, BindDN)
	if o.Limits != "" {
		fmt.Fprintf(&conf, "limits dn.exact=%q %s\n", BindDN, o.Limits)
	}
	return os.WriteFile(filepath.Join(s.dir, "slapd.conf"), []byte(conf.String()), 0o600)
}

// load fills the database before slapd runs: fast enough for many people.
func (s *Server) load(o Options) error {
	var ldif bytes.Buffer
	w := bufio.NewWriter(&ldif)
	entry(w, BaseDN, []attribute{{"objectClass", []string{"domain"}}, {"dc", []string{"example"}}})
	for _, ou := range []string{"people", "groups", "services", "policies"} {
		entry(w, "ou="+ou+","+BaseDN, []attribute{{"objectClass", []string{"organizationalUnit"}}, {"ou", []string{ou}}})
	}
	entry(w, PolicyDN, []attribute{{"objectClass", []string{"device", "pwdPolicy"}}, {"cn", []string{"default"}},
		{"pwdAttribute", []string{"userPassword"}}})
	// The service account is bound to often: it has a quick hash always.
	for _, service := range []struct {
		dn, name, password string
		slow               bool
	}{{BindDN, "sallyport", BindPassword, false}, {DecoyDN, "decoy", rand.Text(), o.Argon2}} {
		hash, err := hashed(service.password, service.slow)
		if err != nil {
			return err
		}
		entry(w, service.dn, []attribute{{"objectClass", []string{"applicationProcess", "simpleSecurityObject"}},
			{"cn", []string{service.name}}, {"userPassword", []string{hash}}})
	}
	people := []Person{
		{Name: "alice", Extra: map[string]string{"mail": "alice@example.org"}}, {Name: "bert"}, {Name: "carla"},
		{Name: "dora", Extra: map[string]string{"employeeType": "disabled"}}, {Name: "müller"},
	}
	for i := range o.More {
		people = append(people, Person{Name: fmt.Sprintf("u%06d", i+1)})
	}
	for _, p := range people {
		attributes, err := p.attributes(o.Argon2)
		if err != nil {
			return err
		}
		entry(w, PersonDN(p.Name), attributes)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing entries: %w", err)
	}
	add := exec.Command("/usr/sbin/slapadd", "-q", "-f", filepath.Join(s.dir, "slapd.conf"))
	add.Stdin = &ldif
	if said, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("slapadd: %w: %s", err, said)
	}
	return nil
}

// entry writes one entry as LDIF, every value in base64.
func entry(w *bufio.Writer, dn string, attributes []attribute) {
	line := func(name, value string) {
		fmt.Fprintf(w, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	line("dn", dn)
	for _, a := range attributes {
		for _, value := range a.values {
			line(a.name, value)
		}
	}
	_ = w.WriteByte('\n')
}

// makeCertificates writes an authority, and a certificate for loopback.
func (s *Server) makeCertificates() error {
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		// As good as for ever: these keys live as long as one test.
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		return fmt.Errorf("signing the authority: %w", err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, authorityKey)
	if err != nil {
		return fmt.Errorf("signing the certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	s.CAFile = filepath.Join(s.dir, "ca.pem")
	for path, block := range map[string]*pem.Block{
		s.CAFile:                         {Type: "CERTIFICATE", Bytes: authorityDER},
		filepath.Join(s.dir, "cert.pem"): {Type: "CERTIFICATE", Bytes: der},
		filepath.Join(s.dir, "key.pem"):  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return fmt.Errorf("writing certificates: %w", err)
		}
	}
	return nil
}
