package davtest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
)

// Revoked shows that a connection which was let in a moment ago is refused when
// the person's app password is revoked, although it is the same connection. Where
// the server closes each connection, see Closes, it is the same client, at least.
func (s Server) Revoked(t *testing.T, site *servertest.Site, name, path string) {
	t.Helper()
	client := s.Keep(t, servertest.Login{Name: name, Password: site.Person(name).App})
	client.Expect(t, path, http.StatusMultiStatus, false)
	client.Expect(t, path, http.StatusMultiStatus, !s.Closes)
	site.Revoke(name)
	client.Expect(t, path, http.StatusUnauthorized, !s.Closes)
}

// Kept is a client that keeps its one connection open for as long as the server
// lets it.
type Kept struct {
	server Server
	login  servertest.Login
	client http.Client
}

// Keep makes a client, which connects with its first request. It is gone with
// the test.
func (s Server) Keep(t testing.TB, l servertest.Login) *Kept {
	t.Helper()
	k := &Kept{server: s, login: l, client: http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}}
	t.Cleanup(k.client.CloseIdleConnections)
	return k
}

// Expect makes one request, PROPFIND, and wants that status; and that it went
// over the connection of before, or over a new one.
func (k *Kept) Expect(t testing.TB, path string, status int, reused bool) {
	t.Helper()
	got, again, err := k.Ask(t, path)
	if err != nil || got != status || again != reused {
		t.Errorf("told %d, %v, want %d; over the connection of before: %t, want %t", got, err, status, again, reused)
	}
}

// Ask makes one request, PROPFIND, and tells whether it went over the connection
// of before. An error means that there was no answer.
func (k *Kept) Ask(t testing.TB, path string) (status int, reused bool, err error) {
	t.Helper()
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "PROPFIND", k.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Depth", "0")
	req.SetBasicAuth(k.login.Name, k.login.Password)
	res, err := k.client.Do(req)
	if err != nil {
		return 0, reused, fmt.Errorf("asking: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, reused, err
}
