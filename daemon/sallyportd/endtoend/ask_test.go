package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// client asks over a Unix socket, a new connection for each question.
type client struct{ socket string }

type request struct {
	method, path string
	headers      []string // "Name: value"
	body         string
}

type answer struct {
	status int
	header http.Header
	body   string
}

// String is the answer as curl -i would show it, headers in order.
func (a answer) String() string {
	var lines []string
	for name, values := range a.header {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d %s\n%s\n\n%s", a.status, http.StatusText(a.status), strings.Join(lines, "\n"), a.body)
}

func overUnix(socket string) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
}

func (c client) ask(q request) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, q.method, "http://sallyport"+q.path, strings.NewReader(q.body))
	if err != nil {
		return answer{}, err
	}
	for _, h := range q.headers {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	resp, err := overUnix(c.socket).RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// login is what a program knows of somebody; source is the client's address.
type login struct{ name, password, code, service, source string }

// verdict asks POST /v1/check.
func (c client) verdict(l login) (answer, error) {
	fields := map[string]any{"service": l.service, "username": l.name, "password": l.password}
	if l.code != "" {
		fields["code"] = l.code
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return answer{}, err
	}
	return c.ask(request{method: "POST", path: "/v1/check", headers: []string{"Content-Type: application/json"}, body: string(body)})
}

// auth asks GET /v1/auth with Basic credentials, as a web server would.
func (c client) auth(l login, latin1 bool) (answer, error) {
	r := &http.Request{Header: http.Header{}}
	raw := []byte(l.name + ":" + l.password)
	if latin1 {
		var b bytes.Buffer
		for _, ch := range l.name + ":" + l.password {
			b.WriteByte(byte(ch))
		}
		raw = b.Bytes()
	}
	if l.source == "" {
		l.source = "192.0.2.7"
	}
	name, password, _ := bytes.Cut(raw, []byte(":"))
	r.SetBasicAuth(string(name), string(password))
	return c.ask(request{method: "GET", path: "/v1/auth",
		headers: []string{"Authorization: " + r.Header.Get("Authorization"), "X-Sallyport-Service: " + l.service, "X-Forwarded-For: " + l.source}})
}

// status is what a part of the daemon says of itself.
type status struct {
	Plugins []struct {
		Kind     string
		Up       bool
		PID      int
		Restarts int
	}
}

func (c client) status() (status, error) {
	var s status
	a, err := c.ask(request{method: "GET", path: "/v1/status"})
	if err == nil {
		err = json.Unmarshal([]byte(a.body), &s)
	}
	return s, err
}

func expectStatus(a answer, want int) error {
	if a.status != want {
		return fmt.Errorf("answered %d, want %d:\n%s", a.status, want, a)
	}
	return nil
}
