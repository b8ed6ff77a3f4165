package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// rig is the built program in front of the real daemon.
type rig struct {
	*servertest.Site
	link string // the program under the name of a mode
}

// TestSite asks the real daemon in all modes, then through the real callers,
// then without the daemon.
func TestSite(t *testing.T) {
	t.Parallel()
	run.NeedRoot(t)
	site := servertest.Start(t, servertest.Options{Peers: []string{"nobody", "dovecot", "www-data"}})
	r := rig{site, filepath.Join(site.Dir, "sallyport-check-pipe")}
	if err := os.Symlink(filepath.Join(site.Bin, program), r.link); err != nil {
		t.Fatal(err)
	}
	t.Run("modes", r.modes)
	t.Run("as another user", r.otherUser)
	t.Run("apache", r.apache)
	t.Run("rclone", r.rclone)
	t.Run("dovecot", r.dovecot)
	t.Run("pam_exec", r.pamExec)
	t.Run("revoked", func(t *testing.T) {
		r.Revoke("alice")
		for mode := range r.callers("", "") {
			r.expect(t, mode, "alice", r.Person("alice").App, "refused: app_password_revoked")
		}
	})
	t.Run("outage", func(t *testing.T) {
		r.Stop()
		var wg sync.WaitGroup
		for mode := range r.callers("", "") {
			wg.Go(func() { r.expect(t, mode, "bert", r.Person("bert").App, "not judged: ") })
		}
		wg.Wait()
		r.Restart()
		for mode := range r.callers("", "") {
			r.expect(t, mode, "bert", r.Person("bert").App, "")
		}
	})
}

// callers is each mode as its caller would start it.
func (r rig) callers(name, password string) map[string]run.Command {
	bin := filepath.Join(r.Bin, program)
	socket := "--socket=" + r.HTTP
	return map[string]run.Command{
		"pipe": {Path: bin, Args: []string{"pipe", socket}, Stdin: name + "\n" + password + "\n", Env: []string{"IP=" + addressOf("pipe")}},
		"checkpassword": {Path: "sh", Args: []string{"-c", `printf '%s\000%s\000\000' "$0" "$1" | "$2" checkpassword "$3" printenv USER 3<&0 </dev/null`,
			name, password, bin, socket}, Env: []string{"TCPREMOTEIP=" + addressOf("checkpassword")}},
		"rclone": {Path: bin, Args: []string{"rclone", socket, "--root=/srv"}, Stdin: fmt.Sprintf(`{"user":%q,"pass":%q,"client_ip":%q}`, name, password, addressOf("rclone"))},
		"sftpgo": {Path: bin, Args: []string{"sftpgo", socket}, Env: []string{"SFTPGO_AUTHD_USERNAME=" + name, "SFTPGO_AUTHD_PASSWORD=" + password, "SFTPGO_AUTHD_IP=" + addressOf("sftpgo")}},
		"pam":    {Path: bin, Args: []string{"pam", socket}, Stdin: password, Env: []string{"PAM_TYPE=auth", "PAM_USER=" + name, "PAM_RHOST=" + addressOf("pam")}},
	}
}

// addressOf is the client's address in a mode.
func addressOf(mode string) string { return fmt.Sprintf("192.0.2.%d", len(mode)*7+int(mode[0])%7) }

// logged looks for a decision in the daemon's log.
func (r rig) logged(t *testing.T, service, address string) {
	t.Helper()
	for _, try := range r.Tries() {
		if try.Service == service && try.Source == address && try.Reason == "app_password_required" {
			return
		}
	}
	t.Errorf("the log tells of nobody at %s", address)
}

// words is what each mode says on stdout on a yes, and its status on a no and
// on an outage.
func words(mode, login string) (yes string, no, later int) {
	switch mode {
	case "checkpassword":
		return login + "\n", exitRefused, exitLater
	case "rclone":
		return `{"_root":"/srv/` + login + `","type":"local"}` + "\n", exitRefused, exitTemporary
	case "sftpgo":
		return `{"status":1}` + "\n", 0, exitTemporary
	default:
		return "", exitRefused, exitTemporary
	}
}

// expect runs a mode. want is what it says to the operator; empty is a yes.
func (r rig) expect(t *testing.T, mode, name, password, want string) {
	t.Helper()
	said, err := run.Run(r.callers(name, password)[mode])
	yes, no, later := words(mode, name)
	status := 0
	switch {
	case strings.HasPrefix(want, "refused"):
		status = no
	case want != "":
		status = later
	}
	if got := run.ExitCode(err); got != status || want == "" && said != yes || !strings.Contains(said, want) {
		t.Errorf("%s %s: status %d, said %q, want %d and %q", mode, name, got, said, status, want)
	}
	if password != "" && strings.Contains(said, password) {
		t.Errorf("%s tells the password", mode)
	}
}

func (r rig) modes(t *testing.T) {
	for mode := range r.callers("", "") {
		alice := r.Person("alice")
		r.expect(t, mode, "alice", alice.App, "")
		r.expect(t, mode, "alice", strings.ToUpper(alice.Other), "")
		r.expect(t, mode, "müller", r.Person("müller").App, "")
		r.expect(t, mode, "alice", alice.Password, "refused: app_password_required")
		r.expect(t, mode, "alice", servertest.WrongApp(t), "refused: bad_credentials")
		r.expect(t, mode, "alice", r.Person("bert").App, "refused: bad_credentials")
		r.expect(t, mode, "stranger", servertest.WrongApp(t), "refused: bad_credentials")
		r.logged(t, "dav", addressOf(mode))
	}
	// Password and code in one field, by a link with the mode in its name.
	alice := r.Person("alice")
	both := func() run.Command {
		return run.Command{Path: r.link, Args: []string{"--socket", r.HTTP, "--service", "ssh"}, Stdin: "alice\n" + alice.Password + r.Code("alice") + "\n"}
	}
	used := both()
	if said, err := run.Run(used); err != nil {
		t.Errorf("password and code: %v %s", err, said)
	}
	if said, err := run.Run(used); run.ExitCode(err) != exitRefused || !strings.Contains(said, "code_used") {
		t.Errorf("the same code again: %v %s", err, said)
	}
}

// otherUser: whoever may not connect learns that nothing was judged.
func (r rig) otherUser(t *testing.T) {
	bert := r.Person("bert")
	c := r.callers("bert", bert.App)["pipe"]
	c.User = run.AsUser(t, "nobody")
	if said, err := run.Run(c); err != nil {
		t.Errorf("nobody: %v %s", err, said)
	}
	c = r.callers("bert", bert.App)["pipe"]
	c.User = run.AsUser(t, "daemon")
	if said, err := run.Run(c); run.ExitCode(err) != exitTemporary || !strings.Contains(said, "or not by uid 1: see services and allow") {
		t.Errorf("somebody who is not in allow: %v %s", err, said)
	}
	c = r.callers("bert", bert.App)["pipe"]
	c.Args = append(c.Args, "--service", "web")
	if said, err := run.Run(c); run.ExitCode(err) != exitTemporary || !strings.Contains(said, "may not be asked on this socket") {
		t.Errorf("a service that is not in services: %v %s", err, said)
	}
}
