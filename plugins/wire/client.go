package wire

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/hookwire"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
	"github.com/sallyport/sallyport/plugins/wire/transferwire"
)

// ErrNoAnswer means that nothing came back from the plugin, or too late. It is
// not in the errors that the plugin itself answered with.
var ErrNoAnswer = errors.New("no answer from the plugin")

// FactorClient is the host's end of a factor in another process. Its methods
// return an error whenever that process did not answer in full and in time.
type FactorClient struct {
	pb     pb.FactorClient
	verify *mux
	jailed atomic.Bool
}

var (
	_ factor.Factor   = (*FactorClient)(nil)
	_ transfer.Factor = (*FactorClient)(nil)
)

func newFactorClient(c pb.FactorClient, now func() time.Time, limit time.Duration) *FactorClient {
	return &FactorClient{pb: c, verify: newMux(c, now, limit)}
}

// Info asks the plugin what it is.
func (c *FactorClient) Info(ctx context.Context) (factor.Info, error) {
	r, err := c.pb.Info(ctx, &pb.InfoRequest{})
	if err != nil {
		return factor.Info{}, callError("info", err)
	}
	c.jailed.Store(r.GetJailed())
	return infoFromWire(r)
}

// Jailed tells whether the plugin said, when it was last asked for its Info,
// that its process is in a jail. Before that, and by default, it is not.
func (c *FactorClient) Jailed() bool { return c.jailed.Load() }

// Enroll asks the plugin for the payload of a new record.
func (c *FactorClient) Enroll(ctx context.Context, e factor.Enrollment) (factor.Issued, error) {
	r, err := c.pb.Enroll(ctx, enrollmentToWire(e))
	if err != nil {
		return factor.Issued{}, callError("enroll", err)
	}
	return issuedFromWire(r)
}

// Import asks the plugin for the payload of a record of another system.
func (c *FactorClient) Import(ctx context.Context, a transfer.Arrival) (transfer.Imported, error) {
	r, err := c.pb.Import(ctx, transferwire.ArrivalToWire(a))
	if err != nil {
		return transfer.Imported{}, transferError("import", err)
	}
	return transferwire.ImportedFromWire(r), nil
}

// Export asks the plugin for the text of a record.
func (c *FactorClient) Export(ctx context.Context, d transfer.Departure) (string, error) {
	r, err := c.pb.Export(ctx, transferwire.DepartureToWire(d))
	if err != nil {
		return "", transferError("export", err)
	}
	return string(r.GetText()), nil
}

// Verify asks the plugin on the one stream that all checks share.
func (c *FactorClient) Verify(ctx context.Context, r factor.Request) (factor.Result, error) {
	reply, err := c.verify.call(ctx, requestToWire(r))
	if errors.Is(err, errTooLarge) {
		return factor.Result{}, err
	}
	if err != nil {
		return factor.Result{}, fmt.Errorf("%w to verify: %w", ErrNoAnswer, err)
	}
	return resultFromWire(reply)
}

// Replies counts what has come back on the stream, also too late to be of use.
// A host that misses replies sees by it whether the process still lives.
func (c *FactorClient) Replies() uint64 { return c.verify.replies.Load() }

// HookClient is the host's end of a hook in another process.
type HookClient struct{ pb pb.HookClient }

var _ hook.Hook = (*HookClient)(nil)

// Ready fails unless there is a hook at the other end that can work with its
// settings; what is wrong with them is a hook.Unfit.
func (c *HookClient) Ready(ctx context.Context, s hook.Setup) error {
	r, err := c.pb.Ready(ctx, hookwire.SetupToWire(s))
	if err != nil {
		return callError("ready", err)
	}
	if problems := hookwire.ProblemsFromWire(r.GetProblems()); len(problems) > 0 {
		return hook.Unfit(problems)
	}
	if len(s.Settings) > 0 && !r.GetConfigured() {
		return hook.Unfit{{Reason: "are not read by this hook", Fix: "remove [hook.settings]"}}
	}
	return nil
}

// Before asks the hook for its veto.
func (c *HookClient) Before(ctx context.Context, a hook.Attempt) (hook.Veto, error) {
	r, err := c.pb.Before(ctx, hookwire.AttemptToWire(a))
	if err != nil {
		return hook.Veto{}, callError("before", err)
	}
	return hookwire.VetoFromWire(r), nil
}

// After tells the hook of one act.
func (c *HookClient) After(ctx context.Context, e hook.Event) error {
	_, err := c.pb.After(ctx, hookwire.EventToWire(e))
	return callError("after", err)
}

// callError keeps the status code's name and one clean line of the message.
func callError(call string, err error) error {
	s := status.Convert(err)
	switch s.Code() {
	case codes.OK:
		return nil
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return fmt.Errorf("%w to %s: %s: %s", ErrNoAnswer, call, s.Code(), plain.Line(s.Message()))
	}
	return fmt.Errorf("calling %s of the plugin: %s: %s", call, s.Code(), plain.Line(s.Message()))
}

// transferError is callError for what a factor may leave out.
func transferError(call string, err error) error {
	if status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("calling %s of the plugin: %w", call, transfer.ErrUnsupported)
	}
	return callError(call, err)
}
