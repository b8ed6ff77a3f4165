package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/records"
	"github.com/sallyport/sallyport/plugins/factor"
)

// The owner is told which programs still send something else where only an app
// password helps, until they are mended or a week has passed.
func TestTheOwnerSeesWhichProgramsSendNoAppPassword(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	token := s.open(account.TicketEntry, "alice")
	if _, err := s.desk.Issue(ctx, token, enroll.Wish{Label: "Handy"}); err != nil {
		t.Fatal(err)
	}
	tried := func(name, service, agent string, r account.Reason) {
		t.Helper()
		s.move(time.Minute)
		err := s.store.Log(ctx, []account.Event{{At: s.clock(), Act: account.ActCheck, Actor: "user", Subject: account.ID("id-" + name),
			Name: name, Service: service, Agent: agent, Address: "192.0.2.7", Verdict: factor.Deny, Reason: r}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := func() string {
		t.Helper()
		v, err := s.desk.View(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range v.Astray {
			out = append(out, fmt.Sprintf("%s %s %s %s", e.Service, e.Agent, e.Address, s.clock().Sub(e.At)))
		}
		return strings.Join(out, "; ")
	}
	tried("alice", "dav", "DAVx5/4.3", account.AppPasswordRequired)
	tried("alice", "dav", "iOS/17", account.AppPasswordRequired)
	tried("alice", "card", "iOS/17", account.AppPasswordRequired)
	tried("alice", "dav", "DAVx5/4.3", account.AppPasswordRequired)
	tried("alice", "dav", "curl/8", account.BadCredentials)
	tried("alice", "web", "Firefox", account.CodeWrong)
	tried("alice", "shed", "DAVx5/4.3", account.AppPasswordRequired) // no app password can be made for it
	tried("bert", "dav", "Thunderbird", account.AppPasswordRequired)
	want := "dav DAVx5/4.3 192.0.2.7 4m0s; card iOS/17 192.0.2.7 5m0s; dav iOS/17 192.0.2.7 6m0s"
	if got := seen(); got != want {
		t.Fatalf("seen %q, want %q", got, want)
	}

	// The phone comes with its app password now.
	used := s.load("alice").Records[0]
	used.LastUsed, used.LastService, used.LastAgent = s.clock(), "dav", "DAVx5/4.3"
	if err := s.store.Log(ctx, nil, []account.Record{used}); err != nil {
		t.Fatal(err)
	}
	if got, want := seen(), "card iOS/17 192.0.2.7 5m0s; dav iOS/17 192.0.2.7 6m0s"; got != want {
		t.Errorf("after it was mended: %q, want %q", got, want)
	}
	tried("alice", "dav", "DAVx5/4.3", account.AppPasswordRequired)
	if got := seen(); !strings.HasPrefix(got, "dav DAVx5/4.3 192.0.2.7 0s; ") {
		t.Errorf("after it went astray once more: %q", got)
	}

	s.move(7*24*time.Hour - time.Minute)
	token = s.open(account.TicketEntry, "alice")
	if got, want := seen(), "dav DAVx5/4.3 192.0.2.7 167h59m0s"; got != want {
		t.Errorf("after a week: %q, want %q", got, want)
	}
}

// Somebody with the password alone sees nothing of it, and an outage is told.
func TestASetUpSessionSeesOfTriesWhichProgramsCame(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	err := s.store.Log(ctx, []account.Event{{At: s.clock(), Act: account.ActCheck, Actor: "user", Subject: "id-alice", Service: "dav",
		Verdict: factor.Deny, Reason: account.AppPasswordRequired, Agent: "DAVx5/4.3", Address: "192.0.2.7"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.desk.View(ctx, s.open(account.TicketEnroll, "alice")); err != nil || len(v.Astray) > 0 || !slices.Equal(v.Programs, []string{"DAVx5/4.3"}) {
		t.Errorf("%v, %v, %v", v.Astray, v.Programs, err)
	}
	if v, err := s.desk.View(ctx, s.open(account.TicketEntry, "alice")); err != nil || len(v.Astray) != 1 || len(v.Programs) != 1 {
		t.Errorf("%v, %v", v.Astray, err)
	}
	away := newScene(t, func(c *enroll.Config) { c.Store = noTries{c.Store} })
	if _, err := away.desk.View(ctx, away.open(account.TicketEntry, "alice")); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("tries that cannot be read: %v", err)
	}
}

type noTries struct{ records.Store }

func (noTries) Tries(context.Context, account.ID, int) ([]account.Event, error) {
	return nil, account.ErrUnavailable
}

// The list of app passwords begins with the newest use; those never used come
// last, the newest of them first.
func TestTheNewestUseComesFirst(t *testing.T) {
	s, ctx := newScene(t, nil), context.Background()
	token := s.open(account.TicketEntry, "alice")
	for _, label := range []string{"old", "never", "new", "never either"} {
		if _, err := s.desk.Issue(ctx, token, enroll.Wish{Label: label}); err != nil {
			t.Fatal(err)
		}
		s.move(time.Minute)
	}
	for _, r := range s.load("alice").Records {
		switch r.Label {
		case "old":
			r.LastUsed = s.clock()
		case "new":
			r.LastUsed = s.clock().Add(time.Minute)
		default:
			continue
		}
		if err := s.store.Log(ctx, nil, []account.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	v, err := s.desk.View(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range v.AppPasswords {
		got = append(got, r.Label)
	}
	if want := "new, old, never either, never"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}
