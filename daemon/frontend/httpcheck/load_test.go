package httpcheck_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/daemon/listen/http1"
)

// TestServerHasEveryDeadline holds the promise that a slow client is cut in
// 10 s; TestSlowWritersAreCut plays it at a tenth of a second.
func TestServerHasEveryDeadline(t *testing.T) {
	l := httpcheck.Limits(http.NotFoundHandler(), nil)
	if l.ReadTimeout <= 0 || l.ReadTimeout > 10*time.Second || l.WriteTimeout <= 0 || l.IdleTimeout <= 0 || l.MaxHeader != 64<<10 {
		t.Errorf("%+v", l)
	}
}

func TestSlowWritersAreCut(t *testing.T) {
	f := &fake{answer: alice()}
	h, err := httpcheck.New(httpcheck.Config{Checker: f, Health: f, Text: said(t), Services: []string{"dav"}})
	if err != nil {
		t.Fatal(err)
	}
	limits := httpcheck.Limits(h, nil)
	limits.ReadTimeout = 100 * time.Millisecond
	srv := http1.New(limits)
	path := filepath.Join(t.TempDir(), "s")
	os.Chmod(filepath.Dir(path), 0o755)
	l, err := listen.Unix(listen.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	defer srv.Close()
	for name, start := range map[string]string{
		"silent":     "",
		"in headers": "GET /v1/auth HTTP/1.1\r\nHost: x\r\n",
		"in body":    "POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, start)
			stop := make(chan struct{})
			go func() { // a byte now and then does not keep the door open
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-tick.C:
						io.WriteString(c, "x")
					case <-stop:
						return
					}
				}
			}()
			defer close(stop)
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
				t.Error("still open after 5 s")
			}
		})
	}
	if len(f.asked) != 0 {
		t.Errorf("the checker was asked: %v", f.asked)
	}
}

func TestEndlessRequestsCostNothing(t *testing.T) {
	f := &fake{answer: alice()}
	path := serve(t, f, nil)
	for _, size := range []int{httpcheck.MaxBody + 1, 1 << 20, 64 << 20} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		body := io.MultiReader(strings.NewReader(`{"username":"`), io.LimitReader(endless{}, int64(size)))
		resp, err := client(path).Post("http://sallyport/v1/check", "application/json", body)
		// A client that only writes may see the closed door before the answer.
		if err == nil {
			if resp.StatusCode != 400 {
				t.Errorf("%d bytes: %d", size, resp.StatusCode)
			}
			resp.Body.Close()
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%d bytes of body cost %d bytes of memory", size, grown)
		}
	}
	resp, _ := say(t, path, "GET /v1/auth HTTP/1.1\nHost: x\nX-Long: "+strings.Repeat("x", 100<<10)+"\n\n")
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("100 KiB of header: %d", resp.StatusCode)
	}
	resp, _ = say(t, path, "GET /v1/auth HTTP/1.1\nHost: x\nX-Sallyport-Service: dav\n"+basic("alice:x")+"X-Long: "+strings.Repeat("x", 60<<10)+"\n\n")
	if resp.StatusCode != 204 || len(f.asked) != 1 {
		t.Errorf("60 KiB of header: %d, asked %d times", resp.StatusCode, len(f.asked))
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// BenchmarkStalled tells the memory of many connections that started a request
// and stalled, and how long a good one takes beside them. Both ends are in
// this process, so the client's share is in the figure, too.
func BenchmarkStalled(b *testing.B) {
	const stalled = 4000
	f := &fake{answer: alice()}
	path := serve(b, f, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range stalled {
		c, err := net.Dial("unix", path)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /v1/auth HTTP/1.1\r\n")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	cl := client(path)
	for b.Loop() {
		authOnce(b, cl)
	}
	b.ReportMetric(float64(after.Sys-before.Sys)/stalled, "B/conn")
}

func authOnce(b *testing.B, cl *http.Client) {
	req, _ := http.NewRequest("GET", "http://sallyport/v1/auth", nil)
	req.SetBasicAuth("alice", "secret")
	req.Header.Set("X-Sallyport-Service", "dav")
	req.Header.Set("X-Forwarded-For", "192.0.2.1")
	resp, err := cl.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 204 {
		b.Fatal(resp.StatusCode)
	}
}

// quick is a checker that remembers nothing.
type quick struct{ answer account.Answer }

func (q quick) Check(context.Context, account.Attempt) account.Answer { return q.answer }
func (quick) Ready(context.Context) error                             { return nil }

// BenchmarkAuth compares the front end, with a checker that does no work, to a
// handler that does none either: all that differs is this package.
func BenchmarkAuth(b *testing.B) {
	front, err := httpcheck.New(httpcheck.Config{Checker: quick{alice()}, Health: quick{}, Text: said(b), Services: []string{"dav"}})
	if err != nil {
		b.Fatal(err)
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for name, h := range map[string]http.Handler{"front": front, "bare": bare} {
		b.Run(name+"/socket", func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "s")
			os.Chmod(filepath.Dir(path), 0o755)
			l, err := listen.Unix(listen.Config{Path: path})
			if err != nil {
				b.Fatal(err)
			}
			srv := httpcheck.Server(h, nil)
			go srv.Serve(l)
			defer srv.Close()
			cl := client(path)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					authOnce(b, cl)
				}
			})
		})
	}
	b.Run("front/handler", func(b *testing.B) {
		req := httptest.NewRequest("GET", "/v1/auth", nil)
		req.SetBasicAuth("alice", "secret")
		req.Header.Set("X-Sallyport-Service", "dav")
		b.ReportAllocs()
		for b.Loop() {
			rec := httptest.NewRecorder()
			front.ServeHTTP(rec, req)
			if rec.Code != 204 {
				b.Fatal(strconv.Itoa(rec.Code))
			}
		}
	})
}
