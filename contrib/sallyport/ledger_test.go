package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/admin/ledger"
	"github.com/sallyport/sallyport/daemon/listen"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// everybody are three people, or as many as there are meant to be.
type everybody struct {
	many int
	// seen is told of each person.
	seen func()
	// cut says that the directory goes away in the middle.
	cut bool
}

func (e everybody) Report(_ context.Context, operator string, tell func(ledger.Line) error) error {
	if !strings.HasSuffix(operator, fmt.Sprintf("(%d)", os.Getuid())) {
		return fmt.Errorf("operator is %q", operator)
	}
	people := []ledger.Person{
		{ID: "1", Name: "alice", DisplayName: "Alice Müller", Policy: "required", SecondFactor: true, Groups: []string{}},
		{ID: "2", Name: "bert", DisplayName: "=HYPERLINK(\"http://evil\")", Policy: "grace", Groups: []string{"staff", "-1+1"}, Blocked: true, AppPasswords: 2,
			LastSeen: time.Unix(1800000000, 0), NormalPassword: []ledger.Program{{Service: "dav", Agent: "@SUM(1)\x1b[2J", Tries: 7, Last: time.Unix(1799900000, 0)}}},
		{ID: "3", Name: "svc-x", Policy: "exempt", Groups: []string{}, MachineLike: []string{"the login reads like one"}},
	}
	for _, l := range []ledger.Line{{People: max(3, e.many)}, {Person: &people[0]}, {Person: &people[1]}, {Person: &people[2]}} {
		if err := tell(l); err != nil {
			return err
		}
	}
	for i := 3; i < e.many; i++ {
		e.seen()
		if err := tell(ledger.Line{Person: &ledger.Person{ID: account.ID(fmt.Sprint(i)), Name: fmt.Sprintf("u%06d", i), Policy: "required", Blocked: true}}); err != nil {
			return err
		}
	}
	if e.cut {
		return fmt.Errorf("walking over the directory: %w", account.ErrUnavailable)
	}
	return tell(ledger.Line{Summary: &ledger.Summary{People: max(3, e.many), Enrolled: 1, InGrace: 1, Exempt: 1, Blocked: 1,
		Programs: []ledger.Program{{Service: "dav", Agent: "DAVx5", People: 1}}}})
}

func (everybody) Audit(_ context.Context, q ledger.Query, tell func(account.Event) error) error {
	for seq := range int64(3) {
		e := account.Event{Seq: seq + 1, At: time.Unix(1800000000+seq, 0), Act: account.ActReset, Name: "alice", Actor: "root(0)",
			Note: "+1 lost\nphone", Label: "\"quoted\", and a comma"}
		if e.At.Before(q.From) || !q.To.IsZero() && !e.At.Before(q.To) {
			continue
		}
		if err := tell(e); err != nil {
			return err
		}
	}
	return nil
}

func (everybody) Person(_ context.Context, o ledger.Order) (ledger.Dossier, error) {
	if o.Name != "alice" {
		return ledger.Dossier{}, account.ErrNotFound
	}
	return ledger.Dossier{ID: "1-2-3", Name: "alice"}, nil
}

// Erase knows alice, who is still there, and former.
func (everybody) Erase(_ context.Context, o ledger.Order) (ledger.Erased, error) {
	switch {
	case o.Name == "alice" && !o.StillHere:
		return ledger.Erased{}, ledger.ErrStillHere
	case o.Name != "alice" && o.Name != "former" || o.Reason != "asked us to":
		return ledger.Erased{}, account.ErrNotFound
	}
	return ledger.Erased{ID: "1-2-3", Records: 4, Tokens: 3, Tries: 2, Events: 17}, nil
}

// serve is the admin socket of a daemon that knows everybody.
func serve(t *testing.T, e everybody) (socket string) {
	t.Helper()
	said, err := words.Reasons("", "")
	if err != nil {
		t.Fatal(err)
	}
	h, err := admin.New(admin.Config{Support: &house{}, Issuer: &house{}, Engine: &house{}, System: &house{}, Text: said, Now: time.Now,
		Ledger: e})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "a")
	l, err := listen.Unix(listen.Config{Path: socket})
	if err != nil {
		t.Fatal(err)
	}
	srv := admin.Server(h, slog.New(slog.DiscardHandler))
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return socket
}

// On a terminal it shows how far it is and takes that away again: also where the
// lines go into a file, and not where they would stand between them.
func TestReportShowsHowFarItIs(t *testing.T) {
	socket := serve(t, everybody{many: 300, seen: func() {}})
	file, err := os.Create(filepath.Join(t.TempDir(), "people.csv"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	for _, c := range []struct {
		flag     string
		terminal bool // where stdout goes
		bar      bool
	}{{"--csv", false, true}, {"--json", false, true}, {"--if-enforced", false, true}, {"--if-enforced=false", true, true}, {"--csv", true, false}} {
		screen, tty, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		seen := make(chan string, 1)
		go func() {
			text, _ := io.ReadAll(screen) // ends with an error when the terminal goes
			seen <- string(text)
		}()
		var out io.Writer = file
		if c.terminal {
			out = tty
		}
		code := run([]string{"--socket", socket, "report", c.flag}, os.Stdin, out, tty)
		_ = tty.Close()
		text := <-seen
		_ = screen.Close()
		if code != 0 || strings.Contains(text, "\rpeople ") != c.bar || strings.Contains(text, "% |") != c.bar || strings.Contains(text, "/300) [") != c.bar {
			t.Errorf("%s, into a terminal %t: status %d, on it:\n%.2000q", c.flag, c.terminal, code, text)
		}
		if _, end, _ := strings.Cut(text[strings.LastIndex(text, "/300) [")+1:], "\r"); c.bar && !strings.HasPrefix(end, "     ") {
			t.Errorf("%s: it is not taken away: %q", c.flag, end)
		}
	}
}

// A report that is cut off says so, with the status of what may go better later,
// and no summary.
func TestReportThatIsCutOff(t *testing.T) {
	socket := serve(t, everybody{cut: true})
	for _, more := range []string{"--if-enforced", "--csv", "--json"} {
		var out, errs strings.Builder
		if code := run([]string{"--socket", socket, "report", more}, os.Stdin, &out, &errs); code != exitTemporary ||
			!strings.Contains(errs.String(), "ends in the middle") || strings.Contains(out.String(), "summary") {
			t.Errorf("%s: status %d, %q, %q", more, code, out.String(), errs.String())
		}
	}
}

// TestReportOverManyPeople: a hundred thousand people go through daemon and tool
// in the memory of a few, and every one of them arrives.
func TestReportOverManyPeople(t *testing.T) {
	const many = 100_000
	var most atomic.Uint64
	n := 0
	look := func() {
		if n++; n%5000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc))
		}
	}
	socket := serve(t, everybody{many: many, seen: look})
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, w := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run([]string{"--socket", socket, "report", "--if-enforced", "--csv"}, os.Stdin, w, io.Discard)
		_ = w.Close()
	}()
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	got := 0
	for {
		if _, err := rows.Read(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got++
	}
	if code := <-status; code != 0 || got != 1+many-1 {
		t.Errorf("status %d, %d lines", code, got)
	}
	if more := int64(most.Load()) - int64(before.HeapAlloc); most.Load() == 0 || more > 4<<20 {
		t.Errorf("%d bytes of memory for %d people", more, many)
	}
}
