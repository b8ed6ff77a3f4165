package store_test

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
	"github.com/sallyport/sallyport/plugins/factor"
)

// Format 1 is what audits out there are written in: these bytes never change.
func TestCanonicalBytesOfFormat1(t *testing.T) {
	e := account.Event{
		Seq: 2, At: time.Unix(1, 5), Act: "check", Subject: "s", Name: "n", Actor: "user", Service: "dav", FrontEnd: "http",
		Factor: "totp", Record: "r", Label: "l", Verdict: factor.Deny, Reason: account.CodeWrong, Address: "::1", Agent: "a",
		Note: "ü", Ticket: "T", Took: 3, Count: 4,
	}
	const want = "01" + "0000000000000002" + "000000003b9aca05" + "0000000000000003" + "0000000000000004" + "0000000000000001" +
		"00000005636865636b" + "0000000173" + "000000016e" + "0000000475736572" + "00000003646176" + "0000000468747470" +
		"00000004746f7470" + "0000000172" + "000000016c" + "0000000a636f64655f77726f6e67" + "000000033a3a31" + "0000000161" +
		"00000002c3bc" + "0000000154"
	if got := hex.EncodeToString(store.AppendEvent(nil, e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	b, err := hex.DecodeString(want)
	if err != nil {
		t.Fatal(err)
	}
	e.At = e.At.UTC()
	if got, err := store.ParseEvent(b); err != nil || got != e {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestVerdictThatIsNone(t *testing.T) {
	e, err := store.ParseEvent(store.AppendEvent(nil, account.Event{Verdict: 77}))
	if err != nil || e.Verdict != factor.Unavailable {
		t.Errorf("%v, %v", e.Verdict, err)
	}
}

func drawEvent(t *rapid.T) account.Event {
	s := func(name string) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, name)) }
	return account.Event{
		Seq: rapid.Int64().Draw(t, "seq"), At: store.Time(rapid.Int64().Draw(t, "at")), Act: account.Act(s("act")),
		Subject: account.ID(s("subject")), Name: s("name"), Actor: s("actor"), Service: s("service"), FrontEnd: s("front end"),
		Factor: s("factor"), Record: s("record"), Label: s("label"), Verdict: factor.Verdict(rapid.IntRange(0, 2).Draw(t, "verdict")),
		Reason: account.Reason(s("reason")), Address: s("address"), Agent: s("agent"), Note: s("note"), Ticket: s("ticket"),
		Took: time.Duration(rapid.Int64().Draw(t, "took")), Count: rapid.Int().Draw(t, "count"),
	}
}

func TestEventsComeBackAndDifferInBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawEvent(t), drawEvent(t)
		bytesA, bytesB := store.AppendEvent(nil, a), store.AppendEvent(nil, b)
		got, err := store.ParseEvent(bytesA)
		if err != nil || got != a {
			t.Fatalf("got %+v, %v, want %+v", got, err, a)
		}
		if (a == b) != bytes.Equal(bytesA, bytesB) {
			t.Fatalf("%+v and %+v", a, b)
		}
		if cut := rapid.IntRange(0, len(bytesA)-1).Draw(t, "cut"); true {
			if _, err := store.ParseEvent(bytesA[:cut]); err == nil {
				t.Fatalf("read when cut to %d bytes", cut)
			}
		}
		if _, err := store.ParseEvent(append(bytesA, 0)); err == nil {
			t.Fatal("read with a byte more")
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	f.Add(store.AppendEvent(nil, account.Event{}))
	f.Add(store.AppendEvent(nil, account.Event{Seq: 1, Act: account.ActReset, Note: "note", Verdict: factor.Accept}))
	f.Add([]byte{})
	f.Add([]byte{1, 255, 255})
	f.Add(bytes.Repeat([]byte{255}, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := store.ParseEvent(b)
		if err == nil && !bytes.Equal(store.AppendEvent(nil, e), b) {
			t.Errorf("%x is read, but written as %x", b, store.AppendEvent(nil, e))
		}
	})
}
