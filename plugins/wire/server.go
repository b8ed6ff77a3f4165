package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/crew"
	"github.com/sallyport/sallyport/plugins/wire/gather"
	"github.com/sallyport/sallyport/plugins/wire/hookwire"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
	"github.com/sallyport/sallyport/plugins/wire/transferwire"
	"github.com/sallyport/sallyport/plugins/wire/unharmed"
	"github.com/sallyport/sallyport/plugins/wire/weight"
)

// atOnce bounds the requests that a plugin works on at the same time. Beyond
// it the stream is not read, and the host's callers wait or give up.
const atOnce = 128

// factorServer is the plugin's end of a factor.
type factorServer struct {
	pb.UnimplementedFactorServer
	impl   factor.Factor
	jailed bool // set before the first call
	crew   *crew.Crew
}

func newFactorServer(f factor.Factor) *factorServer {
	return &factorServer{impl: f, crew: crew.New(atOnce)}
}

func (s *factorServer) Info(ctx context.Context, _ *pb.InfoRequest) (reply *pb.InfoReply, err error) {
	defer unharmed.Return(&err)
	i, err := s.impl.Info(ctx)
	if err != nil {
		return nil, err
	}
	reply = infoToWire(i)
	reply.Jailed = s.jailed
	return reply, nil
}

func (s *factorServer) Enroll(ctx context.Context, r *pb.EnrollRequest) (reply *pb.EnrollReply, err error) {
	defer unharmed.Return(&err)
	i, err := s.impl.Enroll(ctx, enrollmentFromWire(r))
	if err != nil {
		return nil, err
	}
	return issuedToWire(i), nil
}

func (s *factorServer) Import(ctx context.Context, r *pb.ImportRequest) (reply *pb.ImportReply, err error) {
	defer unharmed.Return(&err)
	f, ok := s.impl.(transfer.Factor)
	if !ok {
		return s.UnimplementedFactorServer.Import(ctx, r)
	}
	i, err := f.Import(ctx, transferwire.ArrivalFromWire(r))
	if err != nil {
		return nil, err
	}
	return transferwire.ImportedToWire(i), nil
}

func (s *factorServer) Export(ctx context.Context, r *pb.ExportRequest) (reply *pb.ExportReply, err error) {
	defer unharmed.Return(&err)
	f, ok := s.impl.(transfer.Factor)
	if !ok {
		return s.UnimplementedFactorServer.Export(ctx, r)
	}
	text, err := f.Export(ctx, transferwire.DepartureFromWire(r))
	if err != nil {
		return nil, err
	}
	return &pb.ExportReply{Text: []byte(text)}, nil
}

// Verify serves one stream until it ends. It returns only when every request
// that it took has been answered or given up.
func (s *factorServer) Verify(stream grpc.BidiStreamingServer[pb.VerifyRequests, pb.VerifyReplies]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	var work sync.WaitGroup
	var last uint64
	out := gather.New(MaxReply, weight.Reply, func(replies []*pb.VerifyReply) {
		if err := stream.Send(&pb.VerifyReplies{Replies: replies}); err != nil {
			cancel() // the reader ends with the same error
		}
		work.Add(-len(replies))
	})
	defer work.Wait()
	defer cancel()
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, req := range message.GetRequests() {
			if req.GetId() <= last {
				return status.Errorf(codes.InvalidArgument, "request id %d does not rise above %d", req.GetId(), last)
			}
			last = req.GetId()
			work.Add(1)
			if err := s.crew.Do(ctx, func() { out.Add(s.answer(ctx, req), true) }); err != nil {
				work.Done()
				return err
			}
		}
	}
}

// answer judges one request within the time that it carries. A reply that is
// too large to send fails this request alone, not the stream.
func (s *factorServer) answer(ctx context.Context, req *pb.VerifyRequest) *pb.VerifyReply {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(req.GetTimeoutMs())*time.Millisecond)
	defer cancel()
	result, err := s.verify(ctx, requestFromWire(req))
	if err == nil && len(result.Payload) > factor.MaxPayload {
		err = fmt.Errorf("a payload of %d bytes is over the limit of %d", len(result.Payload), factor.MaxPayload)
	}
	reply := &pb.VerifyReply{}
	if err != nil {
		reply.Error = plain.Line("error: " + err.Error())
	} else {
		reply = resultToWire(result)
	}
	reply.Id = req.GetId()
	return reply
}

func (s *factorServer) verify(ctx context.Context, r factor.Request) (result factor.Result, err error) {
	defer unharmed.Return(&err)
	return s.impl.Verify(ctx, r)
}

// hookServer is the plugin's end of a hook.
type hookServer struct {
	pb.UnimplementedHookServer
	impl hook.Hook
}

func (s *hookServer) Ready(ctx context.Context, r *pb.ReadyRequest) (reply *pb.ReadyReply, err error) {
	defer unharmed.Return(&err)
	c, ok := s.impl.(hook.Configurable)
	if !ok {
		return &pb.ReadyReply{}, nil
	}
	return &pb.ReadyReply{Problems: hookwire.ProblemsToWire(c.Configure(ctx, hookwire.SetupFromWire(r))), Configured: true}, nil
}

func (s *hookServer) Before(ctx context.Context, r *pb.BeforeRequest) (reply *pb.BeforeReply, err error) {
	defer unharmed.Return(&err)
	v, err := s.impl.Before(ctx, hookwire.AttemptFromWire(r))
	if err != nil {
		return nil, err
	}
	return hookwire.VetoToWire(v), nil
}

func (s *hookServer) After(ctx context.Context, r *pb.AfterRequest) (reply *pb.AfterReply, err error) {
	defer unharmed.Return(&err)
	if err := s.impl.After(ctx, hookwire.EventFromWire(r)); err != nil {
		return nil, err
	}
	return &pb.AfterReply{}, nil
}
