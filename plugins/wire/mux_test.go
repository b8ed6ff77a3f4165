package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/wire/pb"
)

// serverStream is the plugin's end, a request and a reply at a time.
type serverStream struct {
	grpc.BidiStreamingServer[pb.VerifyRequests, pb.VerifyReplies]
	came []*pb.VerifyRequest
}

func (s *serverStream) Recv() (*pb.VerifyRequest, error) {
	for len(s.came) == 0 {
		m, err := s.BidiStreamingServer.Recv()
		if err != nil {
			return nil, err
		}
		s.came = m.GetRequests()
	}
	r := s.came[0]
	s.came = s.came[1:]
	return r, nil
}

func (s *serverStream) Send(replies ...*pb.VerifyReply) error {
	return s.BidiStreamingServer.Send(&pb.VerifyReplies{Replies: replies})
}

// script is a plugin's end that does what the test says, once for each stream.
type script struct {
	pb.UnimplementedFactorServer
	verify func(life int, s *serverStream) error

	mu    sync.Mutex
	lives int
}

func (s *script) Verify(stream grpc.BidiStreamingServer[pb.VerifyRequests, pb.VerifyReplies]) error {
	s.mu.Lock()
	s.lives++
	life := s.lives
	s.mu.Unlock()
	return s.verify(life, &serverStream{BidiStreamingServer: stream})
}

// dial connects to a server in this process, with both ends' real limits.
func dial(t testing.TB, s pb.FactorServer) *grpc.ClientConn {
	t.Helper()
	lis := bufconn.Listen(64 << 10)
	srv := grpc.NewServer(serverOptions()...)
	pb.RegisterFactorServer(srv, s)
	go func() { _ = srv.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///plugin", append(DialOptions(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
	})
	return conn
}

func client(t testing.TB, s pb.FactorServer) *FactorClient {
	return newFactorClient(pb.NewFactorClient(dial(t, s)), time.Now, time.Hour)
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func denyAs(id uint64, reason string) *pb.VerifyReply {
	return &pb.VerifyReply{Id: id, Verdict: pb.Verdict_VERDICT_DENY, Reason: reason}
}

// Replies that come in another order reach those who asked.
func TestRepliesInAnyOrder(t *testing.T) {
	const n = 8
	c := client(t, &script{verify: func(_ int, s *serverStream) error {
		var got []*pb.VerifyRequest
		for len(got) < n {
			r, err := s.Recv()
			if err != nil {
				return err
			}
			got = append(got, r)
		}
		for i := range got {
			r := got[len(got)-1-i]
			_ = s.Send(denyAs(1000+r.Id, "for nobody"))
			_ = s.Send(denyAs(r.Id, string(r.Input)))
			_ = s.Send(denyAs(r.Id, "a second answer"))
		}
		<-s.Context().Done()
		return nil
	}})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			input := fmt.Sprint("input ", i)
			if got, err := c.Verify(within(t, 5*time.Second), factor.Request{Input: input}); err != nil || string(got.Reason) != input {
				t.Errorf("%s: %v, %v", input, got, err)
			}
		})
	}
	calls.Wait()
}

// A reply that comes after its caller has gone is counted and given to nobody,
// least of all to the next caller.
func TestALateReplyIsForgotten(t *testing.T) {
	first := make(chan uint64, 1)
	c := client(t, &script{verify: func(_ int, s *serverStream) error {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		first <- r.Id
		if r, err = s.Recv(); err != nil {
			return err
		}
		_ = s.Send(&pb.VerifyReply{Id: <-first, Verdict: pb.Verdict_VERDICT_ACCEPT, Record: "late"})
		_ = s.Send(denyAs(r.Id, "mine"))
		<-s.Context().Done()
		return nil
	}})
	if got, err := c.Verify(within(t, 20*time.Millisecond), factor.Request{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrNoAnswer) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := c.Verify(within(t, 5*time.Second), factor.Request{}); err != nil || got.Reason != "mine" || got.Verdict != factor.Deny {
		t.Errorf("got %v, %v", got, err)
	}
	if n := c.Replies(); n != 2 {
		t.Errorf("%d replies counted", n)
	}
	c.verify.mu.Lock()
	defer c.verify.mu.Unlock()
	if n := len(c.verify.cur.waiting); n != 0 {
		t.Errorf("%d ids are still remembered", n)
	}
}

// A stream that breaks fails all who wait on it, and the next call has another.
func TestABrokenStreamFailsAllAndIsReopened(t *testing.T) {
	const n = 5
	c := client(t, &script{verify: func(life int, s *serverStream) error {
		for i := 0; ; i++ {
			r, err := s.Recv()
			if err != nil {
				return err
			}
			if life == 1 && i == n-1 {
				return errors.New("fell over")
			}
			if life > 1 {
				_ = s.Send(denyAs(r.Id, fmt.Sprint("life ", life)))
			}
		}
	}})
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			got, err := c.Verify(within(t, 5*time.Second), factor.Request{})
			if !errors.Is(err, ErrNoAnswer) || errors.Is(err, context.DeadlineExceeded) || got.Verdict != factor.Unavailable {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	calls.Wait()
	if got, err := c.Verify(within(t, 5*time.Second), factor.Request{}); err != nil || got.Reason != "life 2" {
		t.Errorf("after the break: %v, %v", got, err)
	}
}

func TestSizes(t *testing.T) {
	c := client(t, &script{verify: func(life int, s *serverStream) error {
		for {
			r, err := s.Recv()
			if err != nil {
				return err
			}
			reply := denyAs(r.Id, "small")
			if string(r.Input) == "huge" {
				reply.Payload = make([]byte, MaxReply)
			}
			if err := s.Send(reply); err != nil {
				return err
			}
		}
	}})
	full := factor.Request{}
	for i := range 50 {
		full.Records = append(full.Records, factor.Record{ID: fmt.Sprint(i), Payload: make([]byte, factor.MaxPayload)})
	}
	if got, err := c.Verify(within(t, 5*time.Second), full); err != nil || got.Reason != "small" {
		t.Errorf("fifty full records: %v, %v", got, err)
	}
	if _, err := c.Verify(within(t, 5*time.Second), factor.Request{Input: strings.Repeat("x", MaxRequest)}); !errors.Is(err, errTooLarge) {
		t.Errorf("a request over the limit was sent: %v", err)
	}
	if got, err := c.Verify(within(t, 5*time.Second), factor.Request{Input: "huge"}); err == nil {
		t.Errorf("a reply over the limit was taken: %v", got)
	}
	if got, err := c.Verify(within(t, 5*time.Second), factor.Request{}); err != nil || got.Reason != "small" {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

// A plugin that stops reading costs each caller its own deadline and no more,
// although the writing itself is stuck.
func TestAPluginThatDoesNotRead(t *testing.T) {
	release := make(chan struct{})
	c := client(t, &script{verify: func(life int, s *serverStream) error {
		if life == 1 {
			<-release
			return nil
		}
		for {
			r, err := s.Recv()
			if err != nil {
				return err
			}
			_ = s.Send(denyAs(r.Id, "read"))
		}
	}})
	big := factor.Request{Input: strings.Repeat("x", MaxRequest/2)}
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			begun := time.Now()
			if got, err := c.Verify(within(t, 300*time.Millisecond), big); err == nil && got.Reason != "read" {
				t.Errorf("got %v", got)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("a call took %s", took)
			}
		})
	}
	calls.Wait()
	close(release)
	if got, err := c.Verify(within(t, 5*time.Second), factor.Request{}); err != nil || got.Verdict != factor.Deny {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

// The limit of the host holds also where the caller has more time, or no end to it.
func TestACallTakesNoLongerThanItsLimit(t *testing.T) {
	silent := &script{verify: func(_ int, s *serverStream) error {
		<-s.Context().Done()
		return nil
	}}
	c := newFactorClient(pb.NewFactorClient(dial(t, silent)), time.Now, 100*time.Millisecond)
	for name, ctx := range map[string]context.Context{"more": within(t, time.Minute), "no limit of its own": context.WithoutCancel(t.Context()), "less": within(t, 50*time.Millisecond)} {
		begun := time.Now()
		_, err := c.Verify(ctx, factor.Request{})
		if took := time.Since(begun); !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.DeadlineExceeded) || took > 10*time.Second {
			t.Errorf("%s: %v after %s", name, err, took)
		}
	}
}

func TestACallThatIsOverIsNotSent(t *testing.T) {
	c := client(t, &script{verify: func(int, *serverStream) error { return errors.New("asked in vain") }})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Verify(over, factor.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if _, err := c.Verify(late, factor.Request{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
