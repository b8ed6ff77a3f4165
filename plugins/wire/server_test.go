package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/wire/pb"
)

// scripted is a factor made of one function.
type scripted func(context.Context, factor.Request) (factor.Result, error)

func (scripted) Info(context.Context) (factor.Info, error) {
	return factor.Info{Kind: "scripted"}, nil
}

func (scripted) Enroll(context.Context, factor.Enrollment) (factor.Issued, error) {
	panic("hunter2")
}

func (f scripted) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	return f(ctx, r)
}

func yes(context.Context, factor.Request) (factor.Result, error) {
	return factor.Result{Verdict: factor.Accept, Record: "r"}, nil
}

// raw stream of a client that need not keep to the rules.
func rawStream(t *testing.T, f factor.Factor) verifyStream {
	t.Helper()
	s, err := pb.NewFactorClient(dial(t, newFactorServer(f))).Verify(within(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends one request.
func ask(s verifyStream, id uint64, ms uint32) error {
	return s.Send(&pb.VerifyRequests{Requests: []*pb.VerifyRequest{{Id: id, TimeoutMs: ms}}})
}

func TestAnIdThatDoesNotRiseEndsTheStream(t *testing.T) {
	for _, ids := range [][]uint64{{0}, {1, 1}, {5, 4}} {
		s := rawStream(t, scripted(yes))
		for _, id := range ids {
			if err := ask(s, id, 5000); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		for err == nil {
			_, err = s.Recv()
		}
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("ids %v: %v", ids, err)
		}
	}
}

func TestTheDeadlineTravels(t *testing.T) {
	s := rawStream(t, scripted(func(ctx context.Context, _ factor.Request) (factor.Result, error) {
		<-ctx.Done()
		return factor.Result{}, ctx.Err()
	}))
	begun := time.Now()
	if err := ask(s, 1, 40); err != nil {
		t.Fatal(err)
	}
	replies, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	reply := replies.GetReplies()[0]
	if !strings.Contains(reply.GetError(), "deadline") || reply.GetVerdict() != pb.Verdict_VERDICT_UNAVAILABLE {
		t.Errorf("got %v", reply)
	}
	if took := time.Since(begun); took < 40*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestAFailureIsOneRequestsOwn(t *testing.T) {
	c := client(t, newFactorServer(scripted(func(_ context.Context, r factor.Request) (factor.Result, error) {
		switch r.Input {
		case "panic":
			panic(r.Input + " hunter2")
		case "error":
			return factor.Result{Verdict: factor.Accept, Record: "r"}, errors.New("line one\nline two")
		case "payload":
			return factor.Result{Verdict: factor.Accept, Record: "r", Payload: make([]byte, factor.MaxPayload+1)}, nil
		}
		return factor.Result{Verdict: factor.Accept, Record: "r"}, nil
	})))
	for input, word := range map[string]string{"panic": "panicked", "error": "line one line two", "payload": "over the limit"} {
		got, err := c.Verify(within(t, 5*time.Second), factor.Request{Input: input})
		if err == nil || got.Verdict != factor.Unavailable || !strings.Contains(err.Error(), word) ||
			strings.Contains(err.Error(), "hunter2") || errors.Is(err, ErrNoAnswer) {
			t.Errorf("%s: %v, %v", input, got, err)
		}
	}
	if got, err := c.Verify(within(t, 5*time.Second), factor.Request{}); err != nil || got.Verdict != factor.Accept {
		t.Errorf("afterwards: %v, %v", got, err)
	}
	if _, err := c.Enroll(within(t, 5*time.Second), factor.Enrollment{}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a panic in Enroll: %v", err)
	}
	if info, err := c.Info(within(t, 5*time.Second)); err != nil || info.Kind != "scripted" {
		t.Errorf("Info: %v, %v", info, err)
	}
}

// Requests come together, but each is answered by itself.
func TestASlowRequestHoldsUpNobodyInItsMessage(t *testing.T) {
	release := make(chan struct{})
	s := rawStream(t, scripted(func(_ context.Context, r factor.Request) (factor.Result, error) {
		if r.Input == "slow" {
			<-release
		}
		return factor.Result{Verdict: factor.Deny, Reason: factor.Reason(r.Input)}, nil
	}))
	message := &pb.VerifyRequests{}
	for i, input := range []string{"slow", "one", "two"} {
		message.Requests = append(message.Requests, &pb.VerifyRequest{Id: uint64(i + 1), TimeoutMs: 5000, Input: []byte(input)})
	}
	if err := s.Send(message); err != nil {
		t.Fatal(err)
	}
	var came []string
	for len(came) < 3 {
		m, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range m.GetReplies() {
			came = append(came, r.GetReason())
		}
		if len(came) == 2 {
			close(release)
		}
	}
	if came[2] != "slow" {
		t.Errorf("answered were %q", came)
	}
}

// However many requests arrive, only so many are worked on.
func TestWorkIsBounded(t *testing.T) {
	var now, most atomic.Int64
	release := make(chan struct{})
	s := rawStream(t, scripted(func(context.Context, factor.Request) (factor.Result, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		return factor.Result{Verdict: factor.Deny}, nil
	}))
	const all = 3 * atOnce
	for id := range uint64(all) {
		if err := ask(s, id+1, 5000); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for now.Load() < atOnce {
		<-tick.C
	}
	close(release)
	seen := make(map[uint64]bool)
	for n := 0; n < all; {
		m, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		n += len(m.GetReplies())
		for _, r := range m.GetReplies() {
			seen[r.GetId()] = true
		}
	}
	if most.Load() > atOnce || len(seen) != all {
		t.Errorf("%d at once, %d answered", most.Load(), len(seen))
	}
}

// BenchmarkStream is the wire without the process: both ends, no kernel.
func BenchmarkStream(b *testing.B) {
	for _, inFlight := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d_in_flight", inFlight), func(b *testing.B) {
			c := client(b, newFactorServer(scripted(yes)))
			b.SetParallelism(inFlight)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					if _, err := c.Verify(ctx, factor.Request{Input: "123456", Records: []factor.Record{{ID: "r"}}}); err != nil {
						b.Error(err)
					}
					cancel()
				}
			})
		})
	}
}
