// Package weight says how many bytes a request or a reply adds to a message, at
// most, in a tenth of the time that it takes to reckon it exactly.
//
// It refuses nothing and knows no limit. It belongs to package wire, which alone may
// call it.
package weight

import "github.com/sallyport/sallyport/plugins/wire/pb"

const (
	// frame is more than all numbers and lengths of a request or reply, and its own
	// in the message, take.
	frame = 80
	// recordFrame is the same for a record in a request.
	recordFrame = 24
)

// Request is in bytes.
func Request(r *pb.VerifyRequest) int {
	n := len(r.GetInput()) + frame
	for _, record := range r.GetRecords() {
		n += len(record.GetId()) + len(record.GetPayload()) + recordFrame
	}
	return n
}

// Reply is in bytes.
func Reply(r *pb.VerifyReply) int {
	return len(r.GetReason()) + len(r.GetRecord()) + len(r.GetPayload()) + len(r.GetError()) + frame
}
