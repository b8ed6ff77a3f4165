package handover

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/records"
)

// guarded is a store that must not be asked.
type guarded struct {
	records.Store
	asked int
}

func (g *guarded) Token(context.Context, account.TokenRef) (account.Token, error) {
	g.asked++
	return account.Token{}, account.ErrNotFound
}

// FuzzQuestion: whatever a stranger sends as a ticket or follows as a link, it is
// none, and the store does not hear of it.
func FuzzQuestion(f *testing.F) {
	store := &guarded{}
	o := New(records.Config{Store: store, Rand: rand.Reader, Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
		MAC: func(purpose string, data []byte) []byte {
			mac := hmac.New(sha256.New, []byte(purpose))
			mac.Write(data)
			return mac.Sum(nil)
		}})
	q, err := o.AskFlow(account.Client{Agent: "DAVx5\x00ü"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "x", q.Link[:50], q.Ticket.Reveal()[1:], "AAAA", q.Link + "A", "\xff"} {
		f.Add(seed)
	}
	if a, err := o.Flow(context.Background(), account.Secret(q.Link)); err != nil || a.Client.Agent != "DAVx5\x00ü" || store.asked != 2 {
		f.Fatal("the genuine link:", a, err, store.asked)
	}
	if !o.genuine(q.Ticket) {
		f.Fatal("the genuine ticket is none")
	}
	store.asked = 0
	f.Fuzz(func(t *testing.T, text string) {
		_, err := o.FetchFlow(context.Background(), account.Secret(text), account.Client{})
		_, lerr := o.Flow(context.Background(), account.Secret(text))
		if !errors.Is(err, ErrOver) || !errors.Is(lerr, ErrOver) || store.asked != 0 {
			t.Errorf("%q: %v, %v, the store was asked %d times", text, err, lerr, store.asked)
		}
	})
}
