package rollout

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// atOnce is how many questions are under way at a time, over kept connections.
const atOnce = 256

// question is a login as a program sends it, answer what became of it.
type question struct {
	wire, service        string
	name, password, code string
	address, agent       string
}

// program is the agent without its version.
func (q question) program() string { name, _, _ := strings.Cut(q.agent, "/"); return name }

type answer struct {
	verdict, reason, leave string
	daysLeft               int
	enrollURL              string
}

func (a answer) String() string { return a.verdict + " " + a.reason + " " + a.leave }

func overUnix(socket string) *http.Client {
	return &http.Client{
		Timeout:       run.Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: atOnce, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}
}

// ask asks over one wire, and enters the answer in the ledger.
func (st *story) ask(q question) (answer, error) {
	wires := map[string]func(question) (answer, error){
		"check": st.overCheck, "auth": st.overAuth, "saslauthd": st.overSaslauthd, "dovecot": st.overDovecot,
	}
	for try := 1; ; try++ {
		a, err := wires[q.wire](q)
		if err != nil {
			return a, fmt.Errorf("asking for %s over %s: %w", q.name, q.wire, err)
		}
		st.ledger.answered(q, a)
		// "Try again later" is what a program does, on a machine that is busy.
		if a.verdict != "unavailable" || try == 5 {
			return a, nil
		}
	}
}

// overCheck asks as a web application does.
func (st *story) overCheck(q question) (answer, error) {
	fields := map[string]any{"service": q.service, "username": q.name, "password": q.password,
		"client": map[string]string{"ip": q.address, "agent": q.agent}}
	if q.code != "" {
		fields["code"] = q.code
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return answer{}, err
	}
	got, err := st.check.Post("http://sallyport/v1/check", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = got.Body.Close() }()
	var said struct {
		Verdict, Reason, Leave string
		DaysLeft               int    `json:"days_left"`
		EnrollURL              string `json:"enroll_url"`
	}
	if err := json.NewDecoder(got.Body).Decode(&said); err != nil {
		return answer{}, err
	}
	_, _ = io.Copy(io.Discard, got.Body)
	return answer{said.Verdict, said.Reason, said.Leave, said.DaysLeft, said.EnrollURL}, nil
}

// overAuth asks as a web server does in front of calendars.
func (st *story) overAuth(q question) (answer, error) {
	r, err := http.NewRequest(http.MethodGet, "http://sallyport/v1/auth", nil)
	if err != nil {
		return answer{}, err
	}
	r.SetBasicAuth(q.name, q.password)
	r.Header.Set("X-Sallyport-Service", q.service)
	r.Header.Set("X-Forwarded-For", q.address)
	r.Header.Set("User-Agent", q.agent)
	got, err := st.check.Do(r)
	if err != nil {
		return answer{}, err
	}
	_, _ = io.Copy(io.Discard, got.Body)
	_ = got.Body.Close()
	a := answer{verdict: "unavailable", reason: got.Header.Get("X-Sallyport-Reason")}
	switch left, err := strconv.Atoi(got.Header.Get("X-Sallyport-Days-Left")); got.StatusCode {
	case http.StatusNoContent:
		if a.verdict, a.reason = "accept", "ok"; err == nil {
			a.leave, a.daysLeft = "bridge", left // who is told of days has no app password yet
		}
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		a.verdict = "deny"
	}
	return a, nil
}

// overSaslauthd asks as Cyrus and Postfix do, on a connection a login.
func (st *story) overSaslauthd(q question) (answer, error) {
	c, err := net.Dial("unix", st.path("run/mux"))
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(run.Patience))
	var b []byte
	for _, field := range []string{q.name, q.password, q.service, ""} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(field))), field...)
	}
	if _, err := c.Write(b); err != nil {
		return answer{}, err
	}
	said, err := io.ReadAll(c)
	switch {
	case err != nil:
		return answer{}, err
	case len(said) < 4:
		return answer{verdict: "unavailable"}, nil
	case string(said[2:]) == "OK":
		return answer{verdict: "accept", reason: "ok"}, nil
	default:
		return answer{verdict: "deny", reason: strings.TrimPrefix(string(said[2:]), "NO ")}, nil
	}
}

// overDovecot asks as Radicale does.
func (st *story) overDovecot(q question) (answer, error) {
	c, err := net.Dial("unix", st.path("run/auth-client"))
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(run.Patience))
	if _, err := fmt.Fprintf(c, "VERSION\t1\t1\nCPID\t1\nAUTH\t1\tPLAIN\tservice=%s\trip=%s\tresp=%s\n", q.service, q.address,
		base64.StdEncoding.EncodeToString([]byte("\x00"+q.name+"\x00"+q.password))); err != nil {
		return answer{}, err
	}
	var said strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		said.Write(buf[:n])
		_, reply, _ := strings.Cut(said.String(), "\nDONE\n")
		switch {
		case strings.HasPrefix(reply, "OK\t1\t") && strings.HasSuffix(reply, "\n"):
			return answer{verdict: "accept", reason: "ok"}, nil
		case strings.HasPrefix(reply, "FAIL\t1") && strings.HasSuffix(reply, "\n"):
			return answer{verdict: "deny"}, nil
		case err == io.EOF:
			return answer{verdict: "unavailable"}, nil
		case err != nil:
			return answer{}, err
		}
	}
}
