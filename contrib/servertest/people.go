package servertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/factortest"
	"github.com/sallyport/sallyport/plugins/totp"
)

// Person is somebody who has been set up.
type Person struct {
	// Name is the canonical login, Password the one of the directory.
	Name, Password string
	// App is an app password for dav, files and mail; Other is a second one for
	// the same.
	App, Other string

	id   account.ID
	uri  string
	step int64
}

// WrongApp has the form of an app password and was never issued: only the
// daemon can tell.
func WrongApp(t testing.TB) string {
	t.Helper()
	entropy := make([]byte, factor.EntropySize)
	rand.Read(entropy) //nolint // never fails
	issued, err := apppassword.Factor{}.Enroll(context.Background(), factor.Enrollment{Account: "nobody", Issuer: "nobody", Entropy: entropy, Now: time.Now()})
	if err != nil {
		t.Fatalf("making up an app password: %v", err)
	}
	return issued.Secret
}

// Person returns alice, bert, carla or müller.
func (s *Site) Person(name string) *Person {
	s.t.Helper()
	p := s.people[name]
	if p == nil {
		s.t.Fatalf("nobody is called %q", name)
	}
	return p
}

// Code returns a code of the person's app that has not been used. It waits
// where the clock has to move on first: at most three come without.
func (s *Site) Code(name string) string {
	s.t.Helper()
	const length, margin = 30, 8 // seconds
	p := s.Person(name)
	s.must("waiting for a new code", run.Within(2*length*time.Second, func() error {
		now := time.Now().Unix()
		next := max(now/length-1, p.step+1)
		if next == now/length-1 && now%length > length-margin {
			next++
		}
		if next > now/length+1 {
			return fmt.Errorf("the code of step %d is not good yet", next)
		}
		p.step = next
		return nil
	}))
	code, err := factortest.Code(p.uri, time.Unix(p.step*length, 0))
	s.must("computing a code", err)
	return code
}

// Revoke ends all app passwords of the person, as support would.
func (s *Site) Revoke(name string) {
	s.t.Helper()
	s.Sallyport("revoke", name, "--all", "--reason", "the test says so")
}

// seed writes the records that people would make at the page.
func (s *Site) seed() error {
	ctx := context.Background()
	if said, err := run.Run(run.Command{Path: s.Bin + "/sallyportd", Args: []string{"init", "--kek", s.path("kek"), "--state", s.path("state")}}); err != nil {
		return fmt.Errorf("init: %w\n%s", err, said)
	}
	kek, err := seal.LoadKEK(s.path("kek"))
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Path: s.path("state/state.db"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ring, kept, err := seal.NewRing(kek, db.Instance())
	if err != nil {
		return err
	}
	if err := db.SaveKeysets(ctx, kept); err != nil {
		return err
	}
	st := db.Store(ring)
	defer st.Close()
	names := []string{"alice", "bert", "carla", "müller"}
	for i := range s.options.More {
		names = append(names, fmt.Sprintf("u%06d", i+1))
	}
	return s.enroll(names, func(c account.Change) error { return st.Commit(ctx, c) })
}

// enroll sets people up, many at a time: the store writes what comes together
// in one transaction.
func (s *Site) enroll(names []string, commit func(account.Change) error) error {
	people := make([]*Person, len(names))
	var g errgroup.Group
	g.SetLimit(64)
	conn, err := ldap.DialURL(s.directory.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(directorytest.BindDN, directorytest.BindPassword); err != nil {
		return err
	}
	for i, name := range names {
		g.Go(func() error {
			p := &Person{Name: name, Password: name + "-password"}
			var err error
			if p.id, err = find(conn, name); err != nil {
				return err
			}
			c, err := p.enroll()
			if err != nil {
				return err
			}
			people[i] = p
			return commit(c)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, p := range people {
		s.people[p.Name] = p
	}
	return nil
}

func find(c *ldap.Conn, name string) (account.ID, error) {
	res, err := c.Search(ldap.NewSearchRequest(directorytest.PersonDN(name), ldap.ScopeBaseObject, ldap.NeverDerefAliases,
		1, 0, false, "(objectClass=*)", []string{"entryUUID"}, nil))
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", name, err)
	}
	return account.ID(res.Entries[0].GetAttributeValue("entryUUID")), nil
}

func (p *Person) enroll() (account.Change, error) {
	c := account.Change{Subject: p.id}
	add := func(kind string, f factor.Factor) (factor.Issued, error) {
		entropy := make([]byte, factor.EntropySize+16)
		rand.Read(entropy) //nolint // never fails
		issued, err := f.Enroll(context.Background(), factor.Enrollment{
			Account: p.Name, Issuer: "Example University", Entropy: entropy[:factor.EntropySize], Now: time.Now(),
		})
		if err != nil {
			return issued, err
		}
		r := account.Record{
			ID: hex.EncodeToString(entropy[factor.EntropySize:]), Subject: p.id, Factor: kind, Label: kind, Uses: -1,
			Created: time.Now(), Format: issued.Format, Payload: issued.Payload,
		}
		if kind == "app-password" {
			r.Services = []string{"dav", "files", "mail"}
		}
		c.Put = append(c.Put, r)
		return issued, nil
	}
	app, err := add("app-password", apppassword.Factor{})
	if err != nil {
		return c, err
	}
	other, err := add("app-password", apppassword.Factor{})
	if err != nil {
		return c, err
	}
	phone, err := add("totp", totp.Factor{})
	p.App, p.Other, p.uri = app.Secret, other.Secret, phone.URI
	return c, err
}
