package nginx

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// connectionsAreKept: 200 uploads, each over a connection of its own, are asked
// about over very few. A check that announced the body would be answered and then
// cut.
func connectionsAreKept(t *testing.T, s *servertest.Site) {
	relay := listenIn(t, s.HTTP)
	f := front{Recipe: "files.conf", Check: relay.path, Moved: moved(t, s)}
	url, alice := f.start(t, s), s.Person("alice")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	const requests = 200
	for range requests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/upload.txt", strings.NewReader("two doors"))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(alice.Name, alice.App)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode/100 != 2 {
			t.Fatalf("told %d", res.StatusCode)
		}
	}
	if n := relay.accepted.Load(); n < 1 || n > 4 {
		t.Errorf("%d connections for %d requests", n, requests)
	}
}

// relay hands connections through and counts them.
type relay struct {
	path     string
	accepted atomic.Int32
}

func listenIn(t *testing.T, target string) *relay {
	t.Helper()
	r := &relay{path: target + ".relay"}
	l, err := net.Listen("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Chmod(r.path, 0o666); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			go func() {
				defer func() { _ = in.Close() }()
				out, err := net.Dial("unix", target)
				if err != nil {
					return
				}
				defer func() { _ = out.Close() }()
				go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return r
}

// manyHeaders: a request with 60 KiB of headers is nginx's to refuse; where nginx
// is told to take it, the check is not bothered with it, although with twice as
// much it would be too much for the daemon.
func manyHeaders(t *testing.T, s *servertest.Site) {
	for _, c := range []struct {
		name, http string
		kib, want  int
	}{
		{"as it comes", "", 60, http.StatusBadRequest},
		{"with large buffers", "large_client_header_buffers 16 8k;", 60, http.StatusOK},
		{"with very large buffers", "large_client_header_buffers 32 8k;", 120, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, alice := front{Recipe: "files.conf", HTTP: c.http, Moved: moved(t, s)}.start(t, s), s.Person("alice")
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth(alice.Name, alice.App)
			for i := range c.kib / 4 {
				req.Header.Set(fmt.Sprintf("X-Long-%d", i), strings.Repeat("x", 4<<10))
			}
			before := s.Metric(t, "sallyport_checks_total")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != c.want {
				t.Errorf("told %d, want %d", res.StatusCode, c.want)
			}
			if asked := s.Metric(t, "sallyport_checks_total") > before; asked && c.want != http.StatusOK {
				t.Error("the check was asked")
			}
		})
	}
}

// uploadsDoNotHang: the check is asked about an upload without its body, of known
// length or not, let in or refused.
func uploadsDoNotHang(t *testing.T, s *servertest.Site, url string) {
	alice := s.Person("alice")
	body := bytes.Repeat([]byte("two doors "), 400_000)
	client := http.Client{Timeout: 4 * time.Second}
	for _, c := range []struct {
		name, password string
		length         int64
		want           int
	}{
		{"known length", alice.App, int64(len(body)), http.StatusCreated},
		{"unknown length", alice.App, -1, http.StatusCreated},
		{"refused", alice.Password, int64(len(body)), http.StatusUnauthorized},
		{"refused, unknown length", alice.Password, -1, http.StatusUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := "/" + strings.ReplaceAll(c.name, " ", "-")
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+name, io.NopCloser(bytes.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = c.length
			req.Header.Set("Expect", "100-continue")
			req.SetBasicAuth(alice.Name, c.password)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != c.want {
				t.Errorf("told %d, want %d", res.StatusCode, c.want)
			}
			got, err := os.ReadFile(folders(s) + "/alice" + name)
			if c.want == http.StatusCreated && !bytes.Equal(got, body) {
				t.Errorf("%d of %d bytes arrived: %v", len(got), len(body), err)
			}
			if c.want != http.StatusCreated && err == nil {
				t.Error("a file was written")
			}
		})
	}
}

// outagesAreLater: whatever keeps the daemon from a yes or a no, the client is told
// to come back. Directory and daemon are away in the end.
func outagesAreLater(t *testing.T, s *servertest.Site, url string) {
	s.Directory().Kill()
	for _, outage := range []string{"no directory", "no daemon"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		// Nobody has asked this daemon for Carla yet, so she is in no memory.
		req.SetBasicAuth("carla", s.Person("carla").App)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "30" {
			t.Errorf("%s: told %d, %v", outage, res.StatusCode, res.Header)
		}
		s.Stop()
	}
}
