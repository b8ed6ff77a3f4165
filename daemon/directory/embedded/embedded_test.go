package embedded_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/embedded"
)

// demo serves the demo's own file.
func demo(t testing.TB) *embedded.Server {
	t.Helper()
	file, err := os.Open("../../../configs/demo.ldif")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	s, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0", LDIF: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTheDemoThroughTheRealClient(t *testing.T) {
	for _, groups := range []struct{ base, filter string }{{}, {"ou=groups,dc=example,dc=org", "(&(objectClass=groupOfNames)(member={dn}))"}} {
		d, err := directory.Open(directory.Config{
			Servers: []string{demo(t).URL()}, Base: "dc=example,dc=org",
			Filter: "(&(objectClass=inetOrgPerson)(uid={name}))", AccountFilter: "(!(employeeType=disabled))",
			GroupBase: groups.base, GroupFilter: groups.filter, Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = d.Close() }()
		ctx := context.Background()
		for _, want := range []struct {
			name, group string
			fitness     account.Fitness
		}{
			{"alice", "staff", account.Fit}, {"bert", "staff", account.Fit}, {"carla", "support", account.Fit},
			{"dora", "", account.Disabled}, {"müller", "staff", account.Fit},
		} {
			f, err := d.Find(ctx, want.name)
			if err != nil || f.Fitness != want.fitness || f.Name != want.name || len(f.ID) != 36 ||
				want.group != "" && !slices.Equal(f.Groups, []string{want.group}) {
				t.Errorf("%s: %+v, %v", want.name, f, err)
			}
			if reason, err := d.Bind(ctx, f, account.Secret(want.name+"-password")); reason != account.OK || err != nil {
				t.Errorf("%s with the right password: %s, %v", want.name, reason, err)
			}
			if reason, err := d.Bind(ctx, f, "wrong"); reason != account.BadCredentials || err != nil {
				t.Errorf("%s with a wrong password: %s, %v", want.name, reason, err)
			}
		}
		if _, err := d.Find(ctx, "nobody"); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
	}
}

func connect(t *testing.T, s *embedded.Server) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.SetTimeout(5 * time.Second)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func search(t *testing.T, c *ldap.Conn, base string, scope int, filter string, attributes ...string) []*ldap.Entry {
	t.Helper()
	found, err := c.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return found.Entries
}

func TestPasswordsAreNeverTold(t *testing.T) {
	c := connect(t, demo(t))
	for _, attributes := range [][]string{nil, {"*", "+"}, {"userPassword"}} {
		for _, e := range search(t, c, "dc=example,dc=org", ldap.ScopeWholeSubtree, "(objectClass=*)", attributes...) {
			for _, a := range e.Attributes {
				if strings.EqualFold(a.Name, "userPassword") || slices.ContainsFunc(a.Values, func(v string) bool { return strings.Contains(v, "-password") }) {
					t.Errorf("%s tells %s", e.DN, a.Name)
				}
			}
		}
	}
	for _, filter := range []string{"(userPassword=*)", "(userPassword=alice*)", "(userPassword=alice-password)"} {
		if found := search(t, c, "dc=example,dc=org", ldap.ScopeWholeSubtree, filter); len(found) > 0 {
			t.Errorf("%s finds %d entries", filter, len(found))
		}
	}
}

func TestSearch(t *testing.T) {
	c := connect(t, demo(t))
	for _, tt := range []struct {
		base   string
		scope  int
		filter string
		want   int
	}{
		{"", ldap.ScopeBaseObject, "(objectClass=*)", 1},
		{"dc=example,dc=org", ldap.ScopeBaseObject, "(objectClass=*)", 1},
		{"dc=example,dc=org", ldap.ScopeSingleLevel, "(objectClass=*)", 2},
		{"OU=People, DC=example,DC=ORG", ldap.ScopeSingleLevel, "(uid=*)", 5},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, "(UID=ALICE)", 1},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, "(|(uid=alice)(uid=bert)(uid=nobody))", 2},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, "(&(uid=*)(!(employeeType=disabled)))", 4},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, "(mail=a*@*.org)", 1},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, "(mail=*example*)", 5},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, "(!(uid>=a))", 0}, // undefined, turned round
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, `(uid=m\c3\bcller)`, 1},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, "(member=uid=alice, ou=people,dc=example,dc=org)", 1},
	} {
		if got := len(search(t, c, tt.base, tt.scope, tt.filter)); got != tt.want {
			t.Errorf("%s below %q: %d entries, want %d", tt.filter, tt.base, got, tt.want)
		}
	}
	limited := ldap.NewSearchRequest("dc=example,dc=org", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, 0, false, "(uid=*)", nil, nil)
	if found, err := c.Search(limited); !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || len(found.Entries) != 2 {
		t.Errorf("over the size limit: %v", err)
	}
	limited.BaseDN = "dc=nowhere"
	if _, err := c.Search(limited); !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		t.Errorf("below nothing: %v", err)
	}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	c := connect(t, demo(t))
	alice := "uid=alice,ou=people,dc=example,dc=org"
	_, err := c.SimpleBind(&ldap.SimpleBindRequest{Username: alice, AllowEmptyPassword: true})
	for what, err := range map[string]error{
		"bind without a password": err,
		"delete":                  c.Del(ldap.NewDelRequest(alice, nil)),
		"modify":                  c.Modify(&ldap.ModifyRequest{DN: alice}),
		"StartTLS":                c.StartTLS(nil),
	} {
		if !ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	const people = "dn: dc=org\nobjectClass: domain\n"
	for _, tt := range []struct{ name, addr, ldif, want string }{
		{"all interfaces", "0.0.0.0:0", people, "not on loopback"},
		{"another address", "192.0.2.1:389", people, "not on loopback"},
		{"a name", "localhost:0", people, "address"},
		{"nothing", "127.0.0.1:0", "", "no entry"},
		{"garbage", "127.0.0.1:0", "hello\n\n", "reading the LDIF"},
		{"twice", "127.0.0.1:0", people + "\ndn: DC=org\nobjectClass: domain\n", "twice"},
		{"change", "127.0.0.1:0", "dn: dc=org\nchangetype: delete\n", "change"},
		{"other hash", "127.0.0.1:0", people + "userPassword: {CRYPT}x\n", "{SSHA}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := embedded.Start(embedded.Config{Addr: tt.addr, LDIF: strings.NewReader(tt.ldif)})
			if err == nil {
				_ = s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestHashesAndStableIDs(t *testing.T) {
	// The hash is of "secret" with the salt "salt".
	const file = "dn: cn=a,dc=org\nobjectClass: person\ncn: a\nuserPassword: {SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0\n\n" +
		"dn: cn=b,dc=org\nobjectClass: person\ncn: b\nentryUUID: 01234567-89ab-cdef-0123-456789abcdef\n"
	ids := make(map[string][]string)
	for range 2 {
		s, err := embedded.Start(embedded.Config{Addr: "[::1]:0", LDIF: strings.NewReader(file)})
		if err != nil {
			s, err = embedded.Start(embedded.Config{Addr: "127.0.0.1:0", LDIF: strings.NewReader(file)})
		}
		if err != nil {
			t.Fatal(err)
		}
		c := connect(t, s)
		for _, e := range search(t, c, "", ldap.ScopeWholeSubtree, "(cn=*)", "entryUUID") {
			ids[e.DN] = append(ids[e.DN], e.GetAttributeValue("entryUUID"))
		}
		if err := c.Bind("CN=A,dc=org", "wrong"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			t.Errorf("wrong password: %v", err)
		}
		if err := c.Bind("CN=A,dc=org", "secret"); err != nil {
			t.Errorf("right password: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for dn, seen := range ids {
		if len(seen) != 2 || seen[0] != seen[1] || len(seen[0]) != 36 {
			t.Errorf("ids of %s over two starts: %q", dn, seen)
		}
	}
	if len(ids) != 2 || ids["cn=b,dc=org"][0] != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Errorf("ids: %v", ids)
	}
}

// FuzzRequest sends strangers' bytes: the server may close, never fall over.
func FuzzRequest(f *testing.F) {
	s := demo(f)
	bind := ber.NewSequence("")
	bind.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationBindRequest, nil, "")
	bind.AppendChild(op)
	f.Add(bind.Bytes())
	f.Add([]byte("0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00"))
	f.Add([]byte("0\x25\x02\x01\x02c\x20\x04\x00\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass0\x00"))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "ldap://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write(data); err != nil {
			return
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		buffer := make([]byte, 4096)
		for {
			if _, err := c.Read(buffer); err != nil {
				var timeout net.Error
				if errors.As(err, &timeout) && timeout.Timeout() {
					t.Fatal("the server neither answers nor closes")
				}
				return
			}
		}
	})
}
