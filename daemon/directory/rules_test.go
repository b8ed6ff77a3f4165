package directory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// always is a config that keeps no fact: every Find asks.
func always(cfg directory.Config) directory.Config {
	cfg.FactTTL = time.Nanosecond
	return cfg
}

func TestEmptyPasswordNeverReachesADirectoryThatGrantsIt(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{AllowEmpty: true})
	c, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.UnauthenticatedBind(directorytest.PersonDN("alice")); err != nil {
		t.Fatalf("this slapd should grant a bind without a password: %v", err)
	}
	binds := 0
	cfg := s.Config()
	cfg.Observe = func(op string, _ time.Duration, _ error) {
		if op == "bind" {
			binds++
		}
	}
	cfg.BindDN, cfg.BindPassword = "", "" // the service account's own binds would count
	d := open(t, cfg)
	wantBind(t, d, account.Facts{DN: directorytest.PersonDN("alice")}, "", account.BadCredentials)
	wantBind(t, d, account.Facts{}, "alice-password", account.BadCredentials)
	wantBind(t, d, account.Facts{DN: directorytest.PersonDN("alice")}, strings.Repeat("x", 1025), account.BadCredentials)
	if err := d.Decoy(context.Background(), ""); err != nil {
		t.Errorf("decoy: %v", err)
	}
	if binds != 0 {
		t.Errorf("%d binds were sent", binds)
	}
}

func TestRenamedKeepTheirIDAndRecycledNamesGetAnother(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	clock := newClock()
	cfg := always(s.Config())
	cfg.Now = clock.now
	d := open(t, cfg)
	before := find(t, d, "bert")
	s.Rename(before.DN, "uid=bertold")
	clock.add(time.Second)
	after := find(t, d, "bertold")
	if after.ID != before.ID || after.Name != "bertold" {
		t.Errorf("renamed: %s is %s, was %s", after.Name, after.ID, before.ID)
	}
	if _, err := d.Find(context.Background(), "bert"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("the old name: %v", err)
	}
	s.AddPerson(directorytest.Person{Name: "bert"})
	clock.add(time.Second)
	if again := find(t, d, "bert"); again.ID == before.ID {
		t.Error("a recycled name got the old id")
	}
}

func TestARefusedPasswordMakesTheNextFindAsk(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	d := open(t, s.Config())
	before := find(t, d, "bert")
	s.Rename(before.DN, "uid=bertold")
	s.Modify(directorytest.PeopleDN, "description", "x")
	if f := find(t, d, "bert"); f.DN != before.DN {
		t.Error("the fact was not kept")
	}
	wantBind(t, d, before, "bert-password", account.BadCredentials)
	if _, err := d.Find(context.Background(), "bert"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("the old name after a refused bind: %v", err)
	}
}

func TestFactsAgeAndVanish(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	clock := newClock()
	cfg := s.Config()
	cfg.Now = clock.now
	d := open(t, cfg)
	first := find(t, d, "alice")
	s.Modify(first.DN, "employeeType", "disabled")
	clock.add(59 * time.Second)
	if f := find(t, d, "alice"); f.Fitness != account.Fit || !f.AsOf.Equal(first.AsOf) {
		t.Errorf("after 59 s: %v as of %v, want the kept fact", f.Fitness, f.AsOf)
	}
	clock.add(time.Second)
	if f := find(t, d, "alice"); f.Fitness != account.Disabled || f.AsOf.Equal(first.AsOf) {
		t.Errorf("after 60 s: %v as of %v, want a new fact", f.Fitness, f.AsOf)
	}
	clock.add(-time.Hour)
	s.Modify(first.DN, "employeeType")
	if f := find(t, d, "alice"); f.Fitness != account.Fit {
		t.Error("a fact from the future was served")
	}
	s.Delete(first.DN)
	clock.add(time.Minute)
	if _, err := d.Find(context.Background(), "alice"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	s.Kill()
	clock.add(time.Second)
	if _, err := d.Find(context.Background(), "alice"); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("deleted, then an outage: %v; the fact must be gone", err)
	}
}

// A name that nobody has, over and over, is one search a second: a throttle
// counts the same wrong password once, so nothing else would stop it.
func TestAMissingNameIsNotSearchedAgainAtOnce(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	var searches atomic.Int32
	clock := newClock()
	cfg := always(s.Config())
	cfg.Now = clock.now
	cfg.Observe = func(op string, _ time.Duration, _ error) {
		if op == "search" {
			searches.Add(1)
		}
	}
	d := open(t, cfg)
	find(t, d, "alice")
	before := searches.Load()
	for spelling, form := range map[string]string{"newcomer": "newcomer", "NEWCOMER": "newcomer", "ｎewcomer": "newcomer", " newcomer": "", "new*": ""} {
		if f, err := d.Find(context.Background(), spelling); !errors.Is(err, account.ErrNotFound) || f.Name != form || f.ID != "" {
			t.Errorf("%q: %+v, %v", spelling, f, err)
		}
	}
	// A probe beside it may search, too.
	if n := searches.Load() - before; n > 2 {
		t.Errorf("%d searches", n)
	}
	s.AddPerson(directorytest.Person{Name: "newcomer"})
	clock.add(missingFor)
	find(t, d, "newcomer")
}

// missingFor is longer than the directory remembers that somebody is missing.
const missingFor = time.Second

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestGroups(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	s.AddGroup("böse (*)", directorytest.PersonDN("alice"), directorytest.PersonDN("müller"))
	bySearch := s.Config()
	bySearch.GroupBase, bySearch.GroupFilter = directorytest.GroupsDN, "(&(objectClass=groupOfNames)(member={dn}))"
	elsewhere := s.Config()
	elsewhere.GroupBase = "ou=elsewhere," + directorytest.BaseDN
	for _, tt := range []struct {
		how  string
		cfg  directory.Config
		want map[string][]string
	}{
		{"memberOf", s.Config(), map[string][]string{"alice": {"böse (*)", "staff"}, "müller": {"böse (*)"}, "dora": nil}},
		{"search", bySearch, map[string][]string{"alice": {"böse (*)", "staff"}, "müller": {"böse (*)"}, "dora": nil}},
		{"memberOf elsewhere", elsewhere, map[string][]string{"alice": nil}},
	} {
		d := open(t, tt.cfg)
		for name, want := range tt.want {
			got := find(t, d, name).Groups
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("groups of %s by %s: %q, want %q", name, tt.how, got, want)
			}
		}
	}
}

func TestPasswordPolicy(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	d := open(t, always(s.Config()))
	bert, carla := find(t, d, "bert"), find(t, d, "carla")

	s.Modify(directorytest.PolicyDN, "pwdLockout", "TRUE")
	s.Modify(directorytest.PolicyDN, "pwdMaxFailure", "2")
	for range 2 {
		wantBind(t, d, bert, "wrong", account.BadCredentials)
	}
	wantBind(t, d, bert, "bert-password", account.AccountLockedByDirectory)
	if n := len(s.Values(bert.DN, "pwdFailureTime")); n != 2 {
		t.Errorf("the directory counted %d failed tries, 2 were made", n)
	}

	s.Modify(directorytest.PolicyDN, "pwdMaxAge", "1")
	s.Modify(carla.DN, "userPassword", "carla-password") // now its age is known
	changed := find(t, d, "carla").PasswordChanged
	if changed.IsZero() || time.Since(changed).Abs() > time.Hour {
		t.Errorf("password changed %v", changed)
	}
	eventually(t, 5*time.Second, "the password expires", func() bool {
		reason, err := d.Bind(context.Background(), carla, "carla-password")
		return err == nil && reason == account.AccountLockedByDirectory
	})
	s.Modify(directorytest.PolicyDN, "pwdMaxAge", "0")

	s.Modify(directorytest.PolicyDN, "pwdMustChange", "TRUE")
	wantBind(t, d, carla, "carla-password", account.OK)
	s.Modify(carla.DN, "pwdReset", "TRUE")
	wantBind(t, d, carla, "carla-password", account.AccountLockedByDirectory)

	s.Modify(carla.DN, "pwdAccountLockedTime", "000001010000Z")
	if f := find(t, d, "carla"); f.Fitness != account.Locked {
		t.Errorf("carla is %v, want locked", f.Fitness)
	}
}

func TestLockedConditions(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	s.AddPerson(directorytest.Person{Name: "emil", Extra: map[string]string{"employeeType": "Gone"}})
	cfg := s.Config()
	cfg.Locked = []string{"title=x", "employeetype=gone"}
	d := open(t, cfg)
	if f := find(t, d, "emil"); f.Fitness != account.Locked {
		t.Errorf("emil is %v, want locked", f.Fitness)
	}
	if f := find(t, d, "alice"); f.Fitness != account.Fit {
		t.Errorf("alice is %v, want fit", f.Fitness)
	}
}

func TestNamesCannotWidenTheSearch(t *testing.T) {
	d := open(t, directorytest.Start(t, directorytest.Options{}).Config())
	for _, name := range []string{"", "*", "a*", "alice)(uid=*", "al*ce", " alice", "alice ", "alice\x00", "ali\u200bce", "ⓐlice", "-alice", `alice\2a`, "alİce", strings.Repeat("a", 257), "a\xffb"} {
		if f, err := d.Find(context.Background(), name); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%q found %v, %v", name, f.Name, err)
		}
	}
}

func TestAnEntryWithoutIDIsNoVerdict(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	cfg := s.Config()
	cfg.IDAttribute = "employeeNumber"
	d := open(t, cfg)
	_, err := d.Find(context.Background(), "alice")
	wantUnavailable(t, "no id", "", err)
	if st := d.Status(context.Background()); !st[0].Up {
		t.Error("one odd entry took the server out")
	}
}
