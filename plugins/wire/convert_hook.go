package wire

import (
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
)

func attemptToWire(a hook.Attempt) *pb.BeforeRequest {
	return &pb.BeforeRequest{
		Service:  []byte(a.Service),
		FrontEnd: []byte(a.FrontEnd),
		Name:     []byte(a.Name),
		Address:  []byte(a.Address),
		Agent:    []byte(a.Agent),
	}
}

func attemptFromWire(r *pb.BeforeRequest) hook.Attempt {
	return hook.Attempt{
		Service:  string(r.GetService()),
		FrontEnd: string(r.GetFrontEnd()),
		Name:     string(r.GetName()),
		Address:  string(r.GetAddress()),
		Agent:    string(r.GetAgent()),
	}
}

func vetoToWire(v hook.Veto) *pb.BeforeReply {
	return &pb.BeforeReply{Refuse: v.Refuse, Note: []byte(v.Note)}
}

func vetoFromWire(r *pb.BeforeReply) hook.Veto {
	return hook.Veto{Refuse: r.GetRefuse(), Note: string(r.GetNote())}
}

func eventToWire(e hook.Event) *pb.AfterRequest {
	return &pb.AfterRequest{
		Seq:     e.Seq,
		At:      toNanos(e.At),
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
	}
}

func eventFromWire(r *pb.AfterRequest) hook.Event {
	return hook.Event{
		Seq:     r.GetSeq(),
		At:      fromNanos(r.At),
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
	}
}

// A setup comes from a config, which is UTF-8.
func setupToWire(s hook.Setup) *pb.ReadyRequest {
	return &pb.ReadyRequest{Settings: s.Settings, Operator: s.Operator, Phone: s.Phone, Hours: s.Hours, Mail: s.Mail}
}

func setupFromWire(r *pb.ReadyRequest) hook.Setup {
	return hook.Setup{Settings: r.GetSettings(), Operator: r.GetOperator(), Phone: r.GetPhone(), Hours: r.GetHours(), Mail: r.GetMail()}
}

// A problem may quote what is no UTF-8, such as an error of the system.
func problemsToWire(all []hook.Problem) (out []*pb.Problem) {
	for _, p := range all {
		out = append(out, &pb.Problem{Key: plain.Line(p.Key), Reason: plain.Line(p.Reason), Fix: plain.Line(p.Fix)})
	}
	return out
}

func problemsFromWire(all []*pb.Problem) (out []hook.Problem) {
	for _, p := range all {
		out = append(out, hook.Problem{Key: plain.Line(p.GetKey()), Reason: plain.Line(p.GetReason()), Fix: plain.Line(p.GetFix())})
	}
	return out
}
