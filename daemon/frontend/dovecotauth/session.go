package dovecotauth

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/plugins/factor"
)

// session is one connection.
type session struct {
	*handler
	conn *stream.Conn
	out  outbox
	// introduced tells what the client has said of itself.
	version, introduced bool

	mu   sync.Mutex
	open map[uint32]*exchange
	// slots are taken by requests that are being judged.
	slots  chan struct{}
	judged sync.WaitGroup
}

func newSession(h *handler, c *stream.Conn) *session {
	return &session{handler: h, conn: c, out: outbox{conn: c}, open: map[uint32]*exchange{}, slots: make(chan struct{}, maxChecks)}
}

// serve reads until the client leaves, which is no error, or breaks the
// protocol. What is being judged then is finished first.
func (s *session) serve(ctx context.Context) error {
	defer s.judged.Wait()
	r := bufio.NewReaderSize(s.conn, maxLine)
	s.conn.ReadWithin(handshakeTimeout)
	for {
		if s.introduced && r.Buffered() == 0 {
			s.conn.ReadWithin(idleTimeout)
		}
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		if err != nil {
			return nil
		}
		err = s.take(ctx, line[:len(line)-1])
		clear(line) // it may hold a password
		if err != nil {
			return err
		}
	}
}

// take does what one line says. Lines that are not known are for servers that
// know more, and are passed over.
func (s *session) take(ctx context.Context, line []byte) error {
	if bytes.IndexByte(line, 0) >= 0 {
		return errors.New("a line holds a NUL")
	}
	command, rest, _ := bytes.Cut(line, []byte{'\t'})
	switch string(command) {
	case "VERSION":
		major, _, _ := bytes.Cut(rest, []byte{'\t'})
		if s.version || string(major) != "1" {
			return fmt.Errorf("VERSION %q", rest)
		}
		s.version = true
	case "CPID":
		if !s.version || s.introduced {
			return errors.New("CPID out of turn")
		}
		s.introduced = true
	case "AUTH", "CONT", "CANCEL":
		if !s.introduced {
			return fmt.Errorf("%s before the handshake", command)
		}
		id, params, err := cutID(rest)
		if err != nil {
			return err
		}
		switch string(command) {
		case "AUTH":
			return s.auth(ctx, id, params)
		case "CONT":
			s.cont(ctx, id, params)
		case "CANCEL":
			s.cancel(id)
		}
	}
	return nil
}

// cutID takes the number of a request off what follows the command.
func cutID(rest []byte) (uint32, []byte, error) {
	text, params, _ := bytes.Cut(rest, []byte{'\t'})
	id, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || id == 0 {
		return 0, nil, fmt.Errorf("a request has the number %.20q", text)
	}
	return uint32(id), params, nil
}

// auth begins a request.
func (s *session) auth(ctx context.Context, id uint32, params []byte) error {
	x, initial, err := parseAuth(id, params)
	if err != nil {
		return err
	}
	s.mu.Lock()
	_, twice := s.open[id]
	full := len(s.open) >= maxOpen
	if !twice && !full {
		s.open[id] = x
	}
	s.mu.Unlock()
	switch {
	case twice:
		return fmt.Errorf("request %d is begun twice", id)
	case full:
		s.out.send(failed(id, "", tempFail))
		return nil
	}
	f := s.front()
	service, ok := f.Services.Of(x.word)
	if !ok {
		f.Log.Warn("refused", "front_end", frontEnd, "reason", account.NotAllowed, "error", "this service may not be asked on this socket")
		s.refuse(x, account.NotAllowed)
		return nil
	}
	x.attempt.Service, x.attempt.Peer = service, s.conn.Peer()
	if !x.known() {
		s.refuse(x, account.Malformed)
		return nil
	}
	if initial == nil {
		s.out.send(more(id, x.prompt()))
		return nil
	}
	s.step(ctx, x, initial)
	return nil
}

// cont takes the next piece of a request. One that is not open was refused
// while this was on its way.
func (s *session) cont(ctx context.Context, id uint32, piece []byte) {
	s.mu.Lock()
	x := s.open[id]
	waits := x != nil && !x.judging
	s.mu.Unlock()
	if waits {
		s.step(ctx, x, piece)
	}
}

// step gives a piece to the mechanism and does what it wants next. What the
// remote user got wrong harms this request only.
func (s *session) step(ctx context.Context, x *exchange, piece []byte) {
	done, err := x.next(piece)
	switch {
	case errors.Is(err, errBase64):
		s.end(x, failed(x.id, s.front().reason(account.Malformed), badBase64))
	case err != nil:
		s.refuse(x, account.Malformed)
	case !done:
		s.out.send(more(x.id, x.prompt()))
	default:
		s.mu.Lock()
		x.judging = true
		s.mu.Unlock()
		s.judged.Go(func() { s.inTurn(ctx, x) })
	}
}

// inTurn judges a request when there is room. The time that it waits is counted,
// and the reader does not wait with it: a client that sends a thousand at once
// has an answer to each as soon as to one.
func (s *session) inTurn(ctx context.Context, x *exchange) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
		s.judge(ctx, x)
	case <-ctx.Done():
		s.outage(x)
	}
}

func (s *session) judge(ctx context.Context, x *exchange) {
	f, leave := s.now()
	defer leave()
	if f.Strict {
		x.attempt.Spelled = x.attempt.Name
	}
	ans := f.Checker.Check(ctx, x.attempt)
	switch {
	case ans.Verdict == factor.Accept && ans.Usable():
		s.end(x, accepted(x.id, ans.Subject.Name))
	case ans.Verdict == factor.Deny:
		s.refuse(x, ans.Reason)
	default:
		s.outage(x)
	}
}

func (s *session) refuse(x *exchange, r account.Reason) {
	s.end(x, failed(x.id, s.front().reason(r), ""))
}

// outage says that nobody could tell. Postfix, Exim and Radicale read every
// FAIL as a wrong password and only understand a connection that is closed. That
// ends other requests, too, so where there are any, or where the client is a
// Dovecot and understands it, the answer is a word.
func (s *session) outage(x *exchange) {
	s.mu.Lock()
	alone := len(s.open) == 1 && s.open[x.id] == x // it may have been cancelled
	if alone && !x.dovecot {
		s.out.close() // the reader hears of it and ends
	}
	s.mu.Unlock()
	if alone && !x.dovecot {
		s.out.flush()
		return
	}
	s.end(x, failed(x.id, s.front().reason(account.StoreUnavailable), tempFail))
}

// end answers a request, unless the client has cancelled it. As soon as it is no
// longer open its answer is on the way: whoever closes after that closes behind
// it.
func (s *session) end(x *exchange, answer []byte) {
	s.mu.Lock()
	if s.open[x.id] == x {
		delete(s.open, x.id)
		s.out.put(answer)
	}
	s.mu.Unlock()
	s.out.flush()
}

func (s *session) cancel(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// outbox sends answers, those that come together in one write.
type outbox struct {
	conn *stream.Conn

	mu      sync.Mutex
	pending []byte
	spare   []byte
	writing bool
	closing bool // when all is sent
	closed  bool
}

func (o *outbox) send(line []byte) {
	o.put(line)
	o.flush()
}

// put and close wait for nobody; what they ask for is done by flush.
func (o *outbox) put(line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.pending = append(o.pending, line...)
	}
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
}

// flush sends what is there, unless somebody is at it already.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing || o.closed {
		return
	}
	o.writing = true
	for len(o.pending) > 0 && !o.closed {
		batch := o.pending
		o.pending = o.spare[:0]
		o.mu.Unlock()
		o.conn.WriteWithin(writeTimeout)
		_, err := o.conn.Write(batch)
		o.mu.Lock()
		o.spare = batch
		// A client that does not read its answers gets no more of them.
		o.closed = err != nil
	}
	o.writing = false
	if o.closed = o.closed || o.closing; o.closed {
		o.pending = nil
		_ = o.conn.Close()
	}
}
