package events

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
)

const (
	// maxText bounds every text that came from outside, in bytes.
	maxText = 256
	// window is how long an identical log line is held back.
	window = 10 * time.Second
	// maxLines bounds the different lines of one window; a flood that changes
	// its name with every try gets no further lines.
	maxLines = 2000
	// spareLines are kept for alarms and for acts that change something, so
	// that no flood of tries can hide them.
	spareLines = 2000
)

// clean bounds and defuses every text that may come from outside.
func clean(e account.Event) account.Event {
	for _, s := range []*string{&e.Name, &e.Actor, &e.Service, &e.FrontEnd, &e.Factor, &e.Record, &e.Label, &e.Address, &e.Agent, &e.Peer, &e.Note, &e.Ticket} {
		*s = cut(*s)
	}
	return e
}

// cut replaces what could end a line, move a cursor or hide text, and shortens
// to maxText bytes at a rune's border.
func cut(s string) string {
	if plain(s) {
		return s // nearly always, and on the way of every check
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s[:min(len(s), 2*maxText)])
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// plain tells whether a text is short, printable ASCII.
func plain(s string) bool {
	if len(s) > maxText {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// log writes one line for the act, unless it has just written the same.
func (b *Bus) log(e account.Event) {
	subject := ""
	if e.Subject != "" {
		subject = b.cfg.Pseudonym(e.Subject)
	} else if e.Act == account.ActAlarm && e.Name != "" {
		subject = b.cfg.Pseudonym(account.ID(e.Name)) // a name that stands for nobody
	}
	key := line{act: e.Act, reason: e.Reason, service: e.Service, subject: subject, record: e.Record, address: e.Address, note: e.Note}
	if !b.flood.pass(key, b.cfg.Now()) {
		b.cfg.Counters.Lost("log_lines", 1)
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	add := func(k, v string) {
		if v != "" {
			attrs = append(attrs, slog.String(k, v))
		}
	}
	if e.Act == account.ActCheck {
		add("verdict", e.Verdict.String())
	}
	add("reason", string(e.Reason))
	add("service", e.Service)
	add("front_end", e.FrontEnd)
	add("subject", subject)
	add("factor", e.Factor)
	add("source", e.Address)
	add("peer", e.Peer)
	if e.Actor != "user" && e.Actor != "daemon" {
		add("actor", e.Actor)
	}
	if e.Act == account.ActAlarm {
		add("note", e.Note)
	}
	if e.Took > 0 {
		attrs = append(attrs, slog.Float64("took_ms", float64(e.Took.Microseconds())/1000))
	}
	b.cfg.Log.LogAttrs(context.Background(), verdictLevel(e), string(e.Act), attrs...)
}

// line is what makes two log lines the same.
type line struct {
	act              account.Act
	reason           account.Reason
	service, subject string
	// record tells two app passwords apart that were made in one go.
	record        string
	address, note string
}

// repeat counts the lines that were held back.
type repeat struct {
	since time.Time
	held  int
}

// flood holds back repeated lines, so that somebody who tries a million times
// fills no disk. It counts them: the report of the window says how many.
type flood struct {
	mu     sync.Mutex
	seen   map[line]*repeat
	others int // held back because the window had too many different lines
}

func (f *flood) pass(k line, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.seen[k]; ok && now.Sub(r.since) < window && !now.Before(r.since) {
		r.held++
		return false
	} else if ok {
		r.since = now
		return true
	}
	most := maxLines
	if k.act != account.ActCheck {
		most += spareLines
	}
	if len(f.seen) >= most {
		f.others++
		return false
	}
	f.seen[k] = &repeat{since: now}
	return true
}

// ended takes out the windows that are over, and sums up what they held back.
func (f *flood) ended(now time.Time) (held, different int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, r := range f.seen {
		if now.Sub(r.since) < window && !now.Before(r.since) {
			continue
		}
		if r.held > 0 {
			held += r.held
			different++
		}
		delete(f.seen, k)
	}
	held += f.others
	f.others = 0
	return held, different
}

// report says in one line what was held back since the last.
func (b *Bus) report() {
	if held, different := b.flood.ended(b.cfg.Now()); held > 0 {
		b.cfg.Log.Info("repeated lines left out", "lines", held, "of_different", different)
	}
}
