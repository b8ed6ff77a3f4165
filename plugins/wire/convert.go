package wire

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/wire/instant"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
)

// The functions of this file and of convert_hook.go are pairs, one for each
// direction of each type, and a property test holds every pair to an identity.

var errVerdict = errors.New("the plugin answered with a verdict that does not exist")

// toInt refuses what does not fit the int of this machine.
func toInt(n int64, what string) (int, error) {
	if n < math.MinInt || n > math.MaxInt {
		return 0, fmt.Errorf("%s %d is out of range", what, n)
	}
	return int(n), nil
}

func infoToWire(i factor.Info) *pb.InfoReply {
	return &pb.InfoReply{
		Kind:       i.Kind,
		Format:     i.Format,
		Shape:      i.Shape,
		Claims:     i.Claims,
		Digits:     int64(i.Digits),
		MaxRecords: int64(i.MaxRecords),
		Guessable:  i.Guessable,
		Network:    i.Network,
	}
}

func infoFromWire(r *pb.InfoReply) (factor.Info, error) {
	digits, err := toInt(r.GetDigits(), "digits")
	if err != nil {
		return factor.Info{}, err
	}
	most, err := toInt(r.GetMaxRecords(), "record limit")
	if err != nil {
		return factor.Info{}, err
	}
	return factor.Info{
		Kind:       r.GetKind(),
		Format:     r.GetFormat(),
		Shape:      r.GetShape(),
		Claims:     r.GetClaims(),
		Digits:     digits,
		MaxRecords: most,
		Guessable:  r.GetGuessable(),
		Network:    r.GetNetwork(),
	}, nil
}

func enrollmentToWire(e factor.Enrollment) *pb.EnrollRequest {
	return &pb.EnrollRequest{
		Account:  []byte(e.Account),
		Issuer:   []byte(e.Issuer),
		Entropy:  e.Entropy,
		Now:      instant.ToWire(e.Now),
		Settings: e.Settings,
	}
}

func enrollmentFromWire(r *pb.EnrollRequest) factor.Enrollment {
	return factor.Enrollment{
		Account:  string(r.GetAccount()),
		Issuer:   string(r.GetIssuer()),
		Entropy:  r.GetEntropy(),
		Now:      instant.FromWire(r.Now),
		Settings: r.GetSettings(),
	}
}

func issuedToWire(i factor.Issued) *pb.EnrollReply {
	return &pb.EnrollReply{
		Format:  i.Format,
		Payload: i.Payload,
		Secret:  []byte(i.Secret),
		Uri:     []byte(i.URI),
		Confirm: i.Confirm,
		Uses:    int64(i.Uses),
	}
}

func issuedFromWire(r *pb.EnrollReply) (factor.Issued, error) {
	uses, err := toInt(r.GetUses(), "number of uses")
	if err != nil {
		return factor.Issued{}, err
	}
	return factor.Issued{
		Format:  r.GetFormat(),
		Payload: r.GetPayload(),
		Secret:  string(r.GetSecret()),
		URI:     string(r.GetUri()),
		Confirm: r.GetConfirm(),
		Uses:    uses,
	}, nil
}

// requestToWire leaves id and time limit to the stream.
func requestToWire(r factor.Request) *pb.VerifyRequest {
	// One allocation for all records, as this is the path of every check.
	all := make([]pb.Record, len(r.Records))
	records := make([]*pb.Record, len(r.Records))
	for i, rec := range r.Records {
		all[i].Id, all[i].Format, all[i].Payload = rec.ID, rec.Format, rec.Payload
		records[i] = &all[i]
	}
	return &pb.VerifyRequest{
		Input:   []byte(r.Input),
		Records: records,
		Now:     instant.ToWire(r.Now),
		Floor:   instant.ToWire(r.Floor),
	}
}

func requestFromWire(r *pb.VerifyRequest) factor.Request {
	records := make([]factor.Record, len(r.GetRecords()))
	for i, rec := range r.GetRecords() {
		records[i] = factor.Record{ID: rec.GetId(), Format: rec.GetFormat(), Payload: rec.GetPayload()}
	}
	return factor.Request{
		Input:   string(r.GetInput()),
		Records: records,
		Now:     instant.FromWire(r.Now),
		Floor:   instant.FromWire(r.Floor),
	}
}

// resultToWire leaves the id to the stream. A verdict that does not exist
// becomes unavailable here, and an error at the other end if it is foreign.
func resultToWire(r factor.Result) *pb.VerifyReply {
	out := &pb.VerifyReply{
		Reason:  string(r.Reason),
		Record:  r.Record,
		Payload: r.Payload,
		Format:  r.Format,
		Uses:    int64(r.Uses),
		Drift:   int64(r.Drift),
	}
	switch r.Verdict {
	case factor.Accept:
		out.Verdict = pb.Verdict_VERDICT_ACCEPT
	case factor.Deny:
		out.Verdict = pb.Verdict_VERDICT_DENY
	default:
		out.Verdict = pb.Verdict_VERDICT_UNAVAILABLE
	}
	return out
}

func resultFromWire(r *pb.VerifyReply) (factor.Result, error) {
	if r.GetError() != "" {
		return factor.Result{}, fmt.Errorf("the plugin could not tell: %s", plain.Line(r.GetError()))
	}
	uses, err := toInt(r.GetUses(), "number of uses")
	if err != nil {
		return factor.Result{}, err
	}
	out := factor.Result{
		Reason:  factor.Reason(r.GetReason()),
		Record:  r.GetRecord(),
		Payload: r.GetPayload(),
		Format:  r.GetFormat(),
		Uses:    uses,
		Drift:   time.Duration(r.GetDrift()),
	}
	switch r.GetVerdict() {
	case pb.Verdict_VERDICT_ACCEPT:
		out.Verdict = factor.Accept
	case pb.Verdict_VERDICT_DENY:
		out.Verdict = factor.Deny
	case pb.Verdict_VERDICT_UNAVAILABLE:
		out.Verdict = factor.Unavailable
	default:
		return factor.Result{}, errVerdict
	}
	return out, nil
}
