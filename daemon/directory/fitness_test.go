package directory_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// TestALockAfterWrongPasswordsIsALockWhileItLasts: with a real password policy,
// real failures, and the lock that a real directory then sets by itself.
func TestALockAfterWrongPasswordsIsALockWhileItLasts(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	s.Modify(directorytest.PolicyDN, "pwdLockout", "TRUE")
	s.Modify(directorytest.PolicyDN, "pwdMaxFailure", "3")
	s.Modify(directorytest.PolicyDN, "pwdLockoutDuration", "2")
	cfg := always(s.Config())
	forever := open(t, cfg)
	cfg.LockoutDuration = 2 * time.Second
	d := open(t, cfg)
	bert := find(t, d, "bert")
	if bert.Fitness != account.Fit {
		t.Fatalf("bert is %v before anything happened", bert.Fitness)
	}
	for range 3 {
		wantBind(t, d, bert, "guessed", account.BadCredentials)
	}
	if at := s.Values(bert.DN, "pwdAccountLockedTime"); len(at) != 1 || at[0] == "000001010000Z" {
		t.Fatalf("the directory locked with %q, a timestamp was expected", at)
	}
	for what, d := range map[string]*directory.Directory{"2 s": d, "for ever": forever} {
		if f := find(t, d, "bert"); f.Fitness != account.Locked {
			t.Errorf("locked %s: bert is %v", what, f.Fitness)
		}
	}
	eventually(t, 10*time.Second, "the lock ends", func() bool { return find(t, d, "bert").Fitness == account.Fit })
	// The timestamp is still there: a lock without an end goes on until somebody
	// unlocks.
	if f := find(t, forever, "bert"); f.Fitness != account.Locked {
		t.Errorf("locked until somebody unlocks: bert is %v", f.Fitness)
	}
	eventually(t, 5*time.Second, "the directory itself takes the lock for ended, to the second", func() bool {
		reason, err := d.Bind(context.Background(), bert, "bert-password")
		return err == nil && reason == account.OK
	})
	// A good login makes the directory forget the timestamp.
	if f := find(t, forever, "bert"); f.Fitness != account.Fit {
		t.Errorf("after a good login bert is %v", f.Fitness)
	}
}

// TestAnAdministratorsLockOutlastsEveryDuration: 000001010000Z has no end.
func TestAnAdministratorsLockOutlastsEveryDuration(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	cfg := always(s.Config())
	cfg.LockoutDuration = time.Second
	d := open(t, cfg)
	s.Modify(directorytest.PersonDN("carla"), "pwdAccountLockedTime", "000001010000Z")
	if f := find(t, d, "carla"); f.Fitness != account.Locked {
		t.Errorf("carla is %v", f.Fitness)
	}
}

// TestTheLifeOfAnAccount: over, or not begun, by a real directory's own dates.
func TestTheLifeOfAnAccount(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	d := open(t, always(s.Config()))
	carla := find(t, d, "carla")
	for _, tt := range []struct {
		attribute, value string
		want             account.Fitness
	}{
		{"pwdEndTime", "20200101000000Z", account.Disabled},
		{"pwdEndTime", "29990101000000Z", account.Fit},
		{"pwdStartTime", "29990101000000Z", account.Disabled},
		{"pwdStartTime", "20200101000000Z", account.Fit},
	} {
		s.Modify(carla.DN, tt.attribute, tt.value)
		if f := find(t, d, "carla"); f.Fitness != tt.want {
			t.Errorf("%s %s: carla is %v, want %v", tt.attribute, tt.value, f.Fitness, tt.want)
		}
		reason, err := d.Bind(context.Background(), carla, "carla-password")
		if err != nil || (reason == account.OK) != (tt.want == account.Fit) {
			t.Errorf("%s %s: the directory itself says %q, %v", tt.attribute, tt.value, reason, err)
		}
		s.Modify(carla.DN, tt.attribute)
	}
}

// TestFitnessOfAnEntry: every attribute that says locked or disabled, as
// directories write it, against a clock that stands still.
func TestFitnessOfAnEntry(t *testing.T) {
	now := time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC)
	filetime := func(at time.Time) string { return strconv.FormatInt((at.Unix()+11_644_473_600)*1e7, 10) }
	for name, tt := range map[string]struct {
		attribute, value string
		lasts            time.Duration
		want             account.Fitness
	}{
		"nothing":                       {"cn", "Alice", 0, account.Fit},
		"locked a year ago, for ever":   {"pwdAccountLockedTime", "20290506070809Z", 0, account.Locked},
		"locked, and it lasts":          {"pwdAccountLockedTime", "20300506070309Z", 5*time.Minute + 1, account.Locked},
		"locked, and it ended just now": {"pwdAccountLockedTime", "20300506070309Z", 5 * time.Minute, account.Fit},
		"with a fraction":               {"pwdAccountLockedTime", "20300506070309.500Z", 5 * time.Minute, account.Locked},
		"in another zone":               {"pwdAccountLockedTime", "20300506090809+0200", time.Second, account.Locked},
		"by a clock before ours":        {"pwdAccountLockedTime", "20300506070814Z", time.Second, account.Locked},
		"by an administrator":           {"pwdAccountLockedTime", "000001010000Z", time.Second, account.Locked},
		"as nobody can read it":         {"pwdAccountLockedTime", "soon", time.Second, account.Locked},
		"AD, not locked":                {"lockoutTime", "0", 0, account.Fit},
		"AD, locked for ever":           {"lockoutTime", filetime(now.Add(-time.Hour)), 0, account.Locked},
		"AD, and it lasts":              {"lockoutTime", filetime(now.Add(-29 * time.Minute)), 30 * time.Minute, account.Locked},
		"AD, and it ended":              {"lockoutTime", filetime(now.Add(-30 * time.Minute)), 30 * time.Minute, account.Fit},
		"AD, unreadable lock":           {"lockoutTime", "x", time.Second, account.Locked},
		"AD, never expires":             {"accountExpires", "0", 0, account.Fit},
		"AD, never expires either":      {"accountExpires", "9223372036854775807", 0, account.Fit},
		"AD, expires in a second":       {"accountExpires", filetime(now.Add(time.Second)), 0, account.Fit},
		"AD, expired":                   {"accountExpires", filetime(now), 0, account.Disabled},
		"AD, unreadable end":            {"accountExpires", "-5", 0, account.Disabled},
		"ended":                         {"pwdEndTime", "20300506070809Z", 0, account.Disabled},
		"ends in a second":              {"pwdEndTime", "20300506070810Z", 0, account.Fit},
		"unreadable end":                {"pwdEndTime", "never", 0, account.Disabled},
		"begins in a second":            {"pwdStartTime", "20300506070810Z", 0, account.Disabled},
		"has begun":                     {"pwdStartTime", "20300506070809Z", 0, account.Fit},
		"any value":                     {"loginDisabled", "", 0, account.Locked},
		"any value, written otherwise":  {"LOGINDISABLED", "whatever", 0, account.Locked},
		"the value":                     {"title", "LOCKED", 0, account.Locked},
		"another value":                 {"title", "locked out", 0, account.Fit},
		"a star where a value is asked": {"title", "*", 0, account.Fit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, func(c net.Conn, _ ber.Tag, id int64) bool {
				entry := person(id, dn, map[string]string{"entryUUID": "1", tt.attribute: tt.value})
				_, err := c.Write(append(entry, message(id, ldap.ApplicationSearchResultDone, 0, "")...))
				return err == nil
			})
			cfg := f.config()
			cfg.Now = func() time.Time { return now }
			cfg.Locked, cfg.LockoutDuration = []string{"loginDisabled=*", "title=locked"}, tt.lasts
			if facts := find(t, open(t, cfg), "alice"); facts.Fitness != tt.want {
				t.Errorf("%s %q is %v, want %v", tt.attribute, tt.value, facts.Fitness, tt.want)
			}
		})
	}
}

// TestWhatDecidesFitnessIsAskedFor: an attribute that is not asked for is not
// answered, and its lock not seen.
func TestWhatDecidesFitnessIsAskedFor(t *testing.T) {
	f := startFake(t, func(c net.Conn, _ ber.Tag, id int64) bool {
		_, err := c.Write(message(id, ldap.ApplicationSearchResultDone, 0, ""))
		return err == nil
	})
	cfg := f.config()
	cfg.Locked = []string{"loginDisabled=*"}
	_, _ = open(t, cfg).Find(context.Background(), "alice") // nobody is there
	for _, a := range []string{"pwdAccountLockedTime", "pwdStartTime", "pwdEndTime", "lockoutTime", "accountExpires", "userAccountControl", "loginDisabled"} {
		if !strings.Contains(f.said(), a) {
			t.Errorf("%s was not asked for", a)
		}
	}
}

func TestConditionsThatMeanNothingAreRefused(t *testing.T) {
	for _, rule := range []string{"", "x", "=x", "x=", "*"} {
		_, err := directory.Open(directory.Config{
			Servers: []string{"ldap://127.0.0.1:1"}, Base: "dc=org", Filter: "(uid={name})", Now: time.Now, Locked: []string{rule}})
		if err == nil {
			t.Errorf("%q was taken for a condition", rule)
		}
	}
}
