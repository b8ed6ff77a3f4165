package lighttpd

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// everybodysOwn: who may do what where.
func everybodysOwn(t *testing.T, s *servertest.Site, dav *server) {
	var refused sync.WaitGroup // lighttpd takes a second for each
	defer refused.Wait()
	for _, c := range []struct{ who, method, path, want string }{
		{"alice", "GET", "/alice/of-alice.txt", "200"},
		{"alice", "PUT", "/alice/new.txt", "201"},
		{"alice", "MKCOL", "/alice/in/", "201"},
		{"alice", "PROPFIND", "/alice/", "207"},
		{"alice", "LOCK", "/alice/new.txt", "200"},
		{"bert", "GET", "/bert/of-bert.txt", "200"},
		{"bert", "GET", "/alice/of-alice.txt", "401"},
		{"bert", "PUT", "/alice/of-alice.txt", "401"},
		{"bert", "PROPFIND", "/alice", "401"},
		{"bert", "DELETE", "/alice", "401"},
		{"alice", "GET", "/alice2/of-alice2.txt", "401"},
		{"alice", "GET", "/alice%20and%20bert/of-alice%20and%20bert.txt", "401"},
		{"alice", "GET", "/.common/of-.common.txt", "200"},
		{"alice", "PROPFIND", "/.common/", "207"},
		{"alice", "PUT", "/.common/new.txt", "403"},
		{"alice", "DELETE", "/.common/of-.common.txt", "403"},
		{"alice", "PROPFIND", "/", "401"},
		{"alice", "GET", "/top.txt", "401"},
		{"alice", "MKCOL", "/carla/", "401"},
		{"carla", "MKCOL", "/carla/", "401"},                        // she has no folder
		{"müller", "GET", "/m%C3%BCller/of-m%C3%BCller.txt", "401"}, // the rules are for ASCII
	} {
		l := servertest.Login{Name: c.who, Password: s.Person(c.who).App}
		more := []string{"--header", "Content-Type: text/plain"}
		if c.method == "PUT" {
			more = append(more, "--data-binary", "new")
		}
		if c.method == "LOCK" {
			more = append(more, "--data-binary", `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`)
		}
		try := func() {
			if got, err := dav.Status(l, c.method, c.path, more...); err != nil || got != c.want {
				t.Errorf("%s: %s %s: told %s, %v, want %s", c.who, c.method, c.path, got, err, c.want)
			}
		}
		if c.want == "401" {
			refused.Go(try)
		} else {
			try()
		}
	}
}

// nothingLeavesTheFolder asks for other spellings of "the folder above" in the
// address and in the destination, and then looks whether anything outside of
// alice's folder has changed, or came out.
func nothingLeavesTheFolder(t *testing.T, s *servertest.Site, dav *server) {
	for _, dir := range []string{s.Dir + "/srv", folders(s)} { // whatever stops an escape, it is not the rights
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	before := outside(t, s)
	login := base64.StdEncoding.EncodeToString([]byte("alice:" + s.Person("alice").App))
	ask := func(method, path, more string) (int, string) {
		t.Helper()
		return raw(t, dav.address, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAuthorization: Basic %s\r\n%s", method, path, dav.address, login, more))
	}
	put := func(path string) {
		if status, _ := ask("PUT", path, "Content-Length: 6\r\n\r\nchange"); status/100 != 2 {
			t.Errorf("PUT %s: told %d", path, status)
		}
	}
	length := func(text string) string { return fmt.Sprintf("getcontentlength>%d<", len(text)) }
	targets := []string{"/bert/of-bert.txt", "//bert/of-bert.txt", "/bert", "/alice2/of-alice2.txt", "/top.txt", "/new.txt", "/.common/of-.common.txt"}
	for _, up := range []string{"..", "%2e%2e", ".%2E", "%252e%252e"} {
		for _, slash := range []string{"/", "%2f", "%5c", "%252f"} {
			targets = append(targets, "/alice"+slash+up+slash+"bert"+slash+"of-bert.txt", "/alice/"+up+slash+up+slash+"secret.txt")
		}
	}
	into := func(path, from string) {
		for _, method := range []string{"COPY", "MOVE"} {
			for _, destination := range []string{"http://" + dav.address + path, path} {
				put(from)
				ask(method, from, "Overwrite: T\r\nDestination: "+destination+"\r\n\r\n")
				ask(method, "/alice", "Overwrite: T\r\nDestination: "+destination+"\r\n\r\n")
				ask(method, "/alice/", "Overwrite: T\r\nDestination: "+destination+"/\r\n\r\n")
			}
		}
	}
	for some := range slices.Chunk(targets, 6) {
		var asked sync.WaitGroup // lighttpd takes a second for each refusal
		for _, path := range some {
			for method, more := range map[string]string{
				"GET": "\r\n", "PROPFIND": "Depth: 1\r\n\r\n", "DELETE": "\r\n", "MKCOL": "\r\n", "PUT": "Content-Length: 6\r\n\r\nchange",
				"COPY": "Destination: http://" + dav.address + "/alice/copy.txt\r\n\r\n", "MOVE": "Destination: http://" + dav.address + "/alice/moved.txt\r\n\r\n",
			} {
				if method == "GET" && path == "/.common/of-.common.txt" || method == "PROPFIND" && strings.HasPrefix(path, "/.common/") {
					continue // that is what it is there for
				}
				asked.Go(func() {
					status, body := ask(method, path, more)
					for _, secret := range []string{"belongs to", "nobody's", length("belongs to bert"), length("belongs to nobody"), length("nobody's")} {
						if strings.Contains(body, secret) {
							t.Errorf("%s %s: told %d %s", method, path, status, body)
						}
					}
				})
			}
		}
		asked.Wait()
		for n, path := range some { // what is moved must not be deleted meanwhile
			asked.Go(func() { into(path, fmt.Sprintf("/alice/from%d.txt", n)) })
		}
		asked.Wait()
		if after := outside(t, s); !maps.Equal(before, after) {
			t.Fatalf("%q: outside there was\n%v\nand is\n%v", some, before, after)
		}
	}
	// And the way in is open all the same, and shows what was looked for.
	put("/alice/from.txt")
	if status, body := ask("PROPFIND", "/alice/of-alice.txt", "Depth: 1\r\n\r\n"); status != http.StatusMultiStatus || !strings.Contains(body, length("belongs to alice")) {
		t.Errorf("one's own: told %d %s", status, body)
	}
	if status, body := ask("MOVE", "/alice/from.txt", "Destination: http://"+dav.address+"/alice/to%20here.txt\r\n\r\n"); status != http.StatusCreated && status != http.StatusNoContent {
		t.Errorf("one's own: told %d %s", status, body)
	}
}

// raw sends a request as it is: a client would tidy up the address.
func raw(t *testing.T, address, request string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(run.Patience))
	if _, err := io.WriteString(c, request); err != nil {
		t.Error(err)
		return 0, ""
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("%s: %v", request, err)
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("%s: %v", request, err)
	}
	return res.StatusCode, string(body)
}

// outside is every file and its text, but for alice's.
func outside(t *testing.T, s *servertest.Site) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(s.Dir+"/srv", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == folders(s)+"/alice" {
			return filepath.SkipDir
		}
		found[path] = "folder"
		if !d.IsDir() {
			text, err := os.ReadFile(path)
			found[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
