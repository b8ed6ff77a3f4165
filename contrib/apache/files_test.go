package apache

import (
	"bufio"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func login(s *servertest.Site, name string) servertest.Login {
	return servertest.Login{Name: name, Password: s.Person(name).App}
}

func believesNoClient(t *testing.T, s *servertest.Site, address string) {
	dav := davtest.Server{URL: "http://" + address}
	dav.Forge(t, s, davtest.Places{Own: "/alice/of-alice.txt", Foreign: "/bert/of-bert.txt"})
	// Carla has no folder, and cannot make one; nobody takes his own away.
	for _, c := range []struct{ name, method, path, want string }{
		{"carla", "PROPFIND", "/carla/", "404"},
		{"carla", "MKCOL", "/carla/", "403"},
		{"carla", "PUT", "/carla/new", "409"},
		{"alice", "PROPFIND", "/", "403"},
		{"alice", "OPTIONS", "/bert/", "401"},
	} {
		if got, err := dav.Status(login(s, c.name), c.method, c.path); err != nil || got != c.want {
			t.Errorf("%s by %s at %s: told %s, %v, want %s", c.method, c.name, c.path, got, err, c.want)
		}
	}
	raw(t, s, address, "DELETE", "/alice/", "\r\n")
	if _, err := os.Stat(folders(s) + "/alice"); err != nil {
		t.Errorf("one's own folder: %v", err)
	}
	fill(t, s, "alice") // it is empty now
}

// restartIsWaitedOut: who asks while the daemon is away for a moment is kept
// waiting, and let in.
func restartIsWaitedOut(t *testing.T, s *servertest.Site, dav davtest.Server) {
	type told struct {
		status string
		err    error
	}
	answer := make(chan told, 1)
	s.Stop()
	go func() {
		status, err := dav.Status(login(s, "alice"), "PROPFIND", "/alice/")
		answer <- told{status, err}
	}()
	if err := run.Within(run.Patience, func() error { return helperRuns(s) }); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-answer:
		t.Fatalf("told %s, %v before the daemon was back", got.status, got.err)
	default:
	}
	s.Restart()
	if got := <-answer; got.err != nil || got.status != "207" {
		t.Errorf("told %s, %v", got.status, got.err)
	}
}

// helperRuns looks for the program that Apache has started.
func helperRuns(s *servertest.Site) error {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, line := range lines {
		if b, err := os.ReadFile(line); err == nil && strings.HasPrefix(string(b), s.Bin+"/sallyport-check\x00") && strings.Contains(string(b), s.HTTP) {
			return nil
		}
	}
	return fmt.Errorf("nobody asks at %s", s.HTTP)
}

// refusalsDoNotSpread: with the event MPM the module kills, one time in twenty,
// the program that judges the request after a refused one.
func refusalsDoNotSpread(t *testing.T, s *servertest.Site, address string) {
	for i := range 100 {
		if status, _ := raw(t, s, address, "GET", "/bert/of-bert.txt", "\r\n"); status != http.StatusUnauthorized {
			t.Fatalf("bert's, time %d: told %d", i, status)
		}
		if status, _ := raw(t, s, address, "PROPFIND", "/alice/", "Depth: 0\r\n\r\n"); status != http.StatusMultiStatus {
			t.Fatalf("one's own, time %d: told %d", i, status)
		}
	}
}

// umlauts: to Apache a login is bytes, and the folder is called as the directory
// calls the person, in UTF-8.
func umlauts(t *testing.T, s *servertest.Site, dav davtest.Server) {
	if err := dav.Cadaver(t, login(s, "müller"), "/m%C3%BCller/"); err != nil {
		t.Errorf("müller did not get through: %v", err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"müller", "/m%C3%BCller/", "207"},
		{"müller", "/m%FCller/", "401"},
		{"m\xfcller", "/m%C3%BCller/", "401"},
		{"m\xfcller", "/m%FCller/", "401"},
		{"MÜLLER", "/m%C3%BCller/", "401"},
	} {
		got, err := dav.Status(servertest.Login{Name: c.name, Password: s.Person("müller").App}, "PROPFIND", c.path)
		if err != nil || got != c.want {
			t.Errorf("%q at %s: told %s, %v, want %s", c.name, c.path, got, err, c.want)
		}
	}
}

// nothingLeavesTheFolder asks for every spelling of "the folder above" in the
// address and in the destination, and then looks whether anything outside of
// alice's folder has changed, or came out.
func nothingLeavesTheFolder(t *testing.T, s *servertest.Site, address string) {
	const nobodys = "belongs to nobody"
	run.Write(t, s.Dir+"/srv/secret.txt", nobodys, 0o644)
	// Whatever stops an escape, it is not the rights of the files.
	for _, dir := range []string{s.Dir + "/srv", folders(s)} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	before := outside(t, s)
	if len(before) < 4 {
		t.Fatalf("not much to protect: %v", before)
	}
	ask := func(method, path, more string) (int, string) { return raw(t, s, address, method, path, more) }
	length := func(text string) string { return fmt.Sprintf("getcontentlength>%d<", len(text)) }
	for _, path := range escapes() {
		for method, more := range map[string]string{
			"GET": "\r\n", "PROPFIND": "Depth: 1\r\n\r\n", "DELETE": "\r\n", "MKCOL": "\r\n",
			"PUT":  "Content-Length: 6\r\n\r\nchange",
			"COPY": "Destination: http://" + address + "/alice/copy.txt\r\n\r\n", "MOVE": "Destination: http://" + address + "/alice/moved.txt\r\n\r\n",
		} {
			status, body := ask(method, path, more)
			for _, secret := range []string{"belongs to bert", nobodys, length("belongs to bert"), length(nobodys)} {
				if strings.Contains(body, secret) {
					t.Errorf("%s %s: told %d %s", method, path, status, body)
				}
			}
		}
		for _, method := range []string{"COPY", "MOVE"} {
			if status, _ := ask("PUT", "/alice/from.txt", "Content-Length: 6\r\n\r\nchange"); status/100 != 2 {
				t.Fatalf("PUT: told %d", status)
			}
			for _, destination := range []string{"http://" + address + path, path} {
				ask(method, "/alice/from.txt", "Overwrite: T\r\nDestination: "+destination+"\r\n\r\n")
			}
			// The name that programs of the nineties had for it.
			ask(method, "/alice/from.txt", "Overwrite: T\r\nNew-Uri: "+path+"\r\n\r\n")
		}
		if after := outside(t, s); !maps.Equal(before, after) {
			t.Fatalf("%s: outside there was\n%v\nand is\n%v", path, before, after)
		}
	}
	for _, name := range []string{"copy.txt", "moved.txt"} {
		text, err := os.ReadFile(folders(s) + "/alice/" + name)
		if err == nil && (string(text) == "belongs to bert" || string(text) == nobodys) {
			t.Errorf("%s came in from outside", name)
		}
	}
	// And the way in is open all the same, for copies too.
	for _, method := range []string{"COPY", "MOVE"} {
		if status, body := ask(method, "/alice/of-alice.txt", "Destination: http://"+address+"/alice/"+method+"\r\n\r\n"); status != http.StatusCreated {
			t.Errorf("%s in one's own: told %d %s", method, status, body)
		}
	}
	if status, body := ask("MOVE", "/alice/MOVE", "Destination: http://"+address+"/alice/of-alice.txt\r\n\r\n"); status != http.StatusCreated {
		t.Errorf("back to where it was: told %d %s", status, body)
	}
}

// escapes are addresses outside of alice's folder, or look like them.
func escapes() []string {
	out := []string{"/bert/of-bert.txt", "/bert/new.txt", "//bert/of-bert.txt", "/bert/", "/", "/new.txt", "/./bert/new.txt", "/Bert/../bert/of-bert.txt"}
	for _, up := range []string{"..", "%2e%2e", ".%2e", "..;", "%252e%252e", "%c0%ae%c0%ae"} {
		for _, slash := range []string{"/", "//", "%2f"} {
			for _, start := range []string{"/alice/", "//alice/x/../"} {
				out = append(out, start+up+slash+"bert"+slash+"of-bert.txt", start+up+slash+"bert"+slash+"new.txt", start+up+slash+up+slash+"secret.txt")
			}
		}
	}
	return out
}

// raw sends alice's request as it is: a client would tidy up the address.
func raw(t *testing.T, s *servertest.Site, address, method, path, more string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(run.Patience)); err != nil {
		t.Fatal(err)
	}
	var auth http.Request
	auth.Header = http.Header{}
	auth.SetBasicAuth("alice", s.Person("alice").App)
	request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAuthorization: %s\r\n%s", method, path, address, auth.Header.Get("Authorization"), more)
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	defer func() { _ = res.Body.Close() }()
	var body strings.Builder
	if _, err := bufio.NewReader(res.Body).WriteTo(&body); err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	return res.StatusCode, body.String()
}

// outside is every file and its text, but for alice's.
func outside(t *testing.T, s *servertest.Site) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(s.Dir+"/srv", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == folders(s)+"/alice":
			return filepath.SkipDir
		case d.IsDir():
			found[path] = "folder"
			return nil
		}
		text, err := os.ReadFile(path)
		found[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// uploadsAreData: what looks like a script, or like Apache's own settings, comes
// back as it was uploaded, on an Apache that runs scripts elsewhere.
func uploadsAreData(t *testing.T, s *servertest.Site) {
	needModule(t, "libphp8.2", "libapache2-mod-php8.2")
	address := start(t, s, "scripts", `LoadModule php_module /usr/lib/apache2/modules/libphp8.2.so
LoadModule negotiation_module /usr/lib/apache2/modules/mod_negotiation.so
LoadModule include_module /usr/lib/apache2/modules/mod_include.so
<FilesMatch "\.php$">
	SetHandler application/x-httpd-php
</FilesMatch>
AddHandler type-map var
AddOutputFilter INCLUDES .shtml
DirectoryIndex index.php
`)
	dav := davtest.Server{URL: "http://" + address}
	alice := login(s, "alice")
	if status, err := dav.Status(alice, "PUT", "/alice/.htaccess", "--data-binary", "Require all granted\n"); err == nil && status == "201" {
		if got, err := dav.Status(login(s, "bert"), "GET", "/alice/of-alice.txt"); err != nil || got != "401" {
			t.Errorf("bert at alice's: told %s, %v", got, err)
		}
	}
	for name, text := range map[string]string{
		"x.php":     "<?php echo 'ran'.' it';",
		"index.php": "<?php echo 'ran'.' it';",
		"x.shtml":   `<!--#echo var="SERVER_SOFTWARE" -->`,
		"x.var":     "URI: ../bert/of-bert.txt\nContent-Type: text/plain\n\n",
	} {
		if status, err := dav.Status(alice, "PUT", "/alice/"+name, "--data-binary", text); err != nil || status != "201" {
			t.Fatalf("PUT %s: told %s, %v", name, status, err)
		}
		if status, got := raw(t, s, address, "GET", "/alice/"+url.PathEscape(name), "\r\n"); status != http.StatusOK || got != text {
			t.Errorf("%s came back as %d %q", name, status, got)
		}
	}
	if status, got := raw(t, s, address, "GET", "/alice/", "\r\n"); status == http.StatusOK || strings.Contains(got, "ran it") {
		t.Errorf("the folder ran its index: %d %q", status, got)
	}
}
