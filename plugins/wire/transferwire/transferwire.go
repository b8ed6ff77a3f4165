// Package transferwire puts records that come from other systems, or leave for
// them, into messages, and takes them out again.
//
// It sends nothing and decides nothing. It belongs to package wire, which alone
// may call it.
package transferwire

import (
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/plain"
)

// ArrivalToWire writes a record of another system.
func ArrivalToWire(a transfer.Arrival) *pb.ImportRequest {
	return &pb.ImportRequest{Text: []byte(a.Text), Settings: a.Settings}
}

// ArrivalFromWire reads a record of another system.
func ArrivalFromWire(r *pb.ImportRequest) transfer.Arrival {
	return transfer.Arrival{Text: string(r.GetText()), Settings: r.GetSettings()}
}

// ImportedToWire writes what was made of it.
func ImportedToWire(i transfer.Imported) *pb.ImportReply {
	return &pb.ImportReply{Format: i.Format, Payload: i.Payload, Refused: []byte(i.Refused)}
}

// ImportedFromWire reads what was made of it; the reason becomes one clean line.
func ImportedFromWire(r *pb.ImportReply) transfer.Imported {
	return transfer.Imported{Format: r.GetFormat(), Payload: r.GetPayload(), Refused: plain.Line(string(r.GetRefused()))}
}

// DepartureToWire writes a record that leaves.
func DepartureToWire(d transfer.Departure) *pb.ExportRequest {
	return &pb.ExportRequest{
		Record:  &pb.Record{Id: d.Record.ID, Format: d.Record.Format, Payload: d.Record.Payload},
		Account: []byte(d.Account), Issuer: []byte(d.Issuer),
	}
}

// DepartureFromWire reads a record that leaves.
func DepartureFromWire(r *pb.ExportRequest) transfer.Departure {
	rec := r.GetRecord()
	return transfer.Departure{
		Record:  factor.Record{ID: rec.GetId(), Format: rec.GetFormat(), Payload: rec.GetPayload()},
		Account: string(r.GetAccount()), Issuer: string(r.GetIssuer()),
	}
}
