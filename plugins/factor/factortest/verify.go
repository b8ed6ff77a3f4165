package factortest

import (
	"testing"

	"github.com/sallyport/sallyport/plugins/factor"
)

func (s *suite) right(t *testing.T) {
	p := s.person(t, 1)
	demandAccept(t, s.verify(t, s.request(s.input(t, s.c.Right, p.issued), p.record)), p)
}

func (s *suite) rightAmongOthers(t *testing.T) {
	people := []person{s.person(t, 1), s.person(t, 2), s.person(t, 3)}
	for _, p := range people {
		input := s.input(t, s.c.Right, p.issued)
		for turn := range people {
			var records []factor.Record
			for i := range people {
				records = append(records, people[(i+turn)%len(people)].record)
			}
			demandAccept(t, s.verify(t, s.request(input, records...)), p)
		}
	}
}

func (s *suite) wrong(t *testing.T) {
	p, q := s.person(t, 1), s.person(t, 2)
	input := s.input(t, s.c.Wrong, p.issued)
	got := s.verify(t, s.request(input, p.record))
	demandDeny(t, got)
	if got.Reason != factor.Wrong || got.Record != "" {
		t.Errorf("reason %q, record %q; want wrong and none", got.Reason, got.Record)
	}
	demandDeny(t, s.verify(t, s.request(input, q.record, p.record)))
}

func (s *suite) foreign(t *testing.T) {
	p, q := s.person(t, 1), s.person(t, 2)
	demandDeny(t, s.verify(t, s.request(s.input(t, s.c.Right, p.issued), q.record)))
	demandDeny(t, s.verify(t, s.request(s.input(t, s.c.Right, q.issued), p.record)))
}

func (s *suite) noRecords(t *testing.T) {
	p := s.person(t, 1)
	demandDeny(t, s.verify(t, s.request(s.input(t, s.c.Right, p.issued))))
	demandDeny(t, s.verify(t, s.request(s.input(t, s.c.Wrong, p.issued))))
}

func (s *suite) zeroValues(t *testing.T) {
	p := s.person(t, 1)
	right := s.input(t, s.c.Right, p.issued)
	for name, r := range map[string]factor.Request{
		"zero request":     {},
		"zero record":      {Input: right, Records: []factor.Record{{}}, Now: s.now},
		"only an id":       {Input: right, Records: []factor.Record{{ID: p.record.ID}}, Now: s.now},
		"no format":        {Input: right, Records: []factor.Record{{ID: p.record.ID, Payload: p.record.Payload}}, Now: s.now},
		"no input":         {Records: []factor.Record{p.record}, Now: s.now},
		"nothing but time": {Now: s.now},
	} {
		got, err := s.try(r)
		if got.Verdict == factor.Accept {
			t.Errorf("%s: accepted", name)
		}
		if err == nil && got.Verdict != factor.Deny {
			t.Errorf("%s: verdict %s without an error", name, got.Verdict)
		}
	}
}

// replay checks that what was accepted once is denied against the payload that
// the accept returned. What cannot be guessed may be good for ever.
func (s *suite) replay(t *testing.T) {
	if !s.getInfo(t).Guessable {
		p := s.person(t, 1)
		if got := s.verify(t, s.request(s.input(t, s.c.Right, p.issued), p.record)); got.Payload != nil {
			t.Error("an input that cannot be guessed costs a write")
		}
		return
	}
	p, q := s.person(t, 1), s.person(t, 2)
	r := s.request(s.input(t, s.c.Right, p.issued), p.record)
	got := s.verify(t, r)
	demandAccept(t, got, p)
	if len(got.Payload) == 0 {
		t.Fatal("an accept of something guessable leaves no mark, so it can be replayed")
	}
	r.Records = []factor.Record{{ID: p.record.ID, Format: got.Format, Payload: got.Payload}}
	again := s.verify(t, r)
	demandDeny(t, again)
	if again.Reason != factor.Used {
		t.Errorf("reason %q, want used", again.Reason)
	}
	r.Records = append(r.Records, q.record)
	demandDeny(t, s.verify(t, r))
}

func (s *suite) verifyDetermined(t *testing.T) {
	p, q := s.person(t, 1), s.person(t, 2)
	for _, input := range []string{s.input(t, s.c.Right, p.issued), s.input(t, s.c.Wrong, p.issued), ""} {
		r := s.request(input, q.record, p.record)
		first := s.verify(t, r)
		for range 3 {
			if again := s.verify(t, r); !same(first, again) {
				t.Errorf("first %v, then %v", first, again)
			}
		}
	}
}

func (s *suite) untouched(t *testing.T) {
	p, q := s.person(t, 1), s.person(t, 2)
	for _, input := range []string{s.input(t, s.c.Right, p.issued), s.input(t, s.c.Wrong, p.issued)} {
		records := cloneRecords([]factor.Record{q.record, p.record})
		kept := cloneRecords(records)
		got := s.verify(t, s.request(input, records...))
		for i := range got.Payload {
			got.Payload[i] ^= 0xff
		}
		for i := range records {
			whole, want := records[i].Payload[:cap(kept[i].Payload)], kept[i].Payload[:cap(kept[i].Payload)]
			if records[i].ID != kept[i].ID || records[i].Format != kept[i].Format || string(whole) != string(want) {
				t.Errorf("record %d was written to, or the new payload shares memory with it", i)
			}
		}
	}
}
