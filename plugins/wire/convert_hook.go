package wire

import (
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/pb"
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
	}
}
