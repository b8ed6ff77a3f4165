package bench

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// login is what a program sends: a name and a secret.
type login struct{ name, secret string }

// logins are app passwords of people who are awake, in the order of the load.
func (w *world) logins(n int) []login {
	out := make([]login, n)
	for i := range out {
		who := rand.IntN(min(awake, len(w.people)))
		out[i] = login{w.people[who].name, w.people[who].secrets[who%len(w.people[who].secrets)]}
	}
	return out
}

// directoryLogins are the same people with the directory's password, for peers
// that know nothing else.
func (w *world) directoryLogins(n int) []login {
	out := w.logins(n)
	for i := range out {
		out[i].secret = out[i].name + "-password"
	}
	return out
}

// BenchmarkSaslauthd is a check of an app password over the saslauthd socket, a
// connection a check as libsasl does it, beside a server that only answers, and
// beside the real saslauthd with the same directory, with and without its
// cache of credentials.
func BenchmarkSaslauthd(b *testing.B) {
	w := newWorld(b, size{people: 1_000, appPasswords: 1})
	echo := answerOnly(b)
	plain, cached := w.saslauthd(b, false), w.saslauthd(b, true)
	loadSASL(b, w.path("mux"), w.logins(5_000)) // facts and rows get warm
	loadSASL(b, cached, w.directoryLogins(5_000))
	for b.Loop() {
		var ours, ofBare, ofPlain, ofCached median
		for range rounds {
			bare := loadSASL(b, echo, w.logins(perRound))
			r := loadSASL(b, w.path("mux"), w.logins(perRound))
			uncached := loadSASL(b, plain, w.directoryLogins(perRound/4))
			fromCache := loadSASL(b, cached, w.directoryLogins(perRound))
			ours, ofBare = append(ours, r.perSecond()), append(ofBare, r.perSecond()/bare.perSecond())
			ofPlain = append(ofPlain, r.perSecond()/uncached.perSecond())
			ofCached = append(ofCached, r.perSecond()/fromCache.perSecond())
		}
		b.ReportMetric(ours.value(), "checks/s")
		b.ReportMetric(ofBare.value(), "of-an-answer-only")
		b.ReportMetric(ofPlain.value(), "of-saslauthd-ldap")
		b.ReportMetric(ofCached.value(), "of-saslauthd-cached")
	}
}

// BenchmarkDovecot is a check of an app password over the Dovecot socket, kept
// and pipelined, beside Dovecot's own auth with passwords in clear in a file.
func BenchmarkDovecot(b *testing.B) {
	w := newWorld(b, size{people: 1_000, appPasswords: 1})
	peer := w.dovecot(b)
	loadDovecot(b, w.path("auth-client"), w.logins(5_000)) // facts and rows get warm
	for b.Loop() {
		var ours, passwdFile, ratio median
		for range rounds {
			r, other := loadDovecot(b, w.path("auth-client"), w.logins(perRound)), loadDovecot(b, peer, w.directoryLogins(perRound))
			ours, passwdFile = append(ours, r.perSecond()), append(passwdFile, other.perSecond())
			ratio = append(ratio, r.perSecond()/other.perSecond())
		}
		b.ReportMetric(ours.value(), "checks/s")
		b.ReportMetric(passwdFile.value(), "passwd-file/s")
		b.ReportMetric(ratio.value(), "of-dovecot-passwd-file")
	}
}

// BenchmarkWebServer is the same over /v1/auth with kept connections, beside a
// handler that does nothing.
func BenchmarkWebServer(b *testing.B) {
	w, idle := newWorld(b, size{people: 1_000, appPasswords: 1}), noWork(b)
	load(b, w.socket(), inFlight, 204, w.authRequests(5_000))
	for b.Loop() {
		var ours, ratio median
		for range rounds {
			peer := load(b, idle, inFlight, 204, w.authRequests(perRound))
			r := load(b, w.socket(), inFlight, 204, w.authRequests(perRound))
			ours, ratio = append(ours, r.perSecond()), append(ratio, r.perSecond()/peer.perSecond())
		}
		b.ReportMetric(ours.value(), "checks/s")
		b.ReportMetric(ratio.value(), "of-no-work")
	}
}

// loadSASL asks with a connection for each login, so many at a time, and fails
// at any answer but OK.
func loadSASL(b *testing.B, socket string, logins []login) result {
	b.Helper()
	var next atomic.Int64
	took := make([]time.Duration, len(logins))
	var g errgroup.Group
	start := time.Now()
	for range inFlight {
		g.Go(func() error {
			var request, reply []byte
			for i := int(next.Add(1)) - 1; i < len(logins); i = int(next.Add(1)) - 1 {
				sent := time.Now()
				request = request[:0]
				for _, f := range []string{logins[i].name, logins[i].secret, "dav", ""} {
					request = append(binary.BigEndian.AppendUint16(request, uint16(len(f))), f...)
				}
				var err error
				if reply, err = askSASL(socket, request, reply); err != nil {
					return err
				}
				if len(reply) < 4 || string(reply[2:4]) != "OK" {
					return fmt.Errorf("login %d: answered %q", i, reply)
				}
				took[i] = time.Since(sent)
			}
			return nil
		})
	}
	must(b, g.Wait())
	return summary(took, time.Since(start))
}

func askSASL(socket string, request, reply []byte) ([]byte, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return reply, err
	}
	defer c.Close() //nolint // the answer is there
	if _, err := c.Write(request); err != nil {
		return reply, err
	}
	reply = append(reply[:0], 0, 0, 0, 0)
	_, err = io.ReadFull(c, reply) // the length and the first word
	return reply, err
}

// loadDovecot asks over few connections with many requests in flight on each.
func loadDovecot(b *testing.B, socket string, logins []login) result {
	b.Helper()
	const conns = 4
	var g errgroup.Group
	took := make([]time.Duration, len(logins))
	start := time.Now()
	for n := range conns {
		g.Go(func() error {
			c, err := net.Dial("unix", socket)
			if err != nil {
				return err
			}
			defer c.Close() //nolint // only read from here on
			p := pipeline{r: bufio.NewReaderSize(c, 64<<10), w: bufio.NewWriterSize(c, 64<<10), took: took, logins: logins, next: n, step: conns}
			return p.run(inFlight / conns)
		})
	}
	must(b, g.Wait())
	return summary(took, time.Since(start))
}

// pipeline is one connection to a Dovecot socket; it has every step-th login.
type pipeline struct {
	r          *bufio.Reader
	w          *bufio.Writer
	took       []time.Duration
	logins     []login
	next, step int
}

func (p *pipeline) run(inFlight int) error {
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("reading the greeting: %w", err)
		}
		if line == "DONE\n" {
			break
		}
	}
	if _, err := p.w.WriteString("VERSION\t1\t1\nCPID\t1\n"); err != nil {
		return err
	}
	open := 0
	for open < inFlight && p.ask() {
		open++
	}
	for open > 0 {
		if p.r.Buffered() == 0 {
			if err := p.w.Flush(); err != nil {
				return err
			}
		}
		line, err := p.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		var id int
		if n, err := fmt.Sscanf(line, "OK\t%d\t", &id); n != 1 || err != nil {
			if strings.Contains(line, "\t") && !strings.HasPrefix(line, "OK\t") && !strings.HasPrefix(line, "FAIL\t") {
				continue // a further line of the greeting
			}
			return fmt.Errorf("answered %q", line)
		}
		p.took[id-1] = time.Duration(time.Now().UnixNano()) - p.took[id-1]
		if !p.ask() {
			open--
		}
	}
	return nil
}

// ask sends the next login; false if there is none.
func (p *pipeline) ask() bool {
	i := p.next
	if i >= len(p.logins) {
		return false
	}
	p.next += p.step
	resp := base64.StdEncoding.EncodeToString([]byte("\x00" + p.logins[i].name + "\x00" + p.logins[i].secret))
	p.took[i] = time.Duration(time.Now().UnixNano())
	_, err := fmt.Fprintf(p.w, "AUTH\t%d\tPLAIN\tservice=imap\tsecured\trip=192.0.2.7\tresp=%s\n", i+1, resp)
	return err == nil
}

func summary(took []time.Duration, all time.Duration) result {
	slices.Sort(took)
	return result{requests: len(took), took: all, p50: took[len(took)/2], p99: took[len(took)*99/100]}
}

// answer answers one saslauthd request without any work.
func answer(c net.Conn) {
	defer c.Close() //nolint // the answer is sent
	buf := make([]byte, 8192)
	if _, err := c.Read(buf); err == nil {
		_, _ = io.WriteString(c, "\x00\x02OK")
	}
}
