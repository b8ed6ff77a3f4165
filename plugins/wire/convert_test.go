package wire

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/wire/hookwire"
	"github.com/sallyport/sallyport/plugins/wire/pb"
	"github.com/sallyport/sallyport/plugins/wire/transferwire"
)

// travel sends a message through bytes into another of its type.
func travel[M proto.Message](t *rapid.T, in, out M) M {
	b, err := proto.Marshal(in)
	if err != nil {
		t.Fatalf("cannot be sent: %v", err)
	}
	if err := proto.Unmarshal(b, out); err != nil {
		t.Fatalf("cannot be read: %v", err)
	}
	return out
}

// raw is text as a client may send it: any bytes at all.
func raw() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })
}

// some is a byte slice that is never empty and not nil: whether an empty one
// travels as nil matters only for Result.Payload.
func some() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 1, 64) }

func moment() *rapid.Generator[time.Time] {
	return rapid.OneOf(
		rapid.Just(time.Time{}),
		rapid.Map(rapid.Int64(), func(n int64) time.Time { return time.Unix(0, n).UTC() }),
	)
}

func same(t *rapid.T, got, want any) {
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("went in as %#v, came out as %#v", want, got)
	}
}

func TestEveryFieldTravels(t *testing.T) {
	text := rapid.String()
	count := rapid.Int()
	number := rapid.Uint32()
	cases := map[string]func(*rapid.T){
		"info": func(t *rapid.T) {
			want := factor.Info{
				Kind: text.Draw(t, "kind"), Format: number.Draw(t, "format"), Shape: text.Draw(t, "shape"),
				Claims: rapid.Bool().Draw(t, "claims"), Digits: count.Draw(t, "digits"), MaxRecords: count.Draw(t, "most"),
				Guessable: rapid.Bool().Draw(t, "guessable"), Network: rapid.Bool().Draw(t, "network"),
			}
			got, err := infoFromWire(travel(t, infoToWire(want), &pb.InfoReply{}))
			same(t, err, nil)
			same(t, got, want)
		},
		"enrollment": func(t *rapid.T) {
			want := factor.Enrollment{
				Account: raw().Draw(t, "account"), Issuer: raw().Draw(t, "issuer"), Entropy: some().Draw(t, "entropy"),
				Now: moment().Draw(t, "now"), Settings: rapid.MapOfN(text, text, 1, 5).Draw(t, "settings"),
			}
			same(t, enrollmentFromWire(travel(t, enrollmentToWire(want), &pb.EnrollRequest{})), want)
		},
		"arrival": func(t *rapid.T) {
			want := transfer.Arrival{Text: raw().Draw(t, "text"), Settings: rapid.MapOfN(text, text, 1, 5).Draw(t, "settings")}
			same(t, transferwire.ArrivalFromWire(travel(t, transferwire.ArrivalToWire(want), &pb.ImportRequest{})), want)
		},
		"imported": func(t *rapid.T) {
			want := transfer.Imported{
				Format: number.Draw(t, "format"), Payload: some().Draw(t, "payload"),
				Refused: rapid.StringMatching(`[a-z ]{0,100}`).Draw(t, "refused"),
			}
			same(t, transferwire.ImportedFromWire(travel(t, transferwire.ImportedToWire(want), &pb.ImportReply{})), want)
		},
		"departure": func(t *rapid.T) {
			want := transfer.Departure{
				Record:  factor.Record{ID: text.Draw(t, "id"), Format: number.Draw(t, "format"), Payload: some().Draw(t, "payload")},
				Account: raw().Draw(t, "account"), Issuer: raw().Draw(t, "issuer"),
			}
			same(t, transferwire.DepartureFromWire(travel(t, transferwire.DepartureToWire(want), &pb.ExportRequest{})), want)
		},
		"issued": func(t *rapid.T) {
			want := factor.Issued{
				Format: number.Draw(t, "format"), Payload: some().Draw(t, "payload"), Secret: raw().Draw(t, "secret"),
				URI: raw().Draw(t, "uri"), Confirm: rapid.Bool().Draw(t, "confirm"), Uses: count.Draw(t, "uses"),
			}
			got, err := issuedFromWire(travel(t, issuedToWire(want), &pb.EnrollReply{}))
			same(t, err, nil)
			same(t, got, want)
		},
		"request": func(t *rapid.T) {
			record := rapid.Custom(func(t *rapid.T) factor.Record {
				return factor.Record{ID: text.Draw(t, "id"), Format: number.Draw(t, "format"), Payload: some().Draw(t, "payload")}
			})
			want := factor.Request{
				Input: raw().Draw(t, "input"), Records: rapid.SliceOf(record).Draw(t, "records"), Now: moment().Draw(t, "now"),
				Floor: moment().Draw(t, "floor"),
			}
			same(t, requestFromWire(travel(t, requestToWire(want), &pb.VerifyRequest{})), want)
		},
		"result": func(t *rapid.T) {
			want := factor.Result{
				Verdict: factor.Verdict(rapid.IntRange(0, 2).Draw(t, "verdict")), Reason: factor.Reason(text.Draw(t, "reason")),
				Record: text.Draw(t, "record"), Payload: rapid.OneOf(rapid.Just([]byte(nil)), rapid.Just([]byte{}), some()).Draw(t, "payload"),
				Format: number.Draw(t, "format"), Uses: count.Draw(t, "uses"), Drift: time.Duration(rapid.Int64().Draw(t, "drift")),
			}
			got, err := resultFromWire(travel(t, resultToWire(want), &pb.VerifyReply{}))
			same(t, err, nil)
			same(t, got, want)
		},
		"attempt": func(t *rapid.T) {
			want := hook.Attempt{
				Service: raw().Draw(t, "service"), FrontEnd: raw().Draw(t, "front end"), Name: raw().Draw(t, "name"),
				Address: raw().Draw(t, "address"), Agent: raw().Draw(t, "agent"),
			}
			same(t, hookwire.AttemptFromWire(travel(t, hookwire.AttemptToWire(want), &pb.BeforeRequest{})), want)
		},
		"veto": func(t *rapid.T) {
			want := hook.Veto{Refuse: rapid.Bool().Draw(t, "refuse"), Note: raw().Draw(t, "note")}
			same(t, hookwire.VetoFromWire(travel(t, hookwire.VetoToWire(want), &pb.BeforeReply{})), want)
		},
		"event": func(t *rapid.T) {
			want := hook.Event{
				Seq: rapid.Int64().Draw(t, "seq"), At: moment().Draw(t, "at"), Act: raw().Draw(t, "act"),
				Subject: raw().Draw(t, "subject"), Name: raw().Draw(t, "name"), Actor: raw().Draw(t, "actor"),
				Service: raw().Draw(t, "service"), Factor: raw().Draw(t, "factor"), Reason: raw().Draw(t, "reason"),
				Address: raw().Draw(t, "address"), Label: raw().Draw(t, "label"),
				Mail: raw().Draw(t, "mail"), DisplayName: raw().Draw(t, "display name"), Language: raw().Draw(t, "language"),
			}
			same(t, hookwire.EventFromWire(travel(t, hookwire.EventToWire(want), &pb.AfterRequest{})), want)
		},
		"setup": func(t *rapid.T) {
			want := hook.Setup{
				Settings: rapid.MapOfN(rapid.String(), rapid.String(), 1, 5).Draw(t, "settings"), Operator: rapid.String().Draw(t, "operator"),
				Phone: rapid.String().Draw(t, "phone"), Hours: rapid.String().Draw(t, "hours"), Mail: rapid.String().Draw(t, "mail"),
				Addresses: rapid.Bool().Draw(t, "addresses"), German: rapid.String().Draw(t, "german"), Texts: rapid.String().Draw(t, "texts"),
			}
			same(t, hookwire.SetupFromWire(travel(t, hookwire.SetupToWire(want), &pb.ReadyRequest{})), want)
		},
	}
	for name, property := range cases {
		t.Run(name, func(t *testing.T) { rapid.Check(t, property) })
	}
}

// A field that is added to a contract and forgotten here makes this fail.
func TestEveryFieldIsCarried(t *testing.T) {
	for _, c := range []struct {
		value  any
		fields int
	}{
		{factor.Info{}, 8}, {factor.Enrollment{}, 5}, {factor.Issued{}, 6}, {factor.Record{}, 3}, {factor.Request{}, 4},
		{factor.Result{}, 7}, {hook.Attempt{}, 5}, {hook.Veto{}, 2}, {hook.Event{}, 14}, {hook.Setup{}, 8}, {hook.Problem{}, 3},
	} {
		if n := reflect.TypeOf(c.value).NumField(); n != c.fields {
			t.Errorf("%T has %d fields, and the wire carries %d", c.value, n, c.fields)
		}
	}
}

func TestWhatCannotBeRightIsAnError(t *testing.T) {
	for name, reply := range map[string]*pb.VerifyReply{
		"a verdict above the last":  {Verdict: 3, Record: "r"},
		"a verdict below the first": {Verdict: -1, Record: "r"},
		"an error beside an accept": {Verdict: pb.Verdict_VERDICT_ACCEPT, Record: "r", Error: "disk full"},
	} {
		if got, err := resultFromWire(reply); err == nil || !reflect.DeepEqual(got, factor.Result{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got := resultToWire(factor.Result{Verdict: 9}).GetVerdict(); got != pb.Verdict_VERDICT_UNAVAILABLE {
		t.Errorf("a verdict of 9 travels as %v", got)
	}
	if math.MaxInt == math.MaxInt32 {
		if _, err := toInt(math.MaxInt64, "n"); err == nil {
			t.Error("a number too large for this machine is taken")
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, r := range []*pb.VerifyReply{
		{}, {Id: 1, Verdict: 2, Record: "r", Payload: []byte{}}, {Verdict: 200}, {Error: "\x1b[31m" + strings.Repeat("x", 999)},
	} {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r pb.VerifyReply
		if proto.Unmarshal(b, &r) != nil {
			return
		}
		got, err := resultFromWire(&r)
		if err != nil && !reflect.DeepEqual(got, factor.Result{}) {
			t.Errorf("an error and a result: %v, %v", got, err)
		}
		if got.Verdict > factor.Accept || (got.Verdict == factor.Accept && r.GetVerdict() != pb.Verdict_VERDICT_ACCEPT) {
			t.Errorf("%v came out of %v", got.Verdict, r.GetVerdict())
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\n\r\x00") {
			t.Errorf("the error is not one clean line: %q", err)
		}
	})
}
