package events

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/hook"
)

// listener is a hook that remembers, and fails as often as it is told to.
type listener struct {
	mu    sync.Mutex
	heard []int64
	fail  int
	hang  bool
}

func (l *listener) Before(context.Context, hook.Attempt) (hook.Veto, error) {
	return hook.Veto{}, nil
}

func (l *listener) After(ctx context.Context, e hook.Event) error {
	l.mu.Lock()
	hang := l.hang
	fails := l.fail > 0
	if fails {
		l.fail--
	} else if !hang {
		l.heard = append(l.heard, e.Seq)
	}
	l.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if fails {
		return errors.New("mail server away")
	}
	return nil
}

func (l *listener) got() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

func (w *world) happen(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		w.audit = append(w.audit, account.Event{Seq: int64(len(w.audit)) + 1, Act: account.ActReset, Name: "alice"})
	}
}

func upTo(n int64) (out []int64) {
	for i := int64(1); i <= n; i++ {
		out = append(out, i)
	}
	return out
}

// TestHooksInOrder: every act, in order; one that fails or hangs holds up
// nobody else; a new start goes on where the last one ended.
func TestHooksInOrder(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		good, bad, stuck := &listener{}, &listener{fail: 3}, &listener{hang: true}
		cfg := Config{Cursor: Files{dir}, Hooks: []Named{{Name: "good", Hook: good}, {Name: "bad", Hook: bad}, {Name: "stuck", Hook: stuck}}}
		w, b := newWorldWith(cfg)
		w.happen(250)
		stop := start(t, b)
		<-time.After(time.Second / 2)
		if !slices.Equal(good.got(), upTo(250)) || len(bad.got()) != 0 {
			t.Errorf("good heard %d, bad %d", len(good.got()), len(bad.got()))
		}
		<-time.After(8 * time.Second) // 1 + 2 + 4: three tries later
		if !slices.Equal(bad.got(), upTo(250)) {
			t.Errorf("bad heard %v", bad.got())
		}
		w.happen(1)
		b.Record(account.Event{Act: account.ActReset})
		<-time.After(time.Second)
		if !slices.Equal(good.got(), upTo(251)) {
			t.Errorf("news took too long: good heard %d", len(good.got()))
		}
		stop()

		w.happen(9)
		stuck.mu.Lock()
		stuck.hang = false
		stuck.mu.Unlock()
		again, b2 := newWorldWith(cfg)
		again.audit = w.audit
		stop = start(t, b2)
		<-time.After(time.Second)
		stop()
		for name, l := range map[string]*listener{"good": good, "bad": bad, "stuck": stuck} {
			if !slices.Equal(l.got(), upTo(260)) {
				t.Errorf("%s heard %v", name, l.got())
			}
		}
	})
}

func TestFiles(t *testing.T) {
	f := Files{t.TempDir()}
	ctx := t.Context()
	if n, err := f.Get(ctx, "mail"); n != 0 || err != nil {
		t.Error(n, err)
	}
	for _, n := range []int64{1, 2, 300} {
		if err := f.Put(ctx, "mail", n); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Put(ctx, "../other", 7); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Get(ctx, "mail"); n != 300 || err != nil {
		t.Error(n, err)
	}
	left, err := os.ReadDir(f.Dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v, %v: want one file a hook, inside the folder", left, err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "hook-mail.seq"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(ctx, "mail"); err == nil {
		t.Error("an empty cursor was read as a number")
	}
	if err := (Files{filepath.Join(f.Dir, "gone")}).Put(ctx, "mail", 1); err == nil {
		t.Error("no error without a folder")
	}
}

// phoneBook knows people by their login, and may be away.
type phoneBook struct {
	mu   sync.Mutex
	away bool
	book map[string]account.Subject
}

func (p *phoneBook) Find(_ context.Context, name string) (account.Facts, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return account.Facts{}, account.ErrUnavailable
	}
	who, ok := p.book[name]
	if !ok {
		return account.Facts{}, account.ErrNotFound
	}
	return account.Facts{Subject: who}, nil
}

func (p *phoneBook) set(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// reader is a hook that keeps what it is told.
type reader struct {
	mu    sync.Mutex
	heard []hook.Event
}

func (r *reader) Before(context.Context, hook.Attempt) (hook.Veto, error) { return hook.Veto{}, nil }

func (r *reader) After(_ context.Context, e hook.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, e)
	return nil
}

func (r *reader) got() []hook.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.heard)
}

// TestAHookMayKnowWhomItIsAbout: only the hook that may, only of the person that
// the act was about, and never less because the directory is away for a while.
func TestAHookMayKnowWhomItIsAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &phoneBook{away: true, book: map[string]account.Subject{
			"alice": {ID: "1", Name: "alice", DisplayName: "Alice A.", Mail: "alice@example.org", Language: "de-AT, en;q=0.5"},
			"bert":  {ID: "9", Name: "bert", DisplayName: "Another Bert", Mail: "another@example.org", Language: "en"},
		}}
		may, mayNot := &reader{}, &reader{}
		w, b := newWorldWith(Config{Cursor: Files{t.TempDir()}, People: book, Hooks: []Named{{"may", may, true}, {"may not", mayNot, false}}})
		w.audit = []account.Event{
			{Seq: 1, Act: account.ActIssue, Subject: "1", Name: "alice", Label: "phone"},
			{Seq: 2, Act: account.ActReset, Subject: "2", Name: "bert"},
			{Seq: 3, Act: account.ActReset, Subject: "3", Name: "gone"},
			{Seq: 4, Act: account.ActAlarm, Name: "alice"},
		}
		stop := start(t, b)
		<-time.After(time.Second / 2)
		if got := may.got(); len(got) != 0 {
			t.Errorf("told without an address: %v", got)
		}
		if got := mayNot.got(); len(got) != 4 || got[0].Mail != "" || got[0].DisplayName != "" || got[0].Language != "" || got[0].Label != "phone" {
			t.Errorf("a hook that may not know heard %+v", got)
		}
		book.set(false)
		<-time.After(2 * time.Second)
		stop()
		got := may.got()
		if len(got) != 4 || got[0].Mail != "alice@example.org" || got[0].DisplayName != "Alice A." || got[0].Language != "de-AT, en;q=0.5" {
			t.Fatalf("heard %+v", got)
		}
		for _, e := range got[1:] {
			if e.Mail != "" || e.DisplayName != "" || e.Language != "" {
				t.Errorf("act %d names somebody else: %+v", e.Seq, e)
			}
		}
	})
}
