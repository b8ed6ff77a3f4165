package httpcheck_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/listen"
)

// A program that may not ask here is told so, whatever it asks, and nothing of it
// reaches the checker.
func TestAProgramThatMayNotAskIsTold(t *testing.T) {
	f := &fake{answer: alice()}
	h, err := httpcheck.New(httpcheck.Config{Checker: f, Health: f, Text: said(t), Services: []string{"dav"}})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := listen.Unix(listen.Config{Path: path, Allow: []string{"1000000000"}, Tell: true})
	if err != nil {
		t.Fatal(err)
	}
	srv := httpcheck.Server(h, slog.New(slog.DiscardHandler))
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close(); os.RemoveAll(dir) })
	for _, request := range []string{
		"GET /v1/auth HTTP/1.1\nHost: x\nX-Sallyport-Service: dav\n" + basic("alice:x") + "\n",
		"POST /v1/check HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 51\n\n" + `{"service":"dav","username":"alice","password":"x"}`,
		"GET /v1/health/live HTTP/1.1\nHost: x\n\n", "GET /v1/health/ready HTTP/1.1\nHost: x\n\n", "GET /nowhere HTTP/1.1\nHost: x\n\n",
	} {
		resp, body := say(t, path, request)
		if resp.StatusCode != 403 || !resp.Close || !strings.Contains(body, `"reason":"not_allowed"`) || !strings.Contains(body, "this program may not ask on this socket") ||
			resp.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%.30q: %d %v %s", request, resp.StatusCode, resp.Header, body)
		}
	}
	if len(f.asked) > 0 {
		t.Errorf("the checker was asked %v", f.asked)
	}
}
