package nginx

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/davtest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

func TestFiles(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, servertest.Options{Peers: []string{"www-data"}})
	files(t, s)
	pairs := moved(t, s)
	dav := davtest.Server{URL: front{Recipe: "files.conf", Moved: pairs}.start(t, s)}
	t.Run("no client is believed", func(t *testing.T) { filesBelieveNoClient(t, s, dav) })
	t.Run("nothing leaves the folder", func(t *testing.T) { nothingLeavesTheFolder(t, s, pairs[1]) })
	t.Run("uploads do not hang", func(t *testing.T) { uploadsDoNotHang(t, s, dav.URL) })
	t.Run("connections to the check are kept", func(t *testing.T) { connectionsAreKept(t, s) })
	t.Run("many headers", func(t *testing.T) { manyHeaders(t, s) })
	servertest.Prove(t, s, servertest.Proof{
		Server: "nginx files", Mechanism: "nginx auth_request", Client: "cadaver",
		Sync: func(l servertest.Login) error { return dav.Cadaver(t, l, "/") },
		Ask:  func(l servertest.Login) (string, error) { return dav.Status(l, "PROPFIND", "/") },
		Foreign: func(l servertest.Login, owner string) (string, error) {
			return dav.Status(l, "PROPFIND", "/of-"+owner+".txt")
		},
		OK: "207", Refused: "401", Outage: "503", Address: "127.0.0.1", Canonical: true,
		Note: "no locks",
	})
	dav.Revoked(t, s, "bert", "/")
	t.Run("outages are later", func(t *testing.T) { outagesAreLater(t, s, dav.URL) })
}

func filesBelieveNoClient(t *testing.T, s *servertest.Site, dav davtest.Server) {
	dav.Forge(t, s, davtest.Places{Own: "/of-alice.txt", Foreign: "/of-bert.txt"})
	miller := s.Person("müller")
	if err := dav.Cadaver(t, servertest.Login{Name: miller.Name, Password: miller.App}, "/"); err != nil {
		t.Errorf("müller did not get through: %v", err)
	}
	// Carla has no folder: to her there is nothing here, and nothing comes to be.
	carla := servertest.Login{Name: "carla", Password: s.Person("carla").App}
	for method, want := range map[string]string{"PROPFIND": "404", "GET": "404", "PUT": "500", "MKCOL": "409"} {
		if got, err := dav.Status(carla, method, "/new"); err != nil || got != want {
			t.Errorf("%s without a folder: told %s, %v, want %s", method, got, err, want)
		}
	}
}

// nothingLeavesTheFolder asks for every spelling of "the folder above" in the
// address and in the destination, and then looks whether anything outside of
// alice's folder has changed, or came out.
func nothingLeavesTheFolder(t *testing.T, s *servertest.Site, address string) {
	alice := s.Person("alice")
	before := outside(t, s)
	if len(before) < 4 {
		t.Fatalf("not much to protect: %v", before)
	}
	ask := func(method, path, more string) (status int, body string) {
		t.Helper()
		return raw(t, address, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAuthorization: Basic %s\r\n%s",
			method, path, address, base64.StdEncoding.EncodeToString([]byte(alice.Name+":"+alice.App)), more))
	}
	length := func(text string) string { return fmt.Sprintf("getcontentlength>%d<", len(text)) }
	escapes := []string{"/bert/of-bert.txt", "//bert/of-bert.txt", "/bert/", "/-/../bert/of-bert.txt", folders(s) + "/bert/of-bert.txt"}
	for _, up := range []string{"..", "%2e%2e", ".%2e", "..%00", "..;", "%252e%252e", "%c0%ae%c0%ae", "%uff0e%uff0e"} {
		for _, slash := range []string{"/", "//", "%2f", "%5c", "%252f", "/./"} {
			for _, start := range []string{"/", "//", "/a/..", "/in/", "/in/../", "/-/"} {
				escapes = append(escapes, start+up+slash+"bert"+slash+"of-bert.txt", start+up+slash+up+slash+"secret.txt")
			}
		}
	}
	for _, path := range escapes {
		for method, more := range map[string]string{
			"GET": "\r\n", "PROPFIND": "Depth: 1\r\n\r\n", "DELETE": "\r\n", "MKCOL": "\r\n",
			"PUT":  "Content-Length: 6\r\n\r\nchange",
			"COPY": "Destination: http://" + address + "/in/copy.txt\r\n\r\n", "MOVE": "Destination: http://" + address + "/in/moved.txt\r\n\r\n",
		} {
			status, body := ask(method, path, more)
			for _, secret := range []string{bertsText, nobodysText, length(bertsText), length(nobodysText)} {
				if strings.Contains(body, secret) {
					t.Errorf("%s %s: told %d %s", method, path, status, body)
				}
			}
		}
		for _, method := range []string{"COPY", "MOVE"} {
			if status, _ := ask("PUT", "/from.txt", "Content-Length: 6\r\n\r\nchange"); status/100 != 2 {
				t.Fatalf("PUT: told %d", status)
			}
			for _, destination := range []string{"http://" + address + path, path} {
				ask(method, "/from.txt", "Overwrite: T\r\nDestination: "+destination+"\r\n\r\n")
			}
		}
		if after := outside(t, s); !maps.Equal(before, after) {
			t.Fatalf("%s: outside there was\n%v\nand is\n%v", path, before, after)
		}
	}
	for _, name := range []string{"copy.txt", "moved.txt"} {
		text, err := os.ReadFile(folders(s) + "/alice/in/" + name)
		if err == nil && (string(text) == bertsText || string(text) == nobodysText) {
			t.Errorf("%s came in from outside", name)
		}
	}
	// And the way in is open all the same.
	if status, body := ask("GET", "/of-alice.txt", "\r\n"); status != http.StatusOK || body != "belongs to alice" {
		t.Errorf("one's own: told %d %s", status, body)
	}
}

// raw sends a request as it is: a client would tidy up the address.
func raw(t *testing.T, address, request string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(run.Patience)); err != nil {
		t.Fatal(err)
	}
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

const bertsText, nobodysText = "belongs to bert", "nobody's"

// files makes the folders of the recipe.
func files(t *testing.T, s *servertest.Site) {
	t.Helper()
	run.Write(t, s.Dir+"/srv/secret.txt", nobodysText, 0o644)
	run.Own(t, folders(s)+"/.upload", "www-data")
	for _, name := range []string{"alice", "bert", "müller"} {
		run.Own(t, folders(s)+"/"+name, "www-data")
		run.Write(t, folders(s)+"/"+name+"/of-"+name+".txt", "belongs to "+name, 0o644)
	}
	run.Own(t, folders(s)+"/alice/in", "www-data")
	// Whatever stops an escape, it is not the rights of the files.
	for _, dir := range []string{s.Dir + "/srv", folders(s)} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

// moved says where everything of the recipe is put.
func moved(t *testing.T, s *servertest.Site) []string {
	t.Helper()
	return []string{"127.0.0.1:8010", loopback(t), "/srv/files", folders(s)}
}

func folders(s *servertest.Site) string { return s.Dir + "/srv/files" }

// outside is every file and its text, but for alice's and for nginx's own.
func outside(t *testing.T, s *servertest.Site) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(s.Dir+"/srv", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == folders(s)+"/alice" || path == folders(s)+"/.upload" {
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
