package factortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

// transfers is the optional part of the contract: it holds where the case says
// what a record looks like elsewhere, and is refused as a whole where it does not.
func (s *suite) transfers(t *testing.T) {
	f, ok := s.f.(transfer.Factor)
	p := s.person(t, 1)
	if s.c.Text == nil {
		if ok {
			s.unsupported(t, f, p)
		}
		return
	}
	if !ok {
		t.Fatal("the case knows what a record looks like elsewhere, and the factor takes none")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	arrival := transfer.Arrival{Text: s.c.Text(p.issued), Settings: maps.Clone(s.c.Settings)}
	made, err := f.Import(ctx, arrival)
	if err != nil || made.Refused != "" || len(made.Payload) == 0 || len(made.Payload) > factor.MaxPayload {
		t.Fatalf("importing: %v, %v", made, err)
	}
	if again, err := f.Import(ctx, arrival); err != nil || !bytes.Equal(again.Payload, made.Payload) || again.Format != made.Format {
		t.Errorf("the same arrival became another record: %v, %v", again, err)
	}
	record := factor.Record{ID: "imported", Format: made.Format, Payload: made.Payload}
	if got := s.verify(t, s.request(s.input(t, s.c.Right, p.issued), record)); got.Verdict != factor.Accept || got.Record != record.ID {
		t.Errorf("what was right before is %v", got)
	}
	text, err := f.Export(ctx, transfer.Departure{Record: record, Account: "someone", Issuer: "Testhaus"})
	if err != nil || text == "" || len(text) > transfer.MaxText || strings.ContainsAny(text, "\r\n") {
		t.Fatalf("exporting: %d bytes, %v", len(text), err)
	}
	arrival.Text = text
	if again, err := f.Import(ctx, arrival); err != nil || !bytes.Equal(again.Payload, made.Payload) {
		t.Errorf("what left came back as another record: %v, %v", again, err)
	}
	s.transfersRefuse(t, f, arrival)
	s.transfersFail(t, f, arrival, record)
}

func (s *suite) transfersRefuse(t *testing.T, f transfer.Factor, a transfer.Arrival) {
	for name, text := range map[string]string{
		"nothing": "", "nonsense": "hunter2", "half": a.Text[:len(a.Text)/2], "binary": "\x00\xff\xfe", "long": strings.Repeat("x", transfer.MaxText+1),
	} {
		got, err := f.Import(context.Background(), transfer.Arrival{Text: text, Settings: a.Settings})
		if err != nil || got.Refused == "" || got.Payload != nil {
			t.Errorf("%s: %v, %v; want a refusal", name, got, err)
		}
		if text != "" && strings.Contains(got.Refused, text) {
			t.Errorf("%s: the refusal repeats the text", name)
		}
	}
	if printed := fmt.Sprintf("%v %#v", a, a); strings.Contains(printed, a.Text) {
		t.Error("an arrival prints its text")
	}
}

func (s *suite) transfersFail(t *testing.T, f transfer.Factor, a transfer.Arrival, r factor.Record) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := f.Import(gone, a); err == nil || got.Payload != nil {
		t.Errorf("importing after the end: %v, %v", got, err)
	}
	if got, err := f.Export(gone, transfer.Departure{Record: r, Account: "someone"}); err == nil || got != "" {
		t.Errorf("exporting after the end: %v", err)
	}
	other := r
	other.Format += 100
	if got, err := f.Export(context.Background(), transfer.Departure{Record: other, Account: "someone"}); err == nil || got != "" {
		t.Error("a record of an unknown format left")
	}
	other = r
	other.Payload = r.Payload[:len(r.Payload)/2]
	if got, err := f.Export(context.Background(), transfer.Departure{Record: other, Account: "someone"}); err == nil || got != "" {
		t.Error("a damaged record left")
	}
}

// unsupported is a factor behind a wire, which has the methods whatever the
// plugin has.
func (s *suite) unsupported(t *testing.T, f transfer.Factor, p person) {
	if got, err := f.Import(context.Background(), transfer.Arrival{Text: "x"}); !errors.Is(err, transfer.ErrUnsupported) || got.Payload != nil {
		t.Errorf("importing: %v, %v; want %v", got, err, transfer.ErrUnsupported)
	}
	if got, err := f.Export(context.Background(), transfer.Departure{Record: p.record, Account: "someone"}); !errors.Is(err, transfer.ErrUnsupported) || got != "" {
		t.Errorf("exporting: %v; want %v", err, transfer.ErrUnsupported)
	}
}
