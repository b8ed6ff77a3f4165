package directory_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

const dn = "uid=alice,dc=org"

// answering is a fake that says yes to searches, and to binds what is given.
func answering(t *testing.T, bind func(c net.Conn, id int64) bool) *fake {
	return startFake(t, func(c net.Conn, tag ber.Tag, id int64) bool {
		if tag == ldap.ApplicationBindRequest {
			return bind(c, id)
		}
		_, err := c.Write(message(id, ldap.ApplicationSearchResultDone, 0, ""))
		return err == nil
	})
}

// TestEveryResultCode: only 0 is right, only 49 is wrong, and an outage is
// neither (contrib/docs/rules.md, rule 2).
func TestEveryResultCode(t *testing.T) {
	codes := []int64{-1, 256, 65536, 1 << 40}
	for code := range int64(130) {
		codes = append(codes, code)
	}
	var current atomic.Int64
	f := answering(t, func(c net.Conn, id int64) bool {
		_, err := c.Write(message(id, ldap.ApplicationBindResponse, current.Load(), ""))
		return err == nil
	})
	cfg := f.config()
	cfg.Timeout, cfg.Total = time.Second, 3*time.Second
	d := open(t, cfg)
	for _, code := range codes {
		current.Store(code)
		eventually(t, 5*time.Second, "the server is up", func() bool { return up(d)[0] })
		reason, err := d.Bind(context.Background(), account.Facts{DN: dn}, "password")
		ok := isUnavailable(reason, err)
		switch code {
		case ldap.LDAPResultSuccess:
			ok = reason == account.OK && err == nil
		case ldap.LDAPResultInvalidCredentials:
			ok = reason == account.BadCredentials && err == nil
		}
		if !ok {
			t.Errorf("result code %d: %q, %v", code, reason, err)
		}
	}
}

func TestPasswordPolicyStates(t *testing.T) {
	active := func(code string) string {
		return "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data " + code + ", v2580"
	}
	mustChange := state{ldap.ControlTypeVChuPasswordMustChange, "0"}
	for _, tt := range []struct {
		name    string
		code    int64
		text    string
		control ldap.Control
		want    account.Reason
	}{
		{"expired", 49, "", policy(0), account.AccountLockedByDirectory},
		{"locked", 49, "", policy(1), account.AccountLockedByDirectory},
		{"right, must change", 0, "", policy(2), account.AccountLockedByDirectory},
		{"right, must change, older control", 0, "", mustChange, account.AccountLockedByDirectory},
		{"right, but locked", 0, "", policy(1), account.AccountLockedByDirectory},
		{"locked by another code", 53, "", policy(1), account.AccountLockedByDirectory},
		{"locked by a third code", 19, "", policy(1), account.AccountLockedByDirectory},
		{"locked, they say, by an outage", 52, "", policy(1), ""},
		{"AD wrong", 49, active("52e"), nil, account.BadCredentials},
		{"AD unknown", 49, active("525"), nil, account.BadCredentials},
		{"AD hours", 49, active("530"), nil, account.AccountLockedByDirectory},
		{"AD expired", 49, active("532"), nil, account.AccountLockedByDirectory},
		{"AD disabled", 49, active("533"), nil, account.AccountLockedByDirectory},
		{"AD must change", 49, active("773"), nil, account.AccountLockedByDirectory},
		{"AD locked", 49, active("775"), nil, account.AccountLockedByDirectory},
		{"like AD", 49, "data 775", nil, account.BadCredentials},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var controls []ldap.Control
			if tt.control != nil {
				controls = append(controls, tt.control)
			}
			f := answering(t, func(c net.Conn, id int64) bool {
				_, err := c.Write(message(id, ldap.ApplicationBindResponse, tt.code, tt.text, controls...))
				return err == nil
			})
			reason, err := open(t, f.config()).Bind(context.Background(), account.Facts{DN: dn}, "password")
			if reason != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("%q, %v; want %q", reason, err, tt.want)
			}
		})
	}
}

// TestOddAnswers: what is not a whole, well-formed answer to this very bind is
// an outage, within the time.
func TestOddAnswers(t *testing.T) {
	right := func(id int64) []byte { return message(id, ldap.ApplicationBindResponse, 0, "") }
	write := func(bytes func(id int64) []byte) func(c net.Conn, id int64) bool {
		return func(c net.Conn, id int64) bool {
			_, err := c.Write(bytes(id))
			return err == nil
		}
	}
	for name, answer := range map[string]func(c net.Conn, id int64) bool{
		"silence":          func(net.Conn, int64) bool { return true },
		"closed":           func(net.Conn, int64) bool { return false },
		"garbage":          write(func(int64) []byte { return []byte("HTTP/1.1 200 OK\r\n\r\n") }),
		"zeros":            write(func(int64) []byte { return make([]byte, 100) }),
		"half":             write(func(id int64) []byte { return right(id)[:8] }),
		"another's answer": write(func(id int64) []byte { return right(id + 1) }),
		"id zero":          write(func(int64) []byte { return right(0) }),
		"a search's yes":   write(func(id int64) []byte { return message(id, ldap.ApplicationSearchResultDone, 0, "") }),
		"an extended yes":  write(func(id int64) []byte { return message(id, ldap.ApplicationExtendedResponse, 0, "") }),
		"a compare's yes":  write(func(id int64) []byte { return message(id, ldap.ApplicationCompareResponse, 0, "") }),
		"two gigabytes":    write(func(int64) []byte { return []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01, 0x01} }),
		"no length":        write(func(int64) []byte { return []byte{0x30, 0x80, 0x02, 0x01, 0x01, 0x61, 0x80} }),
		"too deep":         write(func(int64) []byte { return nested(200) }),
		"inner too long":   write(func(int64) []byte { return []byte{0x30, 0x07, 0x02, 0x01, 0x01, 0x61, 0x7f, 0x0a, 0x01} }),
		"no result code":   write(func(id int64) []byte { return []byte{0x30, 0x05, 0x02, 0x01, byte(id), 0x61, 0x00} }),
		"drip": func(c net.Conn, id int64) bool {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for _, b := range append(right(id)[:12], make([]byte, 40)...) {
				<-tick.C
				if _, err := c.Write([]byte{b}); err != nil {
					return false
				}
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, answering(t, answer).config())
			within(t, 2*time.Second, name, func() {
				reason, err := d.Bind(context.Background(), account.Facts{DN: dn}, "password")
				wantUnavailable(t, name, reason, err)
			})
		})
	}
}

func nested(depth int) []byte {
	p := ber.NewSequence("")
	for range depth {
		outer := ber.NewSequence("")
		outer.AppendChild(p)
		p = outer
	}
	return p.Bytes()
}

// TestSilenceIsAskedOnce: a slow no was counted by the directory; asking again
// would count another.
func TestSilenceIsAskedOnce(t *testing.T) {
	f := answering(t, func(net.Conn, int64) bool { return true })
	cfg := f.config()
	cfg.Servers = []string{f.url, f.url}
	reason, err := open(t, cfg).Bind(context.Background(), account.Facts{DN: dn}, "password")
	wantUnavailable(t, "silence", reason, err)
	if n := f.count(ldap.ApplicationBindRequest); n != 1 {
		t.Errorf("%d binds sent", n)
	}
}

func TestADeadConnectionIsTriedOnceMore(t *testing.T) {
	f := answering(t, func(net.Conn, int64) bool { return false })
	d := open(t, f.config())
	eventually(t, 5*time.Second, "connections lie ready", func() bool { return d.Status(context.Background())[0].Ready >= 8 })
	reason, err := d.Bind(context.Background(), account.Facts{DN: dn}, "password")
	wantUnavailable(t, "closed on every bind", reason, err)
	if n := f.count(ldap.ApplicationBindRequest); n != 2 {
		t.Errorf("%d binds sent, want the first and one over a fresh connection", n)
	}
}

// TestWhatTheServerClosesIsReplaced: before anybody needs it, of either kind.
func TestWhatTheServerClosesIsReplaced(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	open(t, (&fake{url: "ldap://" + l.Addr().String()}).config())
	eventually(t, 5*time.Second, "connections lie ready", func() bool { return len(accepted) == 8 })
	for range 8 {
		if err := (<-accepted).Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 5*time.Second, "others lie ready", func() bool { return len(accepted) == 8 })
}

func TestSlowBindsHoldUpNoSearch(t *testing.T) {
	f := startFake(t, func(c net.Conn, tag ber.Tag, id int64) bool {
		if tag == ldap.ApplicationBindRequest {
			return true // never answered
		}
		_, err := c.Write(append(person(id, dn, map[string]string{"entryUUID": "1", "uid": "alice"}),
			message(id, ldap.ApplicationSearchResultDone, 0, "")...))
		return err == nil
	})
	cfg := always(f.config())
	cfg.PoolSize, cfg.Timeout, cfg.Total = 2, 2*time.Second, 3*time.Second
	d := open(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 10)
	for range cap(done) {
		go func() {
			_, _ = d.Bind(ctx, account.Facts{DN: dn}, "password")
			done <- struct{}{}
		}()
	}
	eventually(t, time.Second, "binds are under way", func() bool { return f.count(ldap.ApplicationBindRequest) == 2 })
	within(t, 500*time.Millisecond, "find", func() { find(t, d, "alice") })
	cancel()
	for range cap(done) {
		<-done
	}
}

// TestSearchAnswers: nobody is found but by a whole answer, and nobody is
// unknown but by one.
func TestSearchAnswers(t *testing.T) {
	alice := map[string]string{"entryUUID": "ABC", "uid": "alice"}
	done := func(id, code int64) []byte { return message(id, ldap.ApplicationSearchResultDone, code, "") }
	guid := map[string]string{"objectGUID": "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"}
	for _, tt := range []struct {
		name    string
		answer  func(id int64) []byte
		id      account.ID
		fitness account.Fitness
		err     error
	}{
		{"one", func(id int64) []byte { return append(person(id, dn, alice), done(id, 0)...) }, "abc", account.Fit, nil},
		{"none", func(id int64) []byte { return done(id, 0) }, "", 0, account.ErrNotFound},
		{"three", func(id int64) []byte {
			p := person(id, dn, alice)
			return append(append(append(append([]byte(nil), p...), p...), p...), done(id, 0)...)
		}, "", 0, account.ErrNotFound},
		{"one and more, cut", func(id int64) []byte { return append(person(id, dn, alice), done(id, 4)...) }, "", 0, account.ErrUnavailable},
		{"one, then an error", func(id int64) []byte { return append(person(id, dn, alice), done(id, 1)...) }, "", 0, account.ErrUnavailable},
		{"no such base", func(id int64) []byte { return done(id, 32) }, "", 0, account.ErrUnavailable},
		{"refused", func(id int64) []byte { return done(id, 50) }, "", 0, account.ErrUnavailable},
		{"referral", func(id int64) []byte { return done(id, 10) }, "", 0, account.ErrUnavailable},
		{"one, and no end", func(id int64) []byte { return person(id, dn, alice) }, "", 0, account.ErrUnavailable},
		{"no DN", func(id int64) []byte { return append(person(id, "", alice), done(id, 0)...) }, "", 0, account.ErrUnavailable},
		{"AD, disabled", func(id int64) []byte {
			return append(person(id, dn, map[string]string{"entryUUID": "1", "userAccountControl": "514"}), done(id, 0)...)
		}, "1", account.Disabled, nil},
		{"AD, enabled", func(id int64) []byte {
			return append(person(id, dn, map[string]string{"entryUUID": "1", "useraccountcontrol": "512"}), done(id, 0)...)
		}, "1", account.Fit, nil},
		{"389 DS, locked", func(id int64) []byte {
			return append(person(id, dn, map[string]string{"entryUUID": "1", "nsAccountLock": "TRUE"}), done(id, 0)...)
		}, "1", account.Locked, nil},
		{"AD's id", func(id int64) []byte { return append(person(id, dn, guid), done(id, 0)...) },
			"00112233-4455-6677-8899-aabbccddeeff", account.Fit, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, func(c net.Conn, tag ber.Tag, id int64) bool {
				_, err := c.Write(tt.answer(id))
				return err == nil
			})
			cfg := f.config()
			if strings.HasPrefix(tt.name, "AD's") {
				cfg.IDAttribute = "objectGUID"
			}
			facts, err := open(t, cfg).Find(context.Background(), "alice")
			if facts.ID != tt.id || facts.Fitness != tt.fitness || !errors.Is(err, tt.err) {
				t.Errorf("%v is %v, %v; want %v is %v, %v", facts.ID, facts.Fitness, err, tt.id, tt.fitness, tt.err)
			}
		})
	}
}

// TestNothingIsSaidBeforeStartTLS: whatever the server does, no DN and no
// password crosses the network in the clear.
func TestNothingIsSaidBeforeStartTLS(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{})
	for name, answer := range map[string]func(id int64) []byte{
		"refused":       func(id int64) []byte { return message(id, ldap.ApplicationExtendedResponse, 2, "") },
		"a bind's yes":  func(id int64) []byte { return message(id, ldap.ApplicationBindResponse, 0, "") },
		"wrong id":      func(id int64) []byte { return message(id+1, ldap.ApplicationExtendedResponse, 0, "") },
		"garbage":       func(int64) []byte { return []byte("220 ready\r\n") },
		"yes, then not": func(id int64) []byte { return message(id, ldap.ApplicationExtendedResponse, 0, "") },
		"early answer": func(id int64) []byte {
			return append(message(id, ldap.ApplicationExtendedResponse, 0, ""), message(id+1, ldap.ApplicationBindResponse, 0, "")...)
		},
	} {
		f := startFake(t, func(c net.Conn, tag ber.Tag, id int64) bool {
			_, err := c.Write(answer(id))
			return err == nil
		})
		cfg := f.config()
		cfg.StartTLS, cfg.CAFile = true, s.CAFile
		cfg.BindDN, cfg.BindPassword = "cn=service,dc=org", "service-password"
		d := open(t, cfg)
		reason, err := d.Bind(context.Background(), account.Facts{DN: dn}, "alice-password")
		wantUnavailable(t, name, reason, err)
		if _, err := d.Find(context.Background(), "alice"); !errors.Is(err, account.ErrUnavailable) {
			t.Errorf("%s: find: %v", name, err)
		}
		if said := f.said(); strings.Contains(said, "password") || strings.Contains(said, "dc=org") {
			t.Errorf("%s: the client said too much", name)
		}
	}
}

// TestNoSecretIsPrinted: errors, logs and statuses of a hostile server.
func TestNoSecretIsPrinted(t *testing.T) {
	f := answering(t, func(c net.Conn, id int64) bool {
		_, err := c.Write(message(id, ldap.ApplicationBindResponse, 80, "no"))
		return err == nil
	})
	d := open(t, f.config())
	_, err := d.Bind(context.Background(), account.Facts{DN: dn}, "s3cret-sentinel")
	if text := fmt.Sprintf("%v %+v %#v %v", err, err, err, d.Status(context.Background())); strings.Contains(text, "sentinel") {
		t.Error("an error or status holds the password")
	}
}
