package recovery_test

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/recovery"
)

// One try is one hash, whatever is on the sheet. It must stay far below the
// 300 ms that a call to a plugin has.
func BenchmarkVerify(b *testing.B) {
	f := recovery.New()
	ctx := context.Background()
	issued, err := f.Enroll(ctx, factor.Enrollment{Account: "alice", Entropy: make([]byte, factor.EntropySize), Now: time.Unix(1, 0)})
	if err != nil {
		b.Fatal(err)
	}
	records := []factor.Record{{ID: "sheet", Format: issued.Format, Payload: issued.Payload}}
	for _, input := range []struct{ name, text string }{
		{"right", issued.Secret[:17]},
		{"wrong", "0000000000000-00"},
	} {
		b.Run(input.name, func(b *testing.B) {
			r := factor.Request{Input: input.text, Records: records, Now: time.Unix(2, 0)}
			for b.Loop() {
				if _, err := f.Verify(ctx, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Making a sheet is ten hashes.
func BenchmarkEnroll(b *testing.B) {
	f := recovery.New()
	e := factor.Enrollment{Account: "alice", Entropy: make([]byte, factor.EntropySize), Now: time.Unix(1, 0)}
	for b.Loop() {
		if _, err := f.Enroll(context.Background(), e); err != nil {
			b.Fatal(err)
		}
	}
}
