package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	admin "github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
	"github.com/sallyport/sallyport/daemon/store/sqlite/dossier"
)

// past is a town with a history: old and older had the same login, one after the
// other, and neither is in the directory.
func past() *town {
	w := roll()
	for _, e := range []account.Event{
		{Subject: "id-done", Name: "done", Act: account.ActIssue}, {Subject: "id-done", Name: "before", Act: account.ActReset},
		{Subject: "id-old", Name: "Former", Act: account.ActIssue}, {Subject: "id-1", Name: "twice"}, {Subject: "id-2", Name: "twice"},
		{Name: "former", Act: account.ActAlarm},
	} {
		e.Seq, e.At = int64(len(w.events))+1, now()
		w.events = append(w.events, e)
	}
	w.kept = dossier.Kept{Tokens: []account.Token{{Kind: account.TokenSession, Data: []byte("web\x00done\x00192.0.2.1")}, {Kind: account.TokenSource, Data: []byte{0xff}}},
		Counted: map[string][]time.Time{"first:new": {now()}, "second:totp": {now(), now()}}}
	return w
}

func TestAllThatIsKeptOfAPerson(t *testing.T) {
	w := past()
	d, err := open(w).Person(context.Background(), admin.Order{Name: "done", Operator: "root(0)"})
	if err != nil || d.ID != "id-done" || !d.InDirectory || d.Mail != "done@example.org" || len(d.Records) != 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	if len(d.Events) != 3 || d.Events[0].Name != "done" || d.Events[1].Name != "before" || d.Events[2].Act != account.ActExport {
		t.Errorf("events: %+v", d.Events)
	}
	if len(d.Tokens) != 2 || d.Tokens[0].Data != "web done 192.0.2.1" || d.Tokens[1].Data != "" || len(d.Counted) != 2 || d.Counted[1].Tries != 2 {
		t.Errorf("tokens %+v, counted %+v", d.Tokens, d.Counted)
	}
	d, err = open(w).Person(context.Background(), admin.Order{Name: "FORMER", Operator: "root(0)"})
	if err != nil || d.ID != "id-old" || d.InDirectory || len(d.Events) != 3 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestWhoMayBeErased(t *testing.T) {
	for _, c := range []struct {
		name  string
		still bool
		away  bool
		want  error
		id    account.ID
	}{
		{"done", false, false, admin.ErrStillHere, ""},
		{"done", true, false, nil, "id-done"},
		{"former", false, false, nil, "id-old"},
		{"former", false, true, account.ErrUnavailable, ""}, // perhaps still there
		{"id-2", false, false, nil, "id-2"},
		{"twice", false, false, admin.ErrSeveral, ""},
		{"nobody", false, false, account.ErrNotFound, ""},
	} {
		w := past()
		w.away = c.away
		gone, err := open(w).Erase(context.Background(), admin.Order{Name: c.name, Operator: "root(0)", Reason: "left", Ticket: "T", StillHere: c.still})
		if !errors.Is(err, c.want) || gone.ID != c.id || (len(w.erased) == 1) != (c.want == nil) || (len(w.changes) > 0) != (c.want == nil) {
			t.Errorf("%+v: %+v, %v, written %d", c, gone, err, len(w.changes))
		}
	}
	w := past()
	gone, err := open(w).Erase(context.Background(), admin.Order{Name: "done", Operator: "root(0)", Reason: "left", Ticket: "T", StillHere: true})
	if err != nil || gone.Records != 3 || gone.Events != 4 {
		t.Errorf("%+v, %v", gone, err)
	}
	if c := w.changes[0]; len(c.Delete) != 3 || !c.Erased || c.Events[0].Subject != "" || c.Events[0].Name != "" || c.Events[0].Note != "left" || c.Events[0].Actor != "root(0)" {
		t.Errorf("written: %+v", c)
	}
	if !slices.Contains(w.erased[0].Names, "before") || !slices.Contains(w.erased[0].Names, "done") {
		t.Errorf("erased: %+v", w.erased)
	}
}
