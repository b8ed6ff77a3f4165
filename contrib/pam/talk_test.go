package pam

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// tester holds a conversation in front of the real daemon.
type tester func(t *testing.T, l login) heard

// front is the real daemon, and one of its people, in front of a tester.
type front struct {
	site *servertest.Site
	talk tester
	who  string
}

// want holds one conversation, and looks at what the daemon logged of it.
func (f front) want(t *testing.T, name string, l login, result string, asked int, reason string) {
	t.Run(name, func(t *testing.T) {
		before := len(f.site.Tries())
		f.talk(t, l).want(t, result, asked, l.answers...)
		tries := f.site.Tries()
		if len(tries) == before {
			t.Fatal("the daemon logged nothing")
		}
		got := tries[len(tries)-1]
		if got.Reason != reason || got.Source != l.host {
			t.Errorf("the daemon logged %+v, want %s from %q", got, reason, l.host)
		}
	})
}

func (f front) ssh() string {
	return options(f.site.HTTP, "service=ssh code url="+servertest.PageURL)
}

func (f front) dav() string { return options(f.site.HTTP, "service=dav") }

// short is what fits into the life of one code also where all is slow.
func (f front) short(t *testing.T) {
	p := f.site.Person(f.who)
	_ = f.site.Code(f.who) // the oldest that would be good now
	f.want(t, "password, then code", login{user: f.who, host: "192.0.2.1", options: f.ssh(), answers: []string{p.Password, f.site.Code(f.who)}}, yes, 2, "ok")
	f.want(t, "a wrong code", login{user: f.who, host: "192.0.2.6", options: f.ssh(), answers: []string{p.Password, "000000"}}, authErr, 2, "code_wrong")
	f.want(t, "app password", login{user: f.who, host: "2001:db8::1", options: f.dav(), answers: []string{p.App}}, yes, 1, "ok")
	f.want(t, "another spelling", login{user: strings.ToUpper(f.who), host: "2001:db8::4", options: f.dav(), answers: []string{p.App}}, authErr, 1, "ok")
	f.want(t, "a wrong password", login{user: f.who, host: "192.0.2.9", options: f.ssh(), answers: []string{"wrong-password"}}, authErr, 1, "bad_credentials")
}

// long uses up three codes and all tries of a person.
func (f front) long(t *testing.T) {
	p, code, alone := f.site.Person(f.who), f.site.Code(f.who), options(f.site.HTTP, "service=ssh")
	f.want(t, "password, then code", login{user: f.who, host: "192.0.2.1", options: f.ssh(), answers: []string{p.Password, code}}, yes, 2, "ok")
	f.want(t, "the code again", login{user: f.who, host: "192.0.2.2", options: f.ssh(), answers: []string{p.Password, code}}, authErr, 2, "code_used")
	f.want(t, "both in one", login{user: f.who, host: "192.0.2.3", options: f.ssh(), answers: []string{p.Password + f.site.Code(f.who)}}, yes, 1, "ok")
	f.want(t, "both in one, nobody to ask", login{user: f.who, options: alone, answers: []string{p.Password + f.site.Code(f.who)}}, yes, 1, "ok")
	f.want(t, "the password alone, nobody to ask", login{user: f.who, host: "192.0.2.5", options: alone, answers: []string{p.Password}}, authErr, 1, "code_required")
	f.want(t, "a wrong code", login{user: f.who, host: "192.0.2.6", options: f.ssh(), answers: []string{p.Password, "000000"}}, authErr, 2, "code_wrong")
	f.want(t, "the password as code", login{user: f.who, host: "192.0.2.7", options: f.ssh(), answers: []string{p.Password, p.Password}}, authErr, 2, "code_required")
	f.want(t, "app password", login{user: f.who, host: "2001:db8::1", options: f.dav(), answers: []string{p.App}}, yes, 1, "ok")
	f.want(t, "no app password", login{user: f.who, host: "2001:db8::2", options: f.dav(), answers: []string{p.Password}}, authErr, 1, "app_password_required")
	f.want(t, "a wrong app password", login{user: f.who, host: "2001:db8::3", options: f.dav(), answers: []string{servertest.WrongApp(t)}}, authErr, 1, "bad_credentials")
	f.want(t, "another spelling", login{user: strings.ToUpper(f.who), host: "2001:db8::4", options: f.dav(), answers: []string{p.App}}, authErr, 1, "ok")
	f.want(t, "nobody", login{user: "nobody-" + f.who, host: fmt.Sprint("192.0.2.10", len(f.who)), options: f.ssh(), answers: []string{p.Password}}, authErr, 1, "unknown_user")
	t.Run("a service that may not be asked", func(t *testing.T) {
		f.talk(t, login{user: f.who, options: options(f.site.HTTP, "service=web"), answers: []string{p.Password}}).want(t, unavailable, 1, p.Password)
	})
	f.want(t, "a wrong password", login{user: f.who, host: "192.0.2.9", options: f.ssh(), answers: []string{"wrong-password"}}, authErr, 1, "bad_credentials")
	t.Run("too many", func(t *testing.T) {
		for i := range 20 { // waits grow twofold, so that one is longer than a try takes
			h := f.talk(t, login{user: f.who, host: "192.0.2.10", options: f.ssh(), answers: []string{fmt.Sprint("wrong-password-", i)}})
			if h.result == maxTries && i >= 2 {
				return
			}
			h.want(t, authErr, 1)
		}
		t.Error("nobody had to wait")
	})
}

// pamtester runs Debian's program of that name on a service file of its own,
// and reads what it shows.
func pamtester(module string, wrap ...string) tester {
	return func(t *testing.T, l login) heard {
		t.Helper()
		service := serviceOfOurs(t, desk{module: module}.serviceFile(l))
		args := append(wrap, run.Need(t, "pamtester", "pamtester"))
		if l.host != "" {
			args = append(args, "-I", "rhost="+l.host)
		}
		args = append(args, service, l.user, "authenticate", "acct_mgmt", "setcred")
		out, err := run.Run(run.Command{Path: args[0], Args: args[1:], Stdin: strings.Join(l.answers, "\n") + "\n"})
		if code := run.ExitCode(err); code != 0 && code != 1 {
			t.Fatalf("the program did not end well: %v", err)
		}
		h := heard{said: out, asked: make([]string, strings.Count(out, "Password: ")+strings.Count(out, "6-digit code: "))}
		_, h.result, _ = strings.Cut(out, "pamtester: ")
		h.result, _, _ = strings.Cut(h.result, "\n")
		if err == nil && strings.Contains(out, "successfully authenticated") && strings.Contains(out, "account management done.") &&
			strings.Contains(out, "credential info has successfully been set.") {
			h.result = yes
		}
		return h
	}
}

// serviceOfOurs puts a service file where libpam looks, for as long as the test
// runs, and returns its name.
func serviceOfOurs(t *testing.T, text string) string {
	t.Helper()
	run.NeedRoot(t)
	f, err := os.CreateTemp("/etc/pam.d", "sallyport-test-")
	if err != nil {
		t.Fatalf("writing a service file: %v", err)
	}
	_ = f.Close()
	t.Cleanup(func() { _ = os.Remove(f.Name()) })
	run.Write(t, f.Name(), text, 0o644)
	return filepath.Base(f.Name())
}

func TestConversations(t *testing.T) {
	run.NeedRoot(t)
	dir := build(t, "")
	module := filepath.Join(dir, "build", "pam_sallyport.so")
	site := servertest.Start(t, servertest.Options{})
	d := newDesk(t)
	t.Run("pamtester", func(t *testing.T) { front{site, pamtester(module), "alice"}.long(t) })
	t.Run("sanitizers", func(t *testing.T) { front{site, d.talk, "bert"}.long(t) })
	t.Run("valgrind", func(t *testing.T) {
		valgrind := run.Need(t, "valgrind", "valgrind")
		front{site, pamtester(module, valgrind, "-q", "--error-exitcode=99", "--leak-check=full",
			"--errors-for-leak-kinds=definite,indirect,possible"), "carla"}.short(t)
	})
	t.Run("umlauts", func(t *testing.T) {
		p := site.Person("müller")
		l := login{user: "müller", options: options(site.HTTP, "service=ssh code lang=de"), answers: []string{p.Password, site.Code("müller")}}
		d.talk(t, l).want(t, yes, 2, l.answers...)
		l.user, l.answers = "Müller", []string{p.App}
		l.options = options(site.HTTP, "service=dav")
		h := d.talk(t, l)
		h.want(t, authErr, 1, p.App)
		h.wantLogged(t, `the login "Müller" must be written "müller"`)
	})
	t.Run("a daemon of another user than is written", func(t *testing.T) {
		before := len(site.Tries())
		l := login{user: "müller", options: options(site.HTTP, "service=dav uid=nobody"), answers: []string{site.Person("müller").App}}
		d.talk(t, l).want(t, unavailable, 1, l.answers...)
		if len(site.Tries()) != before {
			t.Error("it was asked all the same")
		}
	})
	t.Run("a password that ends in six digits", func(t *testing.T) {
		const password = "spring-202612"
		site.Directory().Modify(directorytest.PersonDN("müller"), "userPassword", password)
		l := login{user: "müller", host: "192.0.2.20", options: options(site.HTTP, "service=ssh code"), answers: []string{password + site.Code("müller")}}
		d.talk(t, l).want(t, yes, 1, l.answers...)
		l.answers = []string{password, site.Code("müller")}
		d.talk(t, l).want(t, authErr, 1, l.answers...) // as the manual says
	})
	t.Run("the daemon is away", func(t *testing.T) {
		site.Stop()
		defer site.Restart()
		begun := time.Now()
		l := login{user: "müller", options: options(site.HTTP, "service=dav"), answers: []string{site.Person("müller").App}}
		pamtester(module)(t, l).want(t, unavailable, 1, l.answers...)
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("took %s", took)
		}
	})
}
