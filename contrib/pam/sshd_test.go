package pam

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// who has an account on this machine for as long as the test runs.
const who = "carla"

// sshServer is a real sshd with the files of this folder, on a port of its own.
type sshServer struct {
	site *servertest.Site
	dir  string
	port int
}

func startSSH(t *testing.T) sshServer {
	t.Helper()
	run.NeedRoot(t)
	sshd := run.Need(t, "sshd", "openssh-server")
	run.Need(t, "ssh", "openssh-client")
	s := sshServer{site: servertest.Start(t, servertest.Options{}), dir: folder(t), port: run.FreePort(t)}
	module := filepath.Join(build(t, ""), "build", "pam_sallyport.so")
	localUser(t)
	service := serviceOfOurs(t, run.Config(t, "examples/sshd",
		"pam_sallyport.so", module+" socket="+s.site.HTTP, "uid=sallyport", "uid=root"))
	if err := os.Mkdir("/run/sshd", 0o755); err == nil { // where sshd puts its unprivileged half
		t.Cleanup(func() { _ = os.Remove("/run/sshd") })
	} else if !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	if said, err := run.Run(run.Command{Path: run.Need(t, "ssh-keygen", "openssh-client"), Args: []string{"-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.dir, "host")}}); err != nil {
		t.Fatalf("making a host key: %v\n%s", err, said)
	}
	run.Write(t, filepath.Join(s.dir, "sshd_config"), fmt.Sprintf("ListenAddress 127.0.0.1\nPort %d\nHostKey %s/host\nPidFile none\n", s.port, s.dir)+
		run.Config(t, "examples/sshd_config.d-sallyport.conf"), 0o600)
	// sshd takes its own name for the service.
	named := filepath.Join(s.dir, service)
	if err := os.Symlink(sshd, named); err != nil {
		t.Fatal(err)
	}
	run.Background(t, run.Command{Path: named, Args: []string{"-D", "-e", "-f", filepath.Join(s.dir, "sshd_config")}})
	if err := run.Listening(fmt.Sprintf("127.0.0.1:%d", s.port)); err != nil {
		t.Fatal(err)
	}
	return s
}

// localUser makes the user whom sshd has to know.
func localUser(t *testing.T) {
	t.Helper()
	if _, err := user.Lookup(who); err == nil {
		return
	}
	if said, err := run.Run(run.Command{Path: run.Need(t, "useradd", "passwd"), Args: []string{"--no-create-home", "--no-user-group", "--gid", "nogroup", "--home-dir", "/", "--shell", "/bin/sh", who}}); err != nil {
		t.Fatalf("making a user: %v\n%s", err, said)
	}
	t.Cleanup(func() {
		gone := func() error { // sshd's last process may still be at it
			_, err := run.Run(run.Command{Path: "/usr/sbin/userdel", Args: []string{who}})
			return err
		}
		if err := run.Within(run.Patience, gone); err != nil {
			t.Errorf("removing the user: %v", err)
		}
	})
}

// enter runs ssh, whose questions the script answers and writes down, and
// returns what ssh said, what was asked, and whether the command was run.
func (s sshServer) enter(t *testing.T, password, code string, more ...string) (said, asked string, in bool) {
	t.Helper()
	dir := folder(t)
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$1\" >>%[1]s/asked\ncase $1 in\n*code*) cat %[1]s/code ;;\n*) cat %[1]s/password ;;\nesac\n", dir)
	run.Write(t, filepath.Join(dir, "ask"), script, 0o700)
	run.Write(t, filepath.Join(dir, "password"), password+"\n", 0o600)
	run.Write(t, filepath.Join(dir, "code"), code+"\n", 0o600)
	args := append([]string{"-F", "none", "-p", fmt.Sprint(s.port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "IdentityFile=none", "-o", "NumberOfPasswordPrompts=1"}, more...)
	said, err := run.Run(run.Command{Path: "ssh", Args: append(args, who+"@127.0.0.1", "echo", "I am $(id -un)"),
		Env: []string{"SSH_ASKPASS=" + filepath.Join(dir, "ask"), "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0"}})
	text, _ := os.ReadFile(filepath.Join(dir, "asked"))
	return said, string(text), err == nil && strings.Contains(said, "I am "+who)
}

// wantLast looks at what the daemon logged last: why, and from where.
func (s sshServer) wantLast(t *testing.T, reason string) {
	t.Helper()
	tries := s.site.Tries()
	if len(tries) == 0 {
		t.Fatal("the daemon logged nothing")
	}
	if last := tries[len(tries)-1]; last.Reason != reason || last.Service != "ssh" || last.Source != "127.0.0.1" {
		t.Errorf("the daemon logged %+v", last)
	}
}

func TestSSH(t *testing.T) {
	s := startSSH(t)
	p := s.site.Person(who)
	asked := fmt.Sprintf("(%[1]s@127.0.0.1) Password: \n(%[1]s@127.0.0.1) 6-digit code: \n", who)
	_ = s.site.Code(who) // the oldest that would be good now
	code := s.site.Code(who)
	t.Run("password, then code", func(t *testing.T) {
		said, got, in := s.enter(t, p.Password, code)
		if !in || got != asked {
			t.Fatalf("in: %v, asked %q:\n%s", in, got, said)
		}
		s.wantLast(t, "ok")
	})
	for _, c := range []struct{ name, password, code, reason, asked string }{
		{"a wrong code", p.Password, "000000", "code_wrong", asked},
		{"the code again", p.Password, code, "code_used", asked},
		{"no code", p.Password, "", "", asked},
		{"a wrong password", "wrong-password", "000000", "bad_credentials", asked[:strings.Index(asked, "\n")+1]},
		{"an app password", p.App, "000000", "wrong_service", asked[:strings.Index(asked, "\n")+1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			said, got, in := s.enter(t, c.password, c.code)
			if in || got != c.asked || !strings.Contains(said, "Permission denied") {
				t.Errorf("in: %v, asked %q:\n%s", in, got, said)
			}
			if c.reason != "" { // the daemon leaves out lines that repeat
				s.wantLast(t, c.reason)
			}
		})
	}
	t.Run("the person is told what to do", func(t *testing.T) {
		said, _, _ := s.enter(t, p.Password, "000001")
		if !strings.Contains(said, "This code is not right.") {
			t.Errorf("told:\n%s", said)
		}
	})
	t.Run("a program that can ask only once", func(t *testing.T) {
		before := len(s.site.Tries())
		_, got, in := s.enter(t, p.Password, "", "-o", "PreferredAuthentications=password,publickey")
		if in || got != "" || len(s.site.Tries()) != before {
			t.Errorf("in: %v, asked %q", in, got)
		}
	})
	t.Run("the daemon is away", func(t *testing.T) {
		s.site.Stop()
		begun := time.Now()
		said, _, in := s.enter(t, p.Password, "000000")
		if in || !strings.Contains(said, "Permission denied") {
			t.Errorf("in: %v:\n%s", in, said)
		}
		if !strings.Contains(said, "Sign-in has a problem right now.") {
			t.Errorf("told:\n%s", said)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
		s.site.Restart()
		if said, _, in := s.enter(t, p.Password, s.site.Code(who)); !in {
			t.Errorf("after the outage:\n%s", said)
		}
	})
}
