// Package hookwire puts what a hook is asked and told into messages, and takes it
// out again.
//
// It sends nothing and decides nothing. It belongs to package wire, which alone
// may call it.
package hookwire

import (
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/instant"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
)

// AttemptToWire writes an attempt.
func AttemptToWire(a hook.Attempt) *pb.BeforeRequest {
	return &pb.BeforeRequest{
		Service:  []byte(a.Service),
		FrontEnd: []byte(a.FrontEnd),
		Name:     []byte(a.Name),
		Address:  []byte(a.Address),
		Agent:    []byte(a.Agent),
	}
}

// AttemptFromWire reads an attempt.
func AttemptFromWire(r *pb.BeforeRequest) hook.Attempt {
	return hook.Attempt{
		Service:  string(r.GetService()),
		FrontEnd: string(r.GetFrontEnd()),
		Name:     string(r.GetName()),
		Address:  string(r.GetAddress()),
		Agent:    string(r.GetAgent()),
	}
}

// VetoToWire writes a veto.
func VetoToWire(v hook.Veto) *pb.BeforeReply {
	return &pb.BeforeReply{Refuse: v.Refuse, Note: []byte(v.Note)}
}

// VetoFromWire reads a veto.
func VetoFromWire(r *pb.BeforeReply) hook.Veto {
	return hook.Veto{Refuse: r.GetRefuse(), Note: string(r.GetNote())}
}

// EventToWire writes an act.
func EventToWire(e hook.Event) *pb.AfterRequest {
	return &pb.AfterRequest{
		Seq:     e.Seq,
		At:      instant.ToWire(e.At),
		Act:     []byte(e.Act),
		Subject: []byte(e.Subject),
		Name:    []byte(e.Name),
		Actor:   []byte(e.Actor),
		Service: []byte(e.Service),
		Factor:  []byte(e.Factor),
		Reason:  []byte(e.Reason),
		Address: []byte(e.Address),

		Label:       []byte(e.Label),
		Mail:        []byte(e.Mail),
		DisplayName: []byte(e.DisplayName),
		Language:    []byte(e.Language),
	}
}

// EventFromWire reads an act.
func EventFromWire(r *pb.AfterRequest) hook.Event {
	return hook.Event{
		Seq:     r.GetSeq(),
		At:      instant.FromWire(r.At),
		Act:     string(r.GetAct()),
		Subject: string(r.GetSubject()),
		Name:    string(r.GetName()),
		Actor:   string(r.GetActor()),
		Service: string(r.GetService()),
		Factor:  string(r.GetFactor()),
		Reason:  string(r.GetReason()),
		Address: string(r.GetAddress()),

		Label:       string(r.GetLabel()),
		Mail:        string(r.GetMail()),
		DisplayName: string(r.GetDisplayName()),
		Language:    string(r.GetLanguage()),
	}
}

// SetupToWire writes what a hook is told at its start. It comes from a config,
// which is UTF-8.
func SetupToWire(s hook.Setup) *pb.ReadyRequest {
	return &pb.ReadyRequest{Settings: s.Settings, Operator: s.Operator, Phone: s.Phone, Hours: s.Hours, Mail: s.Mail, Addresses: s.Addresses, German: s.German, Texts: s.Texts}
}

// SetupFromWire reads what a hook is told at its start.
func SetupFromWire(r *pb.ReadyRequest) hook.Setup {
	return hook.Setup{Settings: r.GetSettings(), Operator: r.GetOperator(), Phone: r.GetPhone(), Hours: r.GetHours(), Mail: r.GetMail(), Addresses: r.GetAddresses(), German: r.GetGerman(), Texts: r.GetTexts()}
}

// ProblemsToWire writes problems, which may quote what is no UTF-8, such as an
// error of the system.
func ProblemsToWire(all []hook.Problem) (out []*pb.Problem) {
	for _, p := range all {
		out = append(out, &pb.Problem{Key: plain.Line(p.Key), Reason: plain.Line(p.Reason), Fix: plain.Line(p.Fix)})
	}
	return out
}

// ProblemsFromWire reads problems.
func ProblemsFromWire(all []*pb.Problem) (out []hook.Problem) {
	for _, p := range all {
		out = append(out, hook.Problem{Key: plain.Line(p.GetKey()), Reason: plain.Line(p.GetReason()), Fix: plain.Line(p.GetFix())})
	}
	return out
}
