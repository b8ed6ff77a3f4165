package endtoend

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// story is one script with its site and its browsers.
type story struct {
	*site
	ts       *testscript.TestScript
	browsers map[string]*browser
	page     *browser
	// base and socket are where browsers go.
	base, socket string
	// behind says that the story may change the database behind the daemon's back.
	behind bool
	// pids are the plugins of "plugin pids", cookies those of keepcookies.
	pids    []int
	cookies []*http.Cookie
}

// verb is a command of the scripts. What it returns goes to stdout.
type verb func(st *story, args []string) (string, error)

func verbs() map[string]verb {
	return map[string]verb{
		"daemon":    (*story).daemonDo,
		"directory": (*story).directoryDo,
		"plugin":    (*story).pluginDo,
		"append":    (*story).appendTo,
		"replace":   (*story).replaceIn,
		"browser":   (*story).changeBrowser,
		"browse":    (*story).browse,
		"submit":    (*story).submitForm,
		"click":     (*story).clickLink,
		"take":      (*story).take,
		"sheet":     (*story).sheet,
		"code":      (*story).nextCode,
		"wrongcode": (*story).noCode,
		"check":     (*story).checkLogin,
		"auth":      (*story).authLogin,
		"ask":       (*story).askSocket,
		"post":      (*story).postBody,
		"exits":     (*story).exits,
		"setup":     (*story).setUp,
		"gone":      (*story).gone,
		"invite":    (*story).invite,
		"respell":   (*story).respell,
		"exits-in":  (*story).exitsIn,
		"keep":      (*story).keep,
		"shows":     (*story).shows,
		"mend":      (*story).mend,
		"mutant":    (*story).mutant,
		"alike":     (*story).alike,
		"same":      (*story).same,
		"enrollurl": (*story).enrollURL,
		"record":    (*story).record,
		"spellings": (*story).spellings,
		"toolong":   (*story).tooLong,
		"pagepost":  (*story).pagePost,
		"given":     (*story).given,
		"earlycode": (*story).earlyCode,
		"join":      (*story).joinGroup,
		"rollout":   (*story).rollout,

		"keepcookies": (*story).keepCookies,
		"putcookies":  (*story).putCookies,
		"cookie":      (*story).cookie,
		"ticket":      (*story).ticket,
		"nowhere":     (*story).nowhere,
	}
}

// TestScripts plays testdata/script, each story with a site of its own. They know
// nothing but sockets, page, commands and files of the operator.
func TestScripts(t *testing.T) {
	t.Parallel()
	playAll(t, "testdata/script/*.txtar", false)
}

// TestDamage plays testdata/damage, the one kind of story that knows how we keep
// things: somebody with the disk changes what is there.
func TestDamage(t *testing.T) {
	t.Parallel()
	playAll(t, "testdata/damage/*.txtar", true)
}

func playAll(t *testing.T, pattern string, behind bool) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if strings.HasPrefix(name, "demo") {
			continue // TestDemo plays them, one after the other
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := &story{site: newSite(t, options{}), base: "https://login.example.org", behind: behind}
			st.socket = st.path("run/page.sock")
			play(t, file, st)
		})
	}
}

// TestDemo plays the scripts about the demo, whose ports are fixed.
func TestDemo(t *testing.T) {
	need(t, "curl", "curl")
	files, err := filepath.Glob("testdata/script/demo*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			play(t, file, &story{site: newSite(t, options{bare: true}), base: "http://127.0.0.1:8080"})
		})
	}
}

func play(t *testing.T, file string, st *story) {
	st.browsers = map[string]*browser{}
	st.must("opening a browser", st.open("first"))
	cmds := map[string]func(*testscript.TestScript, bool, []string){}
	all := verbs()
	for name, do := range all {
		cmds[name] = func(ts *testscript.TestScript, neg bool, args []string) { st.do(ts, neg, do, args) }
	}
	if st.behind {
		cmds["sql"] = func(ts *testscript.TestScript, neg bool, args []string) { st.do(ts, neg, (*story).sql, args) }
	}
	// eventually LIMIT VERB ... asks until the verb succeeds.
	cmds["eventually"] = func(ts *testscript.TestScript, neg bool, args []string) {
		do, ok := all[args[0]]
		if !ok {
			ts.Fatalf("no command %s to wait for", args[0])
		}
		st.do(ts, neg, func(st *story, args []string) (out string, err error) {
			err = within(patience, func() error { out, err = do(st, args); return err })
			return out, err
		}, args[1:])
	}
	testscript.Run(t, testscript.Params{
		Files: []string{file}, Cmds: cmds, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			env.Setenv("HOUSE", st.dir)
			env.Setenv("BIN", bin)
			env.Setenv("CONFIG", st.path("sallyport.toml"))
			env.Setenv("SALLYPORT_SOCKET", st.path("run/admin.sock"))
			env.Setenv("UID", strconv.Itoa(os.Getuid()))
			self, err := user.Current()
			if err != nil {
				return fmt.Errorf("finding out who plays: %w", err)
			}
			env.Setenv("LOGIN", self.Username)
			env.Setenv("TZ", "UTC")
			return nil
		},
	})
}

func (st *story) do(ts *testscript.TestScript, neg bool, do verb, args []string) {
	st.ts = ts
	out, err := do(st, args)
	switch {
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("unexpected success:\n%s", out)
	}
	if out != "" {
		fmt.Fprintln(ts.Stdout(), strings.TrimRight(out, "\n"))
	}
}

func arity(args []string, least, most int) error {
	if len(args) < least || most >= 0 && len(args) > most {
		return fmt.Errorf("wrong number of words: %q", args)
	}
	return nil
}

// open makes a browser, or goes back to one.
func (st *story) open(name string) error {
	if b, ok := st.browsers[name]; ok {
		st.page = b
		return nil
	}
	b, err := newBrowser(st.base, st.socket)
	if err != nil {
		return err
	}
	st.browsers[name], st.page = b, b
	return nil
}

// changeBrowser: browser NAME [LANGUAGE]
func (st *story) changeBrowser(args []string) (string, error) {
	if err := arity(args, 1, 2); err != nil {
		return "", err
	}
	if err := st.open(args[0]); err != nil {
		return "", err
	}
	if len(args) > 1 {
		st.page.lang = args[1]
	}
	return "", nil
}

// browse: browse ADDRESS
func (st *story) browse(args []string) (string, error) {
	if err := arity(args, 1, 1); err != nil {
		return "", err
	}
	err := st.page.get(args[0])
	return st.shown(err)
}

func (st *story) shown(err error) (string, error) {
	if err != nil {
		return "", err
	}
	return st.page.String(), nil
}

// submitForm: submit ACTION [FIELD=VALUE ...]
func (st *story) submitForm(args []string) (string, error) {
	if err := arity(args, 1, -1); err != nil {
		return "", err
	}
	given := url.Values{}
	for _, a := range args[1:] {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			return "", fmt.Errorf("%q is not FIELD=VALUE", a)
		}
		given.Add(name, value)
	}
	return st.shown(st.page.submit(args[0], given))
}

// clickLink: click WORDS
func (st *story) clickLink(args []string) (string, error) {
	return st.shown(st.page.click(strings.Join(args, " ")))
}

// take: take ID VARIABLE
func (st *story) take(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	value, err := st.page.read(args[0])
	st.ts.Setenv(args[1], value)
	return "", err
}

// sheet takes the ten emergency codes into E1 to E10.
func (st *story) sheet([]string) (string, error) {
	codes := st.page.emergencyCodes()
	if len(codes) != 10 {
		return "", fmt.Errorf("%d emergency codes on this page, want 10:\n%s", len(codes), st.page)
	}
	for i, c := range codes {
		st.ts.Setenv(fmt.Sprintf("E%d", i+1), c)
	}
	return "", nil
}

// nextCode: code VARIABLE KEY
func (st *story) nextCode(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	c, err := st.phones.code(args[1])
	st.ts.Setenv(args[0], c)
	return "", err
}

// noCode: wrongcode VARIABLE KEY
func (st *story) noCode(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	c, err := wrongCode(args[1])
	st.ts.Setenv(args[0], c)
	return "", err
}

// setUp: setup NAME tells in one word what the tour tells step by step: a
// person signs in and sets up. KEY, APP and the emergency codes are set.
func (st *story) setUp(args []string) (string, error) {
	if err := arity(args, 1, 1); err != nil {
		return "", err
	}
	p, err := st.enroll(st.page, args[0], "")
	if err != nil {
		return "", err
	}
	st.ts.Setenv("KEY", p.key)
	for i, c := range p.codes {
		st.ts.Setenv(fmt.Sprintf("E%d", i+1), c)
	}
	app, err := issue(st.page, "My laptop")
	st.ts.Setenv("APP", app)
	return "", err
}

// invite: invite FILE VARIABLE takes the unlock code out of what reset printed.
func (st *story) invite(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(st.ts.ReadFile(args[0]), "\n") {
		if code, ok := strings.CutPrefix(strings.TrimSpace(line), "Invite code:"); ok {
			st.ts.Setenv(args[1], strings.TrimSpace(code))
			return "", nil
		}
	}
	return "", fmt.Errorf("no invite code in %s", args[0])
}
