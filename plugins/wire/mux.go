package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/sallyport/sallyport/plugins/wire/gather"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
	"github.com/sallyport/sallyport/plugins/wire/weight"
)

// How long writing to the stream may be stuck before the stream is given up: as
// long as the first of those who are in the message has, within these bounds.
// The lower one keeps a caller that was late already from breaking the stream
// for others.
const (
	minStall = 50 * time.Millisecond
	maxStall = 250 * time.Millisecond
)

var (
	errStream   = errors.New("the stream broke")
	errStall    = errors.New("the plugin does not read")
	errTooLarge = errors.New("the request is over its limit")
)

type verifyStream = grpc.BidiStreamingClient[pb.VerifyRequests, pb.VerifyReplies]

// answer is what a waiting call receives: a reply, or why there is none.
type answer struct {
	reply *pb.VerifyReply
	err   error
}

// question is a call on its way.
type question struct {
	ctx  context.Context
	end  time.Time // when it is over
	req  *pb.VerifyRequest
	size int         // in bytes, with its frame
	done chan answer // has room for the one answer it gets
	lane *lane       // that it waits on; guarded by mux.mu
}

// mux lets many calls share one stream. A broken stream fails the calls on it,
// and the next call opens another.
type mux struct {
	client  pb.FactorClient
	now     func() time.Time
	limit   time.Duration // of a call; a context of its own for each is most of what a call costs
	replies atomic.Uint64
	calls   atomic.Int64 // that have not returned
	out     *gather.Sender[*question]
	cur     *lane // used by send alone

	mu sync.Mutex // guards what is in the lanes
}

// lane is one life of the stream, with the calls that wait on it. It is broken
// when its context has ended, which says why.
type lane struct {
	stream  verifyStream
	ctx     context.Context
	cancel  context.CancelCauseFunc
	stall   *time.Timer // ends the lane when it is not stopped in time; used by send alone
	last    uint64      // the last id used
	waiting map[uint64]*question
}

func newMux(c pb.FactorClient, now func() time.Time, limit time.Duration) *mux {
	m := &mux{client: c, now: now, limit: limit}
	m.out = gather.New(MaxRequest, func(q *question) int { return q.size }, m.send)
	return m
}

// call has one request sent and waits for its reply, for its limit, or for its caller
// to give up.
func (m *mux) call(ctx context.Context, req *pb.VerifyRequest) (*pb.VerifyReply, error) {
	now := m.now()
	q := &question{ctx: ctx, end: now.Add(m.limit), req: req, size: weight.Request(req), done: make(chan answer, 1)}
	// The transport would refuse it as well, and end the stream for all.
	if q.size > MaxRequest {
		return nil, errTooLarge
	}
	if sooner, ok := ctx.Deadline(); ok && sooner.Before(q.end) {
		q.end = sooner
	}
	defer m.calls.Add(-1)
	m.out.Add(q, m.calls.Add(1) > 1)
	over := time.NewTimer(q.end.Sub(now))
	defer over.Stop()
	err := context.DeadlineExceeded
	select {
	case a := <-q.done:
		return a.reply, a.err
	case <-over.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	m.forget(q)
	return nil, err
}

// send writes one message with the questions that are not over yet.
func (m *mux) send(questions []*question) {
	now := m.now()
	first, _ := questions[0].left(now) //nolint // one that is over has no time left
	limit := max(minStall, min(first, maxStall))
	l, err := m.lane(limit)
	if err != nil {
		for _, q := range questions {
			q.done <- answer{err: fmt.Errorf("opening the stream: %w", err)}
		}
		return
	}
	message := m.expect(l, questions, now)
	if len(message.Requests) == 0 {
		return
	}
	l.stall.Reset(limit)
	err = l.stream.Send(message)
	l.stall.Stop()
	if err != nil {
		// The reader will notice, too, but the next call may come before that.
		m.fail(l, fmt.Errorf("%w: writing the request: %s", errStream, plain.Line(err.Error())))
	}
}

// left is the time that a call still has.
func (q *question) left(now time.Time) (time.Duration, error) {
	if left := q.end.Sub(now); left > 0 {
		return left, q.ctx.Err()
	}
	return 0, context.DeadlineExceeded
}

// lane returns the stream in use, or opens another one if that is broken.
func (m *mux) lane(limit time.Duration) (*lane, error) {
	if m.cur != nil && m.cur.ctx.Err() == nil {
		return m.cur, nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	stall := time.AfterFunc(limit, func() { cancel(errStall) })
	stream, err := m.client.Verify(ctx)
	if err == nil && !stall.Stop() {
		err = errStall
	}
	if err != nil {
		cancel(err)
		return nil, err
	}
	m.cur = &lane{stream: stream, ctx: ctx, cancel: cancel, stall: stall, waiting: make(map[uint64]*question)}
	go m.read(m.cur)
	return m.cur, nil
}

// read hands each reply to the call that waits for it, until the stream ends.
func (m *mux) read(l *lane) {
	for {
		message, err := l.stream.Recv()
		if err != nil {
			m.fail(l, fmt.Errorf("%w: %s", errStream, plain.Line(err.Error())))
			return
		}
		m.replies.Add(uint64(len(message.GetReplies())))
		m.mu.Lock()
		for _, reply := range message.GetReplies() {
			if q := l.waiting[reply.GetId()]; q != nil {
				delete(l.waiting, reply.GetId())
				q.done <- answer{reply: reply}
			}
		}
		m.mu.Unlock()
	}
}

// fail ends the lane and every call that waits on it.
func (m *mux) fail(l *lane, err error) {
	l.cancel(err)
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, q := range l.waiting {
		delete(l.waiting, id)
		q.done <- answer{err: err}
	}
}

// expect gives each question that is not over its id, and the lane to wait on.
func (m *mux) expect(l *lane, questions []*question, now time.Time) *pb.VerifyRequests {
	message := &pb.VerifyRequests{Requests: make([]*pb.VerifyRequest, 0, len(questions))}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, q := range questions {
		// Under the lock: whoever gives up later finds what to forget.
		left, err := q.left(now)
		if err == nil {
			err = context.Cause(l.ctx)
		}
		if err != nil {
			q.done <- answer{err: err}
			continue
		}
		l.last++
		q.lane, q.req.Id = l, l.last
		q.req.TimeoutMs = uint32(max(1, min(left.Milliseconds(), time.Hour.Milliseconds())))
		l.waiting[q.req.Id] = q
		message.Requests = append(message.Requests, q.req)
	}
	return message
}

// forget drops a call that gave up: a reply that still comes is for nobody.
func (m *mux) forget(q *question) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q.lane != nil {
		delete(q.lane.waiting, q.req.Id)
	}
}
