package witness_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/check/witness"
	"github.com/sallyport/sallyport/plugins/factor"
)

// says is a plugin that says one thing.
type says struct {
	factor.Factor
	result factor.Result
}

func (s says) Verify(context.Context, factor.Request) (factor.Result, error) { return s.result, nil }

func TestTheWholeInputMustFit(t *testing.T) {
	for _, c := range []struct {
		shape, input string
		want         bool
	}{
		{"[0-9]+", "123", true}, {"[0-9]+", "123x", false}, {"[0-9]+", "x123", false}, {"a|ab", "ab", true},
		{"", "x", false}, {"[0-9]{6}", "123456\n", false}, {"^[0-9]{6}$", "123456\n", false},
	} {
		f, err := witness.New(factor.Info{Kind: "k", Shape: c.shape}, says{})
		if err != nil || f.Fits(account.Secret(c.input)) != c.want {
			t.Errorf("%q, %q: want %t, %v", c.shape, c.input, c.want, err)
		}
	}
}

// A verdict that is none of the three is nobody's, even with a good record.
func TestAnUnknownVerdictIsNoAnswer(t *testing.T) {
	for v := range 256 {
		verdict := factor.Verdict(v)
		f, err := witness.New(factor.Info{Kind: "k"}, says{result: factor.Result{Verdict: verdict, Record: "own"}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Ask(context.Background(), "x", []account.Record{{ID: "own", Uses: -1}}, time.Unix(1, 0))
		if got.Accept != (verdict == factor.Accept) || (err == nil) != (verdict == factor.Accept || verdict == factor.Deny) || errors.Is(err, witness.ErrLied) {
			t.Errorf("verdict %d: %+v, %v", v, got, err)
		}
	}
}

// A guessable input that an accept does not use up would be good for a second
// time, so such an accept is a lie.
func TestAnAcceptUsesItsInputUp(t *testing.T) {
	for name, c := range map[string]struct {
		record account.Record
		result factor.Result
		lied   bool
	}{
		"nothing rewritten": {account.Record{ID: "own", Uses: -1, Payload: []byte("old")}, factor.Result{}, true},
		"the same again":    {account.Record{ID: "own", Uses: -1, Payload: []byte("old")}, factor.Result{Payload: []byte("old")}, true},
		"rewritten":         {account.Record{ID: "own", Uses: -1, Payload: []byte("old")}, factor.Result{Payload: []byte("new")}, false},
		"counted down":      {account.Record{ID: "own", Uses: 2, Payload: []byte("old")}, factor.Result{Uses: 1}, false},
	} {
		c.result.Verdict, c.result.Record = factor.Accept, "own"
		f, err := witness.New(factor.Info{Kind: "k", Guessable: true}, says{result: c.result})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Ask(context.Background(), "x", []account.Record{c.record}, time.Unix(1, 0))
		if errors.Is(err, witness.ErrLied) != c.lied || got.Accept == c.lied {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
