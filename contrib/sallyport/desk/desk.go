// Package desk is the form on a terminal for those who answer calls all day: a
// login, the one screen, one key for what is to be done, reason and ticket, a
// question that names the person, the result, and back to the next call.
//
// It is no client and decides nothing: whatever it asks goes through the Client,
// and the daemon's rules hold here as everywhere. It lives on the terminal's other
// screen, which has no scrollback and is gone when it ends, so that no code stays
// behind. Only contrib/sallyport uses it.
package desk

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
)

// Client asks the daemon. Its errors are sentences for the operator.
type Client interface {
	Person(ctx context.Context, name string) (api.Person, error)
	Act(ctx context.Context, o Order) (api.Done, error)
}

// Order is what is to be done to one person. Verb is the last part of the address
// that it is posted to, Record the one app password that is meant, if it is one, and
// For how long a code holds, as it was typed.
type Order struct{ Name, Verb, Reason, Ticket, Record, For string }

// Config is what the form needs.
type Config struct {
	Client Client
	Now    func() time.Time
	// German says it in German.
	German bool
	In     io.Reader
	Out    io.Writer
}

// usual is for how long a code holds where nobody says otherwise.
const usual = "1h"

// again is how often the last tries are read anew while somebody is on the screen.
const again = 3 * time.Second

// Run shows the form until it is left.
func Run(ctx context.Context, cfg Config) error {
	_, err := tea.NewProgram(newForm(ctx, cfg), tea.WithContext(ctx), tea.WithInput(cfg.In), tea.WithOutput(cfg.Out)).Run()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("showing the form: %w", err)
	}
	return nil
}

// stage is where a call stands.
type stage uint8

const (
	searching stage = iota
	looking
	choosing
	writing
	asking
	working
	finished
)

// form is the whole state of the terminal.
type form struct {
	ctx           context.Context
	cfg           Config
	words         words
	width, height int
	stage         stage
	login         textinput.Model
	fields        [3]textinput.Model // reason, ticket, and for how long, which only a code asks
	at            int                // which of the fields
	person        api.Person
	top           int // the first line of the person that is seen
	verb          verb
	record        api.Record // that was chosen
	pick          int        // which of those to choose from
	done          api.Done
	note          string // what went wrong
	busy          bool
}

func newForm(ctx context.Context, cfg Config) *form {
	f := &form{ctx: ctx, cfg: cfg, words: english(), width: 80, height: 24}
	if cfg.German {
		f.words = german()
	}
	f.begin()
	return f
}

// begin is ready for the next call, and has forgotten the last.
func (f *form) begin() {
	field := func(prompt string, limit int) textinput.Model {
		in := textinput.New()
		in.Prompt, in.CharLimit = prompt, limit
		// It would start programs to read a clipboard; terminals paste by themselves.
		in.KeyMap.Paste = key.NewBinding()
		return in
	}
	f.stage, f.person, f.done, f.note, f.top, f.busy = searching, api.Person{}, api.Done{}, "", 0, false
	f.record, f.pick = api.Record{}, 0
	f.login = field(f.words.search, 256)
	f.fields = [3]textinput.Model{field(f.words.reason, 500), field(f.words.ticket, 64), field(f.words.life, 16)}
	f.fields[2].SetValue(usual)
	f.login.Focus()
	f.fit()
}

// fit makes the fields as wide as the terminal lets them be; longer texts move in
// them.
func (f *form) fit() {
	const edge = 2 // the cursor behind the last letter
	for _, in := range []*textinput.Model{&f.login, &f.fields[0], &f.fields[1], &f.fields[2]} {
		in.SetWidth(max(1, f.width-len([]rune(in.Prompt))-edge))
	}
}

// found is the answer about a person, done that to an order; tick asks anew.
type (
	found struct {
		asked  string
		person api.Person
		err    error
	}
	done struct {
		done api.Done
		err  error
	}
	tick struct{ name string }
)

// look asks about a person.
func (f *form) look(name string) tea.Cmd {
	return func() tea.Msg {
		p, err := f.cfg.Client.Person(f.ctx, name)
		return found{name, p, err}
	}
}

// act carries out what was confirmed.
func (f *form) act() tea.Cmd {
	o := Order{Name: f.person.Name, Verb: f.verb.path, Reason: f.fields[0].Value(), Ticket: f.fields[1].Value(), Record: f.record.ID}
	if f.verb.lasts {
		o.For = strings.TrimSpace(f.fields[2].Value())
	}
	return func() tea.Msg {
		d, err := f.cfg.Client.Act(f.ctx, o)
		return done{d, err}
	}
}

func wait(name string) tea.Cmd {
	return tea.Tick(again, func(time.Time) tea.Msg { return tick{name} })
}
