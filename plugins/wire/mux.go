package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
)

// How long one caller may be stuck in writing to the stream before the stream
// is given up: as long as its own deadline, within these bounds. The lower one
// keeps a caller that was late already from breaking the stream for others.
const (
	minStall = 50 * time.Millisecond
	maxStall = 250 * time.Millisecond
)

// frame is more than id and time limit add to the size of a request.
const frame = 32

var (
	errStream = errors.New("the stream broke")
	errStall  = errors.New("the plugin does not read")

	errTooLarge = errors.New("the request is over its limit")
)

type verifyStream = grpc.BidiStreamingClient[pb.VerifyRequest, pb.VerifyReply]

// answer is what a waiting call receives: a reply, or why there is none.
type answer struct {
	reply *pb.VerifyReply
	err   error
}

// mux lets many calls share one stream. A broken stream fails the calls on it,
// and the next call opens another.
type mux struct {
	client  pb.FactorClient
	now     func() time.Time
	replies atomic.Uint64
	// turn is a lock that can be waited for with a deadline: who has put a
	// token in it may open the stream, take the next id and write.
	turn chan struct{}
	cur  *lane
}

// lane is one life of the stream, with the calls that wait on it.
type lane struct {
	stream verifyStream
	cancel context.CancelCauseFunc
	last   uint64 // the last id used; guarded by mux.turn

	mu      sync.Mutex
	broken  error // set once; guarded by mu
	waiting map[uint64]chan answer
}

func newMux(c pb.FactorClient, now func() time.Time) *mux {
	return &mux{client: c, now: now, turn: make(chan struct{}, 1)}
}

// call writes one request and waits for its reply or for its deadline.
func (m *mux) call(ctx context.Context, req *pb.VerifyRequest) (*pb.VerifyReply, error) {
	// The transport would refuse it as well, and end the stream for all.
	if proto.Size(req) > MaxRequest-frame {
		return nil, errTooLarge
	}
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l, done, err := m.send(ctx, req)
	<-m.turn
	if err != nil {
		return nil, err
	}
	select {
	case a := <-done:
		return a.reply, a.err
	case <-ctx.Done():
		// The id is forgotten: a reply that still comes is for nobody.
		l.forget(req.Id)
		return nil, ctx.Err()
	}
}

// send holds the turn. It returns the lane that carries the request, and where
// the answer to it will be put.
func (m *mux) send(ctx context.Context, req *pb.VerifyRequest) (*lane, <-chan answer, error) {
	left, err := m.left(ctx)
	if err != nil {
		return nil, nil, err
	}
	l, err := m.lane(stallLimit(left))
	if err != nil {
		return nil, nil, fmt.Errorf("opening the stream: %w", err)
	}
	l.last++
	req.Id = l.last
	req.TimeoutMs = uint32(max(1, min(left.Milliseconds(), time.Hour.Milliseconds())))
	done := make(chan answer, 1)
	if err := l.expect(req.Id, done); err != nil {
		return nil, nil, err
	}
	guard := time.AfterFunc(stallLimit(left), func() { l.cancel(errStall) })
	err = l.stream.Send(req)
	guard.Stop()
	if err != nil {
		// The reader will notice, too, but the next call may come before that.
		l.fail(errStream)
		return nil, nil, fmt.Errorf("writing the request: %w", err)
	}
	return l, done, nil
}

// left is the time that the call still has; without a deadline, an hour.
func (m *mux) left(ctx context.Context) (time.Duration, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Hour, ctx.Err()
	}
	left := deadline.Sub(m.now())
	if left <= 0 {
		return 0, context.DeadlineExceeded
	}
	return left, ctx.Err()
}

func stallLimit(left time.Duration) time.Duration {
	return max(minStall, min(left, maxStall))
}

// lane returns the stream in use, or opens another one if that is broken.
func (m *mux) lane(limit time.Duration) (*lane, error) {
	if m.cur != nil && m.cur.ok() {
		return m.cur, nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	guard := time.AfterFunc(limit, func() { cancel(errStall) })
	stream, err := m.client.Verify(ctx)
	if err != nil || !guard.Stop() {
		cancel(err)
		if err == nil {
			err = errStall
		}
		return nil, err
	}
	l := &lane{stream: stream, cancel: cancel, waiting: make(map[uint64]chan answer)}
	m.cur = l
	go l.read(&m.replies)
	return l, nil
}

// read hands each reply to the call that waits for it, until the stream ends.
func (l *lane) read(replies *atomic.Uint64) {
	for {
		reply, err := l.stream.Recv()
		if err != nil {
			l.fail(fmt.Errorf("%w: %s", errStream, plain.Line(err.Error())))
			return
		}
		replies.Add(1)
		l.mu.Lock()
		done := l.waiting[reply.GetId()]
		delete(l.waiting, reply.GetId())
		l.mu.Unlock()
		if done != nil {
			done <- answer{reply: reply} // room for the one answer it gets
		}
	}
}

// fail ends the lane and every call that waits on it.
func (l *lane) fail(err error) {
	l.cancel(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
	for id, done := range l.waiting {
		delete(l.waiting, id)
		done <- answer{err: err}
	}
}

func (l *lane) ok() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken == nil
}

func (l *lane) expect(id uint64, done chan answer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	l.waiting[id] = done
	return nil
}

func (l *lane) forget(id uint64) {
	l.mu.Lock()
	delete(l.waiting, id)
	l.mu.Unlock()
}
