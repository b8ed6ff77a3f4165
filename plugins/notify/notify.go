// Package notify is the hook that writes to people by mail about what happened
// to their account: set-up, another phone, new app passwords and emergency
// codes, what support did, a right password with wrong codes, and a login from a
// new network.
//
// It decides nothing about a login, and keeps nothing on disk. What it remembers
// in memory only spares people a second mail about the same. Acts come in order,
// and each again until it is taken: an error here holds up all mail that
// follows, so only what concerns all mail is one. Its main alone may call it.
//
// Decided against: a queue of its own. The audit is one, is durable, and is
// there already.
package notify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/plugins/hook"
	"github.com/sallyport/sallyport/plugins/notify/letter"
	"github.com/sallyport/sallyport/plugins/notify/post"
)

const (
	// wrongEvery is how often somebody is told of wrong codes.
	wrongEvery = 24 * time.Hour
	// networkEvery is how often somebody is told of the same new network.
	networkEvery = 24 * time.Hour
	// removedEvery joins the app passwords that support removes in one go.
	removedEvery = 10 * time.Minute
	// setUpTakes joins the emergency codes to the set-up that made them, and
	// firstDay the first login to the network of the set-up.
	setUpTakes = time.Minute
	firstDay   = 24 * time.Hour
	// doubt is how long a mail is tried that only its recipient may be at fault
	// for: longer than greylisting takes, and no day for everybody else's mail.
	// Each further one, without a mail that was taken in between, has twice the
	// time: then it rather is the server, or what the settings say of it.
	doubt = 15 * time.Minute
	// maxDoubts keeps that below the longest max_age.
	maxDoubts = 8
	// maxMemory bounds what is remembered.
	maxMemory = 10_000
)

// Sender hands one mail in; its errors are those of package post.
type Sender interface {
	Send(ctx context.Context, m post.Mail) error
}

// Hook is the hook.
type Hook struct {
	now func() time.Time
	log io.Writer

	mu     sync.Mutex
	cfg    *config
	told   map[memory]time.Time
	doubts struct { // the act that is being tried, since when, the how manieth
		seq   int64
		since time.Time
		row   int
	}
	// old says that there was an act that is too old, unreached how many have no
	// address.
	old       bool
	unreached int
}

// memory is what somebody has been told of.
type memory struct {
	kind    letter.Kind
	subject string
	network string
}

var _ hook.Configurable = (*Hook)(nil)

// New makes the hook. It logs lines for the operator, which name nobody: the
// audit says whom an act was about.
func New(now func() time.Time, log io.Writer) *Hook {
	return &Hook{now: now, log: log, told: map[memory]time.Time{}}
}

// Configure reads the settings.
func (h *Hook) Configure(_ context.Context, s hook.Setup) []hook.Problem {
	cfg, problems := read(s)
	if len(problems) > 0 {
		return problems
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg = cfg
	return nil
}

// Before never objects.
func (h *Hook) Before(context.Context, hook.Attempt) (hook.Veto, error) { return hook.Veto{}, nil }

// After sends a mail where the act calls for one.
func (h *Hook) After(ctx context.Context, e hook.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	kind, ok := kindOf(e)
	if !ok {
		return nil
	}
	if h.cfg == nil {
		return errors.New("no settings have been read yet")
	}
	if h.now().Sub(e.At) > h.cfg.maxAge {
		h.tooOld(e)
		return nil
	}
	m := memory{kind: kind, subject: e.Subject, network: e.Address}
	if kind == letter.WrongCodes || kind == letter.Removed {
		m.network = "" // from wherever
	}
	if h.knows(m, e.At) {
		return nil
	}
	to, ok := post.Address(e.Mail)
	if !ok {
		h.unreached++
		h.say("[WARN] act %d: the directory has no usable mail address of the person, so nobody is told; that makes %d since the start", e.Seq, h.unreached)
		h.remember(m, e.At)
		return nil
	}
	err := h.send(ctx, kind, e, to)
	if err == nil {
		h.doubts.row = 0
	} else if !h.givenUp(e, err) {
		return err
	}
	h.remember(m, e.At)
	return nil
}

// kindOf tells which letter an act calls for, if any.
func kindOf(e hook.Event) (letter.Kind, bool) {
	own := e.Actor == "user"
	switch {
	case e.Subject == "":
		return 0, false
	case e.Act == "enroll":
		return letter.SetUp, true
	case e.Act == "add":
		return letter.Added, true
	case e.Act == "replace":
		return letter.Replaced, true
	case e.Act == "issue" && e.Factor == "recovery":
		return letter.Codes, true
	case e.Act == "issue":
		return letter.AppPassword, true
	case e.Act == "revoke" && e.Factor != "app-password":
		return letter.PhoneRemoved, true
	case e.Act == "revoke" && !own:
		return letter.Removed, true
	case e.Act == "reset":
		return letter.Reset, true
	case e.Act == "code":
		return letter.Lone, true
	case e.Act == "new_network" && own:
		return letter.NewNetwork, true
	// The audit holds no refusal but those behind a right password.
	case e.Act == "check" && own && (e.Reason == "code_wrong" || e.Reason == "code_used"):
		return letter.WrongCodes, true
	default:
		return 0, false
	}
}

// knows tells whether the person has been told of this already.
func (h *Hook) knows(m memory, at time.Time) bool {
	within := func(m memory, span time.Duration) bool {
		last, ok := h.told[m]
		return ok && at.Sub(last) < span && !at.Before(last)
	}
	afterSetUp := func(span time.Duration) bool {
		return slices.ContainsFunc([]letter.Kind{letter.SetUp, letter.Added, letter.Replaced}, func(k letter.Kind) bool {
			return within(memory{k, m.subject, m.network}, span)
		})
	}
	switch m.kind {
	case letter.WrongCodes:
		return within(m, wrongEvery)
	case letter.NewNetwork:
		return within(m, networkEvery) || afterSetUp(firstDay)
	case letter.Removed:
		return within(m, removedEvery)
	case letter.Codes:
		return afterSetUp(setUpTakes)
	default:
		return false
	}
}

func (h *Hook) remember(m memory, at time.Time) {
	if len(h.told) >= maxMemory {
		for k, t := range h.told {
			if at.Sub(t) >= wrongEvery {
				delete(h.told, k)
			}
		}
	}
	if len(h.told) >= maxMemory {
		clear(h.told) // rather a mail too many than one too few
	}
	h.told[m] = at
}

func (h *Hook) send(ctx context.Context, kind letter.Kind, e hook.Event, to string) error {
	desk := h.cfg.desk
	desk.Languages = letter.Wanted(e.Language, desk.Languages)
	l, err := letter.Write(desk, letter.News{
		Kind: kind, At: e.At, Login: e.Name, DisplayName: e.DisplayName, Label: e.Label, Address: e.Address,
	})
	if err != nil {
		return err
	}
	err = h.cfg.sender.Send(ctx, post.Mail{
		From: h.cfg.from, To: mail.Address{Name: letter.Name(e.DisplayName), Address: to},
		Subject: l.Subject, Text: l.Text, HTML: l.HTML, ID: messageID(e, h.cfg.from.Address), Date: h.now(),
	})
	if err != nil {
		return fmt.Errorf("sending the mail: %w", err)
	}
	return nil
}

// messageID is the same whenever the same act is told.
func messageID(e hook.Event, from string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%d\x00%s\x00%s", e.Seq, e.At.UnixNano(), e.Act, e.Subject))
	_, domain, _ := strings.Cut(from, "@")
	return fmt.Sprintf("sallyport.%d.%x@%s", e.Seq, sum[:12], domain)
}

// givenUp tells whether the act is passed over, because nothing but this mail
// or its recipient is at fault.
func (h *Hook) givenUp(e hook.Event, err error) bool {
	switch {
	case errors.Is(err, post.ErrRefused):
	case errors.Is(err, post.ErrDoubtful):
		if h.doubts.seq != e.Seq {
			h.doubts.seq, h.doubts.since = e.Seq, h.now()
		}
		if h.now().Sub(h.doubts.since) < doubt<<min(h.doubts.row, maxDoubts) {
			return false
		}
		h.doubts.row++
	default:
		return false
	}
	h.say("[WARN] act %d: passed over, and nobody is told: %v", e.Seq, err)
	return true
}

// tooOld says once that acts are passed over, and not for each: a new hook hears
// of everything that ever happened.
func (h *Hook) tooOld(e hook.Event) {
	if !h.old {
		h.say("[WARN] act %d is older than max_age (%s): nobody is told of it, nor of others as old", e.Seq, h.cfg.maxAge)
	}
	h.old = true
}

func (h *Hook) say(format string, args ...any) {
	_, _ = fmt.Fprintf(h.log, format+"\n", args...) // there is nobody to tell
}
