package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

const (
	dialTimeout = 5 * time.Second
	// callTimeout outlives the longest answer, a check of the whole audit.
	callTimeout = 5 * time.Minute
	maxAnswer   = 16 << 20
)

// failure ends the program with a status and, for people, a sentence and a
// hint what to do.
type failure struct {
	code     int
	sentence string
	hint     string
}

func (f *failure) Error() string { return f.sentence }

// userPath is the address of a person. PathEscape leaves "." and ".." alone,
// which the server would tidy away.
func userPath(name, rest string) string {
	escaped := url.PathEscape(name)
	if escaped == "." || escaped == ".." {
		escaped = strings.ReplaceAll(escaped, ".", "%2E")
	}
	return "/v1/users/" + escaped + rest
}

// get asks, and fills into from the answer.
func (t *tool) get(ctx context.Context, path string, into any) error {
	return t.call(ctx, question{method: http.MethodGet, path: path}, into)
}

// post sends a body, and fills into from the answer.
func (t *tool) post(ctx context.Context, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing the request: %w", err)
	}
	return t.call(ctx, question{method: http.MethodPost, path: path, body: b}, into)
}

type question struct {
	method, path string
	body         []byte
}

// call talks to the daemon. With --json it prints the answer as it came,
// whatever it says.
func (t *tool) call(ctx context.Context, q question, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := t.send(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unreachable(t.socketPath(), err)
	}
	return t.digest(resp.StatusCode, answer, into)
}

// open asks for an answer that is read as it comes, for as long as it comes.
func (t *tool) open(ctx context.Context, path string) (io.ReadCloser, error) {
	resp, err := t.send(ctx, question{method: http.MethodGet, path: path})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, unreachable(t.socketPath(), err)
	}
	return nil, t.digest(resp.StatusCode, answer, nil)
}

// patient is a connection whose time begins anew with all that comes.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (t *tool) send(ctx context.Context, q question) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, "http://"+admin.HostName+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, fmt.Errorf("writing the request: %w", err)
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	socket := t.socketPath()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, err
		}
		return patient{c}, nil
	}}
	resp, err := (&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}).Do(req)
	if err != nil {
		return nil, unreachable(socket, err)
	}
	return resp, nil
}

func (t *tool) digest(status int, answer []byte, into any) error {
	if t.json {
		fmt.Fprintln(t.out, strings.TrimRight(string(answer), "\n"))
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(answer, into); err != nil {
			return &failure{code: exitTemporary, sentence: "the daemon's answer cannot be read",
				hint: "Is " + t.socketPath() + " really the admin socket, and of the same version?"}
		}
		return nil
	}
	f := &failure{code: exitCode(status)}
	var p api.Problem
	if err := json.Unmarshal(answer, &p); err != nil || p.Error == "" {
		p.Error = fmt.Sprintf("the daemon answered with HTTP status %d", status)
	}
	if !t.json {
		f.sentence, f.hint = p.Error, p.Hint
	}
	return f
}

func exitCode(status int) int {
	switch {
	case status == http.StatusBadRequest:
		return exitUsage
	case status == http.StatusTooManyRequests || status >= 500:
		return exitTemporary
	default:
		return exitRefused
	}
}

// unreachable says why nobody answers, and what to do.
func unreachable(socket string, err error) error {
	f := &failure{code: exitTemporary}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.sentence = "there is no admin socket at " + socket
		f.hint = "Is the daemon running? Try: systemctl status sallyport. For the demo, call from its folder or give --socket."
	case errors.Is(err, syscall.ECONNREFUSED):
		f.sentence = "nobody answers at " + socket
		f.hint = "The daemon has ended and left the file behind. Try: systemctl status sallyport."
	case errors.Is(err, fs.ErrPermission):
		f.sentence = "you may not open " + socket
		f.hint = "Try with sudo, or ask to be put into the group that owns it: ls -l " + socket
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		f.sentence = "the daemon closed the connection without an answer"
		f.hint = "Most likely you are not on the list of who may ask at " + socket + ". Try with sudo."
	case errors.Is(err, context.DeadlineExceeded):
		f.sentence = "the daemon did not answer in time"
		f.hint = "Try again in a moment; then see the daemon's log."
	default:
		f.sentence = "asking the daemon at " + socket + ": " + err.Error()
	}
	return f
}
