package wires

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
)

const patience = 30 * time.Second

// question is a login as somebody could try it, from an address of its own. The
// code is typed behind the password, or where there is a field for it.
type question struct{ name, secret, code, service, address string }

// field is what is typed where there is one field for both.
func (q question) field() string { return q.secret + q.code }

// blurred tells whether something stands behind the password that has not the
// form of a code. Who has one field takes it for a part of the password, who has
// two for a wrong code: the verdict is the same, the reason is not.
func (q question) blurred() bool {
	return q.code != "" && !regexp.MustCompile(`^[0-9]{6}$`).MatchString(q.code)
}

// told is what a wire made of it: "accept", "deny" or "unavailable", and the
// reason where the wire has one that peers can read.
type told struct{ verdict, reason string }

// wires are the protocols of one daemon.
type wires struct {
	site *servertest.Site
	web  *http.Client
	all  []wire
}

type wire struct {
	name string
	ask  func(question) (told, error)
}

// newWires has a client of the check socket that keeps its connections.
func newWires(s *servertest.Site) *wires {
	w := &wires{site: s, web: &http.Client{Timeout: patience, Transport: &http.Transport{
		MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.HTTP)
		}}}}
	w.all = []wire{{"check", w.overCheck}, {"auth", w.overAuth}, {"saslauthd", w.overSaslauthd}, {"dovecot", w.overDovecot}}
	return w
}

func (w *wires) overCheck(q question) (told, error) {
	body := map[string]any{"service": q.service, "username": q.name, "password": q.field(), "client": map[string]string{"ip": q.address}}
	if q.service == "ssh" {
		// Here the code has a field of its own. Where no way needs one there is
		// none: what stands behind the password is a part of it.
		body["password"], body["code"] = q.secret, q.code
	}
	text, err := json.Marshal(body)
	if err != nil {
		return told{}, err
	}
	res, err := w.web.Post("http://sallyport/v1/check", "application/json", bytes.NewReader(text))
	if err != nil {
		return told{}, err
	}
	defer func() { _ = res.Body.Close() }()
	var reply struct{ Verdict, Reason string }
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil {
		return told{}, err
	}
	return outward(told{reply.Verdict, reply.Reason}), nil
}

func (w *wires) overAuth(q question) (told, error) {
	r, err := http.NewRequest(http.MethodGet, "http://sallyport/v1/auth", nil)
	if err != nil {
		return told{}, err
	}
	r.SetBasicAuth(q.name, q.field())
	r.Header.Set("X-Sallyport-Service", q.service)
	r.Header.Set("X-Forwarded-For", q.address)
	res, err := w.web.Do(r)
	if err != nil {
		return told{}, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	switch reason := res.Header.Get("X-Sallyport-Reason"); res.StatusCode {
	case http.StatusNoContent:
		return told{"accept", "ok"}, nil
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return told{"deny", reason}, nil
	case http.StatusBadRequest, http.StatusForbidden:
		return told{"deny", ""}, nil
	default:
		return told{"unavailable", ""}, nil
	}
}

func (w *wires) overSaslauthd(q question) (told, error) {
	c, err := net.Dial("unix", w.site.Saslauthd)
	if err != nil {
		return told{}, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	var b []byte
	for _, f := range []string{q.name, q.field(), q.service, "", q.address + ";4711"} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(f))), f...)
	}
	if _, err := c.Write(b); err != nil {
		return told{}, err
	}
	reply, err := io.ReadAll(c)
	if err != nil {
		return told{}, err
	}
	switch {
	case len(reply) == 0:
		return told{"unavailable", ""}, nil
	case string(reply[2:]) == "OK":
		return told{"accept", "ok"}, nil
	default:
		return told{"deny", strings.TrimPrefix(string(reply[2:]), "NO ")}, nil
	}
}

func (w *wires) overDovecot(q question) (told, error) {
	c, err := net.Dial("unix", w.site.Dovecot)
	if err != nil {
		return told{}, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c, "VERSION\t1\t1\nCPID\t1\nAUTH\t1\tPLAIN\tservice=%s\trip=%s\tresp=%s\n", q.service, q.address,
		base64.StdEncoding.EncodeToString([]byte("\x00"+q.name+"\x00"+q.field()))); err != nil {
		return told{}, err
	}
	var said strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		said.Write(buf[:n])
		_, reply, _ := strings.Cut(said.String(), "\nDONE\n")
		switch {
		case strings.HasPrefix(reply, "OK\t1\t") && strings.HasSuffix(reply, "\n"):
			return told{"accept", ""}, nil
		case strings.HasPrefix(reply, "FAIL\t1") && strings.HasSuffix(reply, "\n"):
			return told{"deny", ""}, nil
		case err == io.EOF:
			return told{"unavailable", ""}, nil
		case err != nil:
			return told{}, err
		}
	}
}

// outward is what every wire tells of the reasons that a stranger must not tell
// apart.
func outward(t told) told {
	switch t.reason {
	case "unknown_user", "account_disabled", "account_locked_by_directory":
		t.reason = "bad_credentials"
	}
	return t
}
