package directory_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// up tells the state of each server.
func up(d *directory.Directory) []bool {
	var list []bool
	for _, s := range d.Status(context.Background()) {
		list = append(list, s.Up)
	}
	return list
}

// within runs something and fails if it takes longer.
func within(t testing.TB, limit time.Duration, what string, do func()) {
	t.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took > limit {
		t.Errorf("%s took %v, at most %v is allowed", what, took, limit)
	}
}

func TestTLS(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	other := directorytest.Start(t, directorytest.Options{})
	for _, tt := range []struct {
		name   string
		change func(*directory.Config)
		ok     bool
	}{
		{"ldaps", func(c *directory.Config) { c.Servers, c.CAFile = []string{s.TLSURL}, s.CAFile }, true},
		{"ldaps by name", func(c *directory.Config) {
			c.Servers, c.CAFile = []string{strings.Replace(s.TLSURL, "127.0.0.1", "localhost", 1)}, s.CAFile
		}, true},
		{"StartTLS", func(c *directory.Config) { c.StartTLS, c.CAFile = true, s.CAFile }, true},
		{"ldaps, another authority", func(c *directory.Config) { c.Servers, c.CAFile = []string{s.TLSURL}, other.CAFile }, false},
		{"ldaps, the system's authorities", func(c *directory.Config) { c.Servers = []string{s.TLSURL} }, false},
		{"StartTLS, another authority", func(c *directory.Config) { c.StartTLS, c.CAFile = true, other.CAFile }, false},
		{"ldaps, another name", func(c *directory.Config) {
			c.Servers, c.CAFile = []string{strings.Replace(s.TLSURL, "127.0.0.1", "127.0.0.2", 1)}, s.CAFile
		}, false},
		{"ldaps to a plain port", func(c *directory.Config) {
			c.Servers, c.CAFile = []string{strings.Replace(s.URL, "ldap:", "ldaps:", 1)}, s.CAFile
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := s.Config()
			tt.change(&cfg)
			d := open(t, cfg)
			if tt.ok {
				wantBind(t, d, find(t, d, "alice"), "alice-password", account.OK)
				wantBind(t, d, find(t, d, "alice"), "wrong", account.BadCredentials)
				if got := d.Status(context.Background())[0].CertificateEnds; !got.Equal(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)) {
					t.Errorf("the certificate is said to end at %v", got)
				}
				return
			}
			if got := d.Status(context.Background())[0].CertificateEnds; !got.IsZero() {
				t.Errorf("a certificate that was refused is said to end at %v", got)
			}
			_, err := d.Find(context.Background(), "alice")
			wantUnavailable(t, "find", "", err)
			reason, err := d.Bind(context.Background(), account.Facts{DN: directorytest.PersonDN("alice")}, "alice-password")
			wantUnavailable(t, "bind", reason, err)
		})
	}
}

func TestTheSecondServerServesWhileTheFirstIsAway(t *testing.T) {
	first, second := directorytest.Start(t, directorytest.Options{}), directorytest.Start(t, directorytest.Options{})
	first.Modify(directorytest.PersonDN("alice"), "displayName", "on the first")
	second.Modify(directorytest.PersonDN("alice"), "displayName", "on the second")
	clock := newClock()
	cfg := always(first.Config())
	cfg.Servers = append(cfg.Servers, second.URL)
	cfg.Now = clock.now
	var first1, second1 atomic.Int32
	cfg.ServerUp = func(i int, up bool) {
		counter := &first1
		if i == 1 {
			counter = &second1
		}
		if up {
			counter.Add(1)
		} else {
			counter.Add(-1)
		}
	}
	d := open(t, cfg)
	served := func(by string) bool {
		clock.add(time.Second)
		f, err := d.Find(context.Background(), "alice")
		if err != nil {
			t.Fatalf("finding: %v", err)
		}
		return f.DisplayName == by
	}
	if !served("on the first") {
		t.Error("the first server was not preferred")
	}
	alice := find(t, d, "alice")
	first.Kill()
	wantBind(t, d, alice, "alice-password", account.OK)
	if !served("on the second") {
		t.Error("the second server did not serve")
	}
	if got := first1.Load(); got != 0 {
		t.Errorf("up at the start and away now add up to %d", got)
	}
	first.Restart()
	eventually(t, 5*time.Second, "the first comes back", func() bool { return up(d)[0] })
	if !served("on the second") {
		t.Error("the first was preferred before the end of its cool-down")
	}
	clock.add(time.Minute)
	if !served("on the first") {
		t.Error("the first is not preferred after its cool-down")
	}
	second.Kill()
	first.Kill()
	within(t, time.Second, "failing with all servers gone", func() {
		reason, err := d.Bind(context.Background(), alice, "alice-password")
		wantUnavailable(t, "bind", reason, err)
	})
	second.Restart()
	eventually(t, 5*time.Second, "the second serves though it cools down", func() bool {
		reason, err := d.Bind(context.Background(), alice, "alice-password")
		return err == nil && reason == account.OK
	})
}

func TestKilledInTheMiddle(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	d := open(t, always(s.Config()))
	alice := find(t, d, "alice")
	var stop atomic.Bool
	done := make(chan string, 8)
	for i := range cap(done) {
		go func() {
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			for n := 0; !stop.Load(); n++ {
				<-pace.C
				right := (n+i)%2 == 0
				password, want := account.Secret("alice-password"), account.OK
				if !right {
					password, want = "wrong", account.BadCredentials
				}
				reason, err := d.Bind(context.Background(), alice, password)
				if err == nil && reason != want || err != nil && !errors.Is(err, account.ErrUnavailable) {
					done <- "a bind said " + string(reason) + ", wanted " + string(want)
					return
				}
			}
			done <- ""
		}()
	}
	for range 3 {
		eventually(t, 5*time.Second, "it serves", func() bool {
			reason, err := d.Bind(context.Background(), alice, "alice-password")
			return err == nil && reason == account.OK
		})
		s.Kill()
		s.Restart()
		eventually(t, 5*time.Second, "it serves after its return", func() bool {
			reason, err := d.Bind(context.Background(), alice, "alice-password")
			return err == nil && reason == account.OK
		})
	}
	stop.Store(true)
	for range cap(done) {
		if said := <-done; said != "" {
			t.Error(said)
		}
	}
}

func TestAFrozenServerCostsAtMostTheTotalTime(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	cfg := always(s.Config())
	cfg.Timeout, cfg.Total = 200*time.Millisecond, 500*time.Millisecond
	cfg.Servers = []string{s.URL, s.URL, s.URL, s.URL, s.URL}
	d := open(t, cfg)
	alice := find(t, d, "alice")
	s.Freeze()
	defer s.Thaw()
	within(t, time.Second, "bind", func() {
		reason, err := d.Bind(context.Background(), alice, "alice-password")
		wantUnavailable(t, "bind", reason, err)
	})
	within(t, time.Second, "find", func() {
		if f, err := d.Find(context.Background(), "bert"); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("find: %v, %v", f, err)
		}
	})
	eventually(t, 10*time.Second, "asking on, all servers are known to be away", func() bool {
		if _, err := d.Find(context.Background(), "bert"); err == nil {
			t.Fatal("a frozen server answered")
		}
		for _, up := range up(d) {
			if up {
				return false
			}
		}
		return true
	})
	within(t, 100*time.Millisecond, "a bind while all are known to be away", func() {
		reason, err := d.Bind(context.Background(), alice, "alice-password")
		wantUnavailable(t, "bind", reason, err)
	})
}

func TestAnOutageServesFactsUpToMaxStale(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	clock := newClock()
	cfg := s.Config()
	cfg.Now = clock.now
	d := open(t, cfg)
	before := find(t, d, "alice")
	s.Kill()
	clock.add(15 * time.Minute)
	if f := find(t, d, "alice"); f.ID != before.ID || !f.AsOf.Equal(before.AsOf) {
		t.Errorf("after 15 min: %v as of %v", f.ID, f.AsOf)
	}
	clock.add(time.Nanosecond)
	if _, err := d.Find(context.Background(), "alice"); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("past 15 min: %v", err)
	}
	if _, err := d.Find(context.Background(), "bert"); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("never seen: %v", err)
	}
}

func TestOpenNeedsNoServerAndAWrongServicePasswordIsAnOutage(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	s.Kill()
	cfg := s.Config()
	var told atomic.Int32
	cfg.ServerUp = func(int, bool) { told.Add(1) }
	d := open(t, cfg)
	if told.Load() == 0 {
		t.Error("nobody was told of the server at the start")
	}
	_, err := d.Find(context.Background(), "alice")
	wantUnavailable(t, "find", "", err)
	s.Restart()
	eventually(t, 5*time.Second, "it serves", func() bool {
		_, err := d.Find(context.Background(), "alice")
		return err == nil
	})
	cfg.BindPassword = "wrong-service-password"
	d = open(t, cfg)
	_, err = d.Find(context.Background(), "alice")
	wantUnavailable(t, "wrong service password", "", err)
	if err != nil && strings.Contains(err.Error(), "wrong-service-password") {
		t.Error("the error tells the password")
	}
}

func TestAnImpatientCallerHarmsNobody(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	d := open(t, s.Config())
	alice := find(t, d, "alice")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	reason, err := d.Bind(ctx, alice, "alice-password")
	wantUnavailable(t, "a bind that nobody waits for", reason, err)
	if !up(d)[0] {
		t.Error("an impatient caller took the server out")
	}
}

func TestOpenRefuses(t *testing.T) {
	good := directory.Config{
		Servers: []string{"ldaps://ldap.example.org"}, Base: "dc=example,dc=org", Filter: "(uid={name})", Now: time.Now,
	}
	for _, tt := range []struct {
		name, want string
		change     func(*directory.Config)
	}{
		{"plain off loopback", "in the clear", func(c *directory.Config) { c.Servers = []string{"ldap://192.0.2.1"} }},
		{"plain off loopback, second", "in the clear", func(c *directory.Config) { c.Servers = append(c.Servers, "ldap://localhost.example.org") }},
		{"other scheme", "scheme", func(c *directory.Config) { c.Servers = []string{"cldap://127.0.0.1"} }},
		{"no server", "no server", func(c *directory.Config) { c.Servers = nil }},
		{"no base", "no base", func(c *directory.Config) { c.Base = "" }},
		{"no clock", "clock", func(c *directory.Config) { c.Now = nil }},
		{"no password", "password", func(c *directory.Config) { c.BindDN = "cn=x" }},
		{"filter without name", "{name}", func(c *directory.Config) { c.Filter = "(uid=alice)" }},
		{"filter that is none", "filter", func(c *directory.Config) { c.Filter = "uid={name}))" }},
		{"name as attribute", "where a value stands", func(c *directory.Config) { c.Filter = "({name}=x)" }},
		{"other placeholder", "braces", func(c *directory.Config) { c.Filter = "(&(uid={name})(cn={user}))" }},
		{"account filter", "account filter", func(c *directory.Config) { c.AccountFilter = "(x" }},
		{"group filter without base", "group base", func(c *directory.Config) { c.GroupFilter = "(member={dn})" }},
		{"group filter", "group filter", func(c *directory.Config) { c.GroupBase, c.GroupFilter = "dc=org", "(member={dn}" }},
		{"base that is none", "DN", func(c *directory.Config) { c.Base = "example" }},
		{"no CA file", "CA file", func(c *directory.Config) { c.CAFile = "/does/not/exist" }},
		{"CA file of nothing", "no certificate", func(c *directory.Config) { c.CAFile = "/dev/null" }},
		{"locked", "attribute=value", func(c *directory.Config) { c.Locked = []string{"x"} }},
	} {
		cfg := good
		tt.change(&cfg)
		d, err := directory.Open(cfg)
		if err == nil {
			_ = d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}
