package reloads

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// client is one program that asks again and again. It keeps its connection where
// the protocol does.
type client struct {
	// socket is a path, or for the page "host:port".
	front, socket string
	keeps, tls    bool
	conn          net.Conn
	in            *bufio.Reader
	number        int
	// reconnects are kept connections that had ended before anything was sent.
	reconnects int
}

// errEnded says that the connection had ended before a byte of the request was
// sent, which a client that keeps connections has to expect.
var errEnded = errors.New("the connection had ended")

// ask tells whether the login is good. Any error means that a request was lost.
func (c *client) ask(name, password string) (bool, error) {
	for {
		fresh := c.conn == nil
		if fresh {
			if err := c.dial(); err != nil {
				return false, err
			}
		}
		ok, err := c.once(name, password)
		if err != nil || !c.keeps {
			_ = c.conn.Close()
			c.conn = nil
		}
		if !errors.Is(err, errEnded) || fresh {
			return ok, err
		}
		c.reconnects++
	}
}

func (c *client) dial() (err error) {
	network := "unix"
	if !filepath.IsAbs(c.socket) {
		network = "tcp"
	}
	if c.conn, err = net.Dial(network, c.socket); err != nil {
		return fmt.Errorf("%s: connecting: %w", c.front, err)
	}
	if c.tls {
		c.conn = tls.Client(c.conn, &tls.Config{ServerName: "login.example.org", InsecureSkipVerify: true}) //nolint:gosec // it is made by the test
	}
	c.in, c.number = bufio.NewReader(c.conn), 0
	_ = c.conn.SetDeadline(time.Now().Add(run.Patience))
	if c.front != "dovecot" {
		return nil
	}
	for line := ""; line != "DONE\n"; {
		if line, err = c.in.ReadString('\n'); err != nil {
			return fmt.Errorf("dovecot: the greeting: %w", err)
		}
	}
	if _, err := io.WriteString(c.conn, "VERSION\t1\t1\nCPID\t1\n"); err != nil {
		return fmt.Errorf("dovecot: the handshake: %w", err)
	}
	return nil
}

// send writes a request whole, or finds that nothing of it can be sent.
func (c *client) send(request string) error {
	_ = c.conn.SetDeadline(time.Now().Add(run.Patience))
	n, err := io.WriteString(c.conn, request)
	if n == 0 && errors.Is(err, syscall.EPIPE) {
		return errEnded
	}
	return err
}

func (c *client) once(name, password string) (bool, error) {
	switch c.front {
	case "http":
		return c.overHTTP(name, password)
	case "saslauthd":
		return c.overSaslauthd(name, password)
	case "page":
		return c.overPage()
	default:
		return c.overDovecot(name, password)
	}
}

func (c *client) overHTTP(name, password string) (bool, error) {
	basic := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
	err := c.send("GET /v1/auth HTTP/1.1\r\nHost: sallyport\r\nAuthorization: Basic " + basic + "\r\nX-Sallyport-Service: dav\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n")
	if err != nil {
		return false, fmt.Errorf("http: asking: %w", err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return false, fmt.Errorf("http: no answer: %w", err)
	}
	_, err = io.Copy(io.Discard, res.Body)
	if res.Close {
		_ = c.conn.Close()
		c.conn = nil
	}
	if res.StatusCode != http.StatusNoContent && res.StatusCode != http.StatusUnauthorized {
		return false, fmt.Errorf("http: status %d, %s", res.StatusCode, res.Header.Get("X-Sallyport-Reason"))
	}
	return res.StatusCode == http.StatusNoContent, err
}

// overPage opens the page of a browser that has not signed in.
func (c *client) overPage() (bool, error) {
	if err := c.send("GET / HTTP/1.1\r\nHost: login.example.org\r\n\r\n"); err != nil {
		return false, fmt.Errorf("page: asking: %w", err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return false, fmt.Errorf("page: no answer: %w", err)
	}
	text, err := io.ReadAll(res.Body)
	return res.StatusCode == http.StatusOK && strings.Contains(string(text), `action="/sign-in"`), err
}

func (c *client) overSaslauthd(name, password string) (bool, error) {
	var b []byte
	for _, f := range []string{name, password, "dav", ""} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(f))), f...)
	}
	if err := c.send(string(b)); err != nil {
		return false, fmt.Errorf("saslauthd: asking: %w", err)
	}
	reply, err := io.ReadAll(c.in)
	if err != nil || len(reply) < 4 {
		return false, fmt.Errorf("saslauthd: answered %q: %w", reply, err)
	}
	return string(reply[2:4]) == "OK", nil
}

func (c *client) overDovecot(name, password string) (bool, error) {
	c.number++
	resp := base64.StdEncoding.EncodeToString([]byte("\x00" + name + "\x00" + password))
	if err := c.send(fmt.Sprintf("AUTH\t%d\tPLAIN\tservice=dav\trip=192.0.2.7\tresp=%s\n", c.number, resp)); err != nil {
		return false, fmt.Errorf("dovecot: asking: %w", err)
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return false, fmt.Errorf("dovecot: answered %q: %w", line, err)
	}
	switch {
	case strings.HasPrefix(line, fmt.Sprintf("OK\t%d\t", c.number)):
		return true, nil
	case strings.HasPrefix(line, fmt.Sprintf("FAIL\t%d", c.number)) && !strings.Contains(line, "temp"):
		return false, nil
	}
	return false, fmt.Errorf("dovecot: answered %q", line)
}

// load are clients at work.
type load struct {
	t     *testing.T
	stop  atomic.Bool
	all   sync.WaitGroup
	asked map[string]*atomic.Int64
	// outage says that plugins are being killed: then nobody can tell is an answer,
	// and no is still none.
	outage     atomic.Bool
	reconnects atomic.Int64
}

// fronts has a client of each kind.
func fronts(s *servertest.Site) []client {
	return []client{
		{front: "http", socket: s.HTTP, keeps: true}, {front: "http", socket: s.HTTP},
		{front: "saslauthd", socket: s.Saslauthd},
		{front: "dovecot", socket: s.Dovecot, keeps: true}, {front: "dovecot", socket: s.Dovecot},
	}
}

// begin starts so many clients, who all have a right app password, on every front
// end, and on the page where somebody says how that is reached.
func begin(t *testing.T, s *servertest.Site, clients int, pages ...client) *load {
	l := &load{t: t, asked: map[string]*atomic.Int64{"http": {}, "saslauthd": {}, "dovecot": {}}}
	if len(pages) > 0 {
		l.asked["page"] = &atomic.Int64{}
	}
	kinds, who := append(fronts(s), pages...), []*servertest.Person{s.Person("alice"), s.Person("bert"), s.Person("carla")}
	for n := range clients {
		c, p := kinds[n%len(kinds)], who[n%len(who)]
		l.all.Go(func() { l.work(&c, p) })
	}
	return l
}

func (l *load) work(c *client, p *servertest.Person) {
	failed := 0
	for !l.stop.Load() && failed < 3 {
		outage := l.outage.Load()
		ok, err := c.ask(p.Name, p.App)
		l.asked[c.front].Add(1)
		if err != nil && (outage || l.outage.Load()) {
			continue
		}
		if err != nil || !ok {
			failed++
			l.t.Errorf("at %s %s (kept: %t) was told %t, %v", time.Now().Format("05.000"), c.front, c.keeps, ok, err)
		}
	}
	l.reconnects.Add(int64(c.reconnects))
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

// more waits until each front end has answered so many more.
func (l *load) more(n int64) {
	l.t.Helper()
	for front, asked := range l.asked {
		want := asked.Load() + n
		if err := run.Within(run.Patience, func() error {
			if got := asked.Load(); got < want {
				return fmt.Errorf("%s has answered %d, want %d", front, got, want)
			}
			return nil
		}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// total is how many requests were answered.
func (l *load) total() (n int64) {
	for _, asked := range l.asked {
		n += asked.Load()
	}
	return n
}

// end stops the clients, and tells what they have asked.
func (l *load) end() {
	l.t.Helper()
	l.stop.Store(true)
	l.all.Wait()
	l.t.Logf("asked: %d; kept connections that ended between requests: %d", l.total(), l.reconnects.Load())
}
