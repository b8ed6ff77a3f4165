package weight

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sallyport/sallyport/plugins/wire/pb"
)

// lengths are those at which a length takes another byte, and what may be sent at all.
func lengths(r *rand.Rand) int {
	all := []int{0, 1, 16, 127, 128, 255, 16_383, 16_384, 512 << 10}
	return all[r.IntN(len(all))]
}

// What is said is never less than what is sent, whatever the numbers, and hardly more.
func TestNothingWeighsMoreThanIsSaid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	most := int64(math.MinInt64) // ten bytes, as all numbers below nought
	text := func() string { return strings.Repeat("x", lengths(r)) }
	for range 300 {
		q := &pb.VerifyRequest{Id: math.MaxUint64, TimeoutMs: math.MaxUint32, Input: []byte(text()), Now: &most, Floor: &most}
		for range r.IntN(4) {
			q.Records = append(q.Records, &pb.Record{Id: text(), Format: math.MaxUint32, Payload: []byte(text())})
		}
		message, said := proto.Size(&pb.VerifyRequests{Requests: []*pb.VerifyRequest{q}}), Request(q)
		if said < message || said > message+(len(q.GetRecords())+1)*frame {
			t.Fatalf("a request of %d bytes in its message is said to be %d, with %d records", message, said, len(q.GetRecords()))
		}
		p := &pb.VerifyReply{Id: math.MaxUint64, Verdict: math.MaxInt32, Reason: text(), Record: text(), Payload: []byte(text()),
			Format: math.MaxUint32, Uses: most, Drift: most, Error: text()}
		message, said = proto.Size(&pb.VerifyReplies{Replies: []*pb.VerifyReply{p}}), Reply(p)
		if said < message || said > message+frame {
			t.Fatalf("a reply of %d bytes in its message is said to be %d", message, said)
		}
	}
}
