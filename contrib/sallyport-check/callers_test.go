package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// example is a line of README.md, with the program and the socket of the test.
func (r rig) example(t *testing.T, pattern string) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(string(b))
	if m == nil {
		t.Fatalf("README.md has no example for %s", pattern)
	}
	text := strings.Replace(m[1], "/usr/bin/sallyport-check", filepath.Join(r.Bin, program), 1)
	mode := regexp.MustCompile(`sallyport-check [a-z]+`)
	return mode.ReplaceAllStringFunc(text, func(s string) string { return s + " --socket " + r.HTTP })
}

// fetch gets diary.txt, or else the status.
func fetch(t *testing.T, at, name, password string) string {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+at+"/diary.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(name, password)
	res, err := (&http.Client{Timeout: run.Patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b := make([]byte, 100)
	n, _ := res.Body.Read(b)
	if res.StatusCode != http.StatusOK {
		return res.Status[:3]
	}
	return string(b[:n])
}

const apacheConfig = `
ServerName test
ServerRoot DIR
Listen 127.0.0.1:PORT
PidFile DIR/pid
DefaultRuntimeDir DIR
ErrorLog DIR/error.log
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule authnz_external_module /usr/lib/apache2/modules/mod_authnz_external.so
DocumentRoot DIR/files
EXAMPLE
<Directory DIR/files>
  AuthType Basic
  AuthName test
  AuthBasicProvider external
  AuthExternal sallyport
  Require valid-user
</Directory>
`

// apache has mod_authnz_external.
func (r rig) apache(t *testing.T) {
	bin := run.Need(t, "apache2", "apache2 libapache2-mod-authnz-external")
	dir := filepath.Join(r.Dir, "apache")
	run.Write(t, filepath.Join(dir, "files", "diary.txt"), "of everybody", 0o644)
	port := fmt.Sprint(run.FreePort(t))
	conf := strings.NewReplacer("DIR", dir, "PORT", port, "EXAMPLE", r.example(t, `^(DefineExternalAuth .*)$`)).Replace(apacheConfig)
	run.Write(t, filepath.Join(dir, "apache.conf"), conf, 0o644)
	run.Background(t, run.Command{Path: bin, Args: []string{"-D", "FOREGROUND", "-f", filepath.Join(dir, "apache.conf")}})
	at := "127.0.0.1:" + port
	if err := run.Listening(at); err != nil {
		t.Fatal(err)
	}
	bert := r.Person("bert")
	expect := func(name, password, want string) {
		t.Helper()
		if got := fetch(t, at, name, password); got != want {
			t.Errorf("%s got %q, want %q", name, got, want)
		}
	}
	expect("bert", bert.App, "of everybody")
	expect("bert", bert.Password, "401")
	expect("BERT", bert.App, "401")
	expect("bert\nalice", bert.App, "401")
	r.logged(t, "dav", "127.0.0.1")
	r.Stop()
	expect("bert", bert.App, "401") // Apache has no other word
	r.Restart()
	expect("bert", bert.App, "of everybody")
	said, err := os.ReadFile(filepath.Join(dir, "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"refused: app_password_required", "refused: wrong_spelling", "not judged: there is no socket"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("Apache's log does not tell %q: %s", want, said)
		}
	}
	if strings.Contains(string(said), bert.App) || strings.Contains(string(said), bert.Password) {
		t.Errorf("Apache's log tells a password: %s", said)
	}
}

// rclone serves a folder for each login, over WebDAV.
func (r rig) rclone(t *testing.T) {
	bin := run.Need(t, "rclone", "rclone")
	root := filepath.Join(r.Dir, "dav")
	for _, name := range []string{"alice", "bert"} {
		run.Write(t, filepath.Join(root, name, "diary.txt"), "of "+name, 0o644)
	}
	proxy := strings.Replace(r.example(t, `--auth-proxy "([^"]+)"`), "/srv/dav", root, 1)
	at := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	server := run.Background(t, run.Command{Path: bin, Args: []string{"serve", "webdav", "--addr", at, "--auth-proxy", proxy}})
	if err := run.Listening(at); err != nil {
		t.Fatal(err)
	}
	get := func(name, password string) string { return fetch(t, at, name, password) }
	for _, c := range []struct{ name, password, want string }{
		{"bert", r.Person("bert").Password, "401"},
		{"alice", r.Person("bert").App, "401"},
		{"..", r.Person("bert").App, "401"},
		{"bert", r.Person("bert").App, "of bert"},
		{"ALICE", r.Person("alice").App, "of alice"},
	} {
		if got := get(c.name, c.password); got != c.want {
			t.Errorf("%s got %q, want %q", c.name, got, c.want)
		}
	}
	if said := server.Said(); strings.Contains(said, r.Person("bert").App) {
		t.Errorf("rclone's log tells the password: %s", said)
	}
}

const dovecotConfig = `
base_dir = DIR/run
state_dir = DIR/state
log_path = /dev/stderr
protocols =
ssl = no
auth_failure_delay = 0
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=DIR/mail/%u
}
passdb {
  driver = checkpassword
  ARGS
}
service auth {
  LIMIT
}
`

// dovecot has its passdb checkpassword; doveadm asks it as its own login
// processes do.
func (r rig) dovecot(t *testing.T) {
	bin, doveadm := run.Need(t, "dovecot", "dovecot-core"), run.Need(t, "doveadm", "dovecot-core")
	dir := filepath.Join(r.Dir, "dovecot")
	conf := strings.NewReplacer("DIR", dir, "ARGS", r.example(t, `(args = .*checkpassword .*)$`), "LIMIT", r.example(t, `(vsz_limit = .*)$`)).Replace(dovecotConfig)
	run.Write(t, filepath.Join(dir, "dovecot.conf"), conf, 0o644)
	server := run.Background(t, run.Command{Path: bin, Args: []string{"-F", "-c", filepath.Join(dir, "dovecot.conf")}})
	if err := run.Listening(filepath.Join(dir, "run", "auth-client")); err != nil {
		t.Fatal(err)
	}
	expect := func(name, password, want string) {
		t.Helper()
		said, err := run.Run(run.Command{Path: doveadm, Args: []string{"-c", filepath.Join(dir, "dovecot.conf"),
			"auth", "test", "-x", "service=imap", "-x", "rip=192.0.2.77", name, password}})
		if accepted := strings.Contains(said, "auth succeeded"); accepted != (err == nil) || !strings.Contains(said, want) {
			t.Errorf("%s was told %q, want %q (%v)", name, said, want, err)
		}
	}
	const temporary = "temp" // "temp", or "code=temp_fail", by release
	bert := r.Person("bert")
	expect("bert", bert.Password, "auth failed")
	expect("alice", bert.App, "auth failed")
	expect("bert", bert.App, "user=bert\n")
	expect("BERT", bert.Other, "user=bert\n") // Dovecot goes on with the canonical login
	r.logged(t, "mail", "192.0.2.77")
	r.Stop()
	expect("bert", bert.App, temporary)
	r.Restart()
	expect("bert", bert.App, "user=bert\n")
	if said := server.Said(); strings.Contains(said, bert.App) || strings.Contains(said, bert.Password) {
		t.Errorf("Dovecot's log tells a password: %s", said)
	}
}

// pamExec is pam_exec in a service file.
func (r rig) pamExec(t *testing.T) {
	bin := run.Need(t, "pamtester", "pamtester")
	service := fmt.Sprintf("sallyport-check-test-%d", os.Getpid())
	file := filepath.Join("/etc/pam.d", service)
	run.Write(t, file, r.example(t, `^(auth required pam_exec.so .*)$`)+"\n", 0o644)
	t.Cleanup(func() { os.Remove(file) })
	try := func(name, password string) string {
		said, err := run.Run(run.Command{Path: bin, Args: []string{"-I", "rhost=192.0.2.9", service, name, "authenticate"}, Stdin: password + "\n"})
		if err == nil != strings.Contains(said, "successfully authenticated") {
			t.Errorf("%s: %v %s", name, err, said)
		}
		if err != nil {
			return "refused"
		}
		return "accepted"
	}
	bert := r.Person("bert")
	for _, c := range []struct{ name, password, want string }{
		{"bert", bert.Password + r.Code("bert"), "accepted"},
		{"bert", bert.Password, "refused"},
		{"bert", bert.App, "refused"},
		{"BERT", bert.Password + r.Code("bert"), "refused"},
	} {
		if got := try(c.name, c.password); got != c.want {
			t.Errorf("%s %.4s...: %s, want %s", c.name, c.password, got, c.want)
		}
	}
}
