package notify_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/postoffice"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/events"
	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/plugins/hook"
)

// audit is the part of a store that hooks are fed from.
type audit struct {
	mu  sync.Mutex
	all []account.Event
}

func (a *audit) Log(context.Context, []account.Event, []account.Record) error { return nil }

func (a *audit) Commit(context.Context, account.Change) error { return nil }

func (a *audit) Events(_ context.Context, after int64, limit int) ([]account.Event, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from := min(int(after), len(a.all))
	return slices.Clone(a.all[from:min(from+limit, len(a.all))]), nil
}

// happen audits an act of the person.
func (a *audit) happen(act account.Act, name string, edit func(*account.Event)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := account.Event{
		Seq: int64(len(a.all)) + 1, At: time.Now(), Act: act, Subject: account.ID("id-" + name), Name: name, Actor: "user",
		Factor: "app-password", Label: "iPhone von " + name, Reason: account.OK, Address: "192.0.2.7",
	}
	if edit != nil {
		edit(&e)
	}
	a.all = append(a.all, e)
}

func (a *audit) Observe(account.Event) {}
func (a *audit) Lost(string, int)      {}

// Find knows everybody as name@example.org.
func (a *audit) Find(_ context.Context, name string) (account.Facts, error) {
	return account.Facts{Subject: account.Subject{ID: account.ID("id-" + name), Name: name, DisplayName: "Jörg " + name, Mail: name + "@example.org"}}, nil
}

// site is the real plugin in a process of its own, fed from an audit.
type site struct {
	*audit
	host *pluginhost.Host
	bus  *events.Bus
	log  *run.Buffer
}

// program builds the plugin, as "make build" does.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sallyport-notify")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./plugins/cmd/sallyport-notify")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the plugin: %v\n%s", err, out)
	}
	return path
}

func open(t *testing.T, path, state string, settings map[string]string) *site {
	t.Helper()
	return openWith(t, path, hook.Setup{Settings: settings}, state)
}

// openWith opens a site of an operator with texts of its own.
func openWith(t *testing.T, path string, setup hook.Setup, state string) *site {
	t.Helper()
	t.Helper()
	s := &site{audit: &audit{}, log: &run.Buffer{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	s.host, err = pluginhost.Start(t.Context(), pluginhost.Config{
		RunDir: dir, Log: log, Setup: hook.Setup{
			Operator: "Universität Beispiel", Phone: "+49 30 1234567", Hours: "Mo-Fr 9-17", Mail: "hilfe@example.org", Texts: setup.Texts,
		},
	}, nil, []pluginhost.Spec{{Kind: "notify", Path: path, MTLS: true, Addresses: true, Settings: setup.Settings}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.host.Close()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("the log:\n%s", s.log)
		}
	})
	s.bus = events.New(events.Config{
		Log: log, Counters: s.audit, Journal: s.audit, People: s.audit, Cursor: events.Files{Dir: state}, Now: time.Now,
		Pseudonym: func(account.ID) string { return "p" },
		Hooks:     []events.Named{{Name: "notify", Hook: s.host.Hook("notify"), Mail: true}},
	})
	return s
}

// run feeds the plugin until stop is called.
func (s *site) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.bus.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func settings(p *postoffice.Office, password string) map[string]string {
	return map[string]string{
		"server": fmt.Sprintf("localhost:%d", p.Port), "ca_file": p.CAFile, "from": "noreply@example.org",
		"user": postoffice.User + "@mail.example.org", "password_file": password, "timezone": "Europe/Berlin",
	}
}

func secret(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	run.Write(t, path, postoffice.Password+"\n", 0o400)
	return path
}

// text is the part of a mail that is read without pictures.
func text(t *testing.T, m *mail.Message) string {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// What the audit says is what arrives, by way of a plugin process, an encrypted
// line and a real mail server, and reads as the letters of both languages do.
func TestTheOwnerReadsWhatHappened(t *testing.T) {
	p := postoffice.Open(t, postoffice.Options{Encrypted: true, Implicit: true, Login: true})
	p.Start(t)
	given := settings(p, secret(t))
	given["tls"] = "implicit"
	texts := t.TempDir()
	run.Write(t, filepath.Join(texts, "mail.de.json"), `{"replaced.subject": "Ein anderes Handy", "replaced.what": "Zugang {login} ist umgezogen ({when})."}`, 0o644)
	run.Write(t, filepath.Join(texts, "mail.en.json"), `{"greeting": "Dear {who},"}`, 0o644)
	s := openWith(t, program(t), hook.Setup{Settings: given, Texts: texts}, t.TempDir())
	s.happen(account.ActCheck, "alice", nil)
	s.happen(account.ActIssue, "alice", func(e *account.Event) {
		e.At = time.Date(2026, 7, 3, 22, 5, 0, 0, time.UTC)
		e.At = e.At.Add(time.Since(e.At).Truncate(24 * time.Hour)) // a day that is not over yet, at five past
	})
	at := s.all[1].At
	s.happen(account.ActReplace, "bert", func(e *account.Event) { e.Factor = "totp" })
	stop := s.run()
	m := p.Box(t, "alice", 1)[0]
	theirs := p.Box(t, "bert", 1)[0]
	stop()
	subject, err := new(mime.WordDecoder).DecodeHeader(theirs.Header.Get("Subject"))
	if body := text(t, theirs); err != nil || subject != "Ein anderes Handy / Phone replaced" || !strings.Contains(body, "Zugang bert ist umgezogen (") || !strings.Contains(body, "Dear Jörg bert,") {
		t.Errorf("of the operator's own texts arrived: %q, %v\n%s", subject, err, body)
	}
	golden, err := os.ReadFile(filepath.Join("letter", "testdata", "both.txt"))
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	local := at.In(zone)
	month := strings.Fields("Januar Februar März April Mai Juni Juli August September Oktober November Dezember")[local.Month()-1]
	_, want, _ := strings.Cut(strings.NewReplacer(
		"4. Juli 2026 um 00:05 Uhr (CEST)", local.Format("2. ")+month+local.Format(" 2006 um 15:04 Uhr (MST)"), "4 July 2026 at 00:05 (CEST)", local.Format("2 January 2006 at 15:04 (MST)"),
		"iPhone von Jörg", "iPhone von alice", "Hello Jörg Müller", "Dear Jörg alice", "Jörg Müller", "Jörg alice", "mueller", "alice",
	).Replace(string(golden)), "\n\n")
	if got := text(t, m); got != want {
		t.Errorf("arrived is\n%s\nwant\n%s", got, want)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || *to[0] != (mail.Address{Name: "Jörg alice", Address: "alice@example.org"}) {
		t.Errorf("it goes to %v, %v", to, err)
	}
	if !p.Encrypted() || m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("encrypted: %t, header %v", p.Encrypted(), m.Header)
	}
}

// While the mail server is away nothing is lost; afterwards everything arrives
// in its order and once, also over a new start of the daemon, and nobody's mail
// waits for a recipient that does not exist.
func TestAMailServerThatIsAwayLosesNothing(t *testing.T) {
	p := postoffice.Open(t, postoffice.Options{Encrypted: true, Login: true})
	path, state := program(t), t.TempDir()
	s := open(t, path, state, settings(p, secret(t)))
	people := []string{"alice", "nobody", "bert", "carla", "alice"}
	for _, name := range people {
		s.happen(account.ActIssue, name, nil)
	}
	s.happen(account.ActReset, "bert", func(e *account.Event) { e.Actor, e.Address = "helen(1001)", "" })
	stop := s.run()
	err := run.Within(run.Patience, func() error {
		if n := strings.Count(s.log.String(), "hook not told, trying again"); n < 2 {
			return fmt.Errorf("only %d tries so far", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	p.Start(t)
	again := open(t, path, state, settings(p, secret(t)))
	again.all = s.all
	stop = again.run()
	p.Box(t, "bert", 2)
	again.happen(account.ActReset, "carla", func(e *account.Event) { e.Actor = "helen(1001)" })
	again.bus.Record(account.Event{Act: account.ActReset})
	p.Box(t, "carla", 2)
	stop()
	var order []string
	for _, id := range p.Taken() {
		order = append(order, strings.Split(id, ".")[1])
	}
	if got := strings.Join(order, " "); got != "1 3 4 5 6 7" {
		t.Errorf("the mails came in the order %s", got)
	}
	if log := again.log.String(); !strings.Contains(log, "act 2: passed over") || strings.Contains(log, "nobody@") {
		t.Errorf("of the recipient that does not exist the log says:\n%s", log)
	}
}

// With settings that cannot be, the plugin does not start, and says all of it.
func TestThePluginRefusesItsSettings(t *testing.T) {
	h, err := pluginhost.Start(t.Context(), pluginhost.Config{RunDir: t.TempDir(), Setup: hook.Setup{Texts: filepath.Join(t.TempDir(), "away")}}, nil,
		[]pluginhost.Spec{{Kind: "notify", Path: program(t), MTLS: true, Settings: map[string]string{"server": "mail.example.org"}}})
	if err == nil {
		_ = h.Close()
	}
	for _, want := range []string{"server", "from is missing", "[page.support]", "mail = true", "reading the folder of texts"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v says nothing of %q", err, want)
		}
	}
}
