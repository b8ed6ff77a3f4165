package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/sys/unix"
)

// respell: respell VARIABLE upper|spaces|bare|slip SECRET writes a code as
// people do.
func (st *story) respell(args []string) (string, error) {
	if err := arity(args, 3, 3); err != nil {
		return "", err
	}
	s := args[2]
	switch args[1] {
	case "upper":
		s = strings.ToUpper(s)
	case "spaces":
		s = " " + strings.ReplaceAll(s, "-", " ") + " "
	case "bare":
		s = strings.ReplaceAll(s, "-", "")
	case "slip":
		other := "a"
		if s[0] == 'a' {
			other = "b"
		}
		s = other + s[1:]
	default:
		return "", fmt.Errorf("respell %s?", args[1])
	}
	st.ts.Setenv(args[0], s)
	return "", nil
}

// exits: exits STATUS PROGRAM [ARGUMENT ...]; one that goes on is ended. STATUS
// may be several, as in 1-2.
func (st *story) exits(args []string) (string, error) {
	if err := arity(args, 2, -1); err != nil {
		return "", err
	}
	return st.command(args[0], "", args[1:])
}

// exitsIn: exits-in STATUS PASSWORD CODE -- PROGRAM ... types two lines.
func (st *story) exitsIn(args []string) (string, error) {
	at := slices.Index(args, "--")
	if at < 2 || at+1 >= len(args) {
		return "", fmt.Errorf("wrong words: %q", args)
	}
	return st.command(args[0], strings.Join(args[1:at], "\n")+"\n", args[at+1:])
}

func (st *story) command(want, stdin string, words []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, words[0]), words[1:]...)
	cmd.Dir, cmd.Stdin = st.dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "SALLYPORT_SOCKET="+st.ts.Getenv("SALLYPORT_SOCKET"))
	out, err := cmd.CombinedOutput()
	got := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		return "", err
	}
	if !slices.Contains(strings.Split(want, "-"), strconv.Itoa(got)) {
		return "", fmt.Errorf("%s exits with %d, want %s:\n%s", strings.Join(words, " "), got, want, out)
	}
	return string(out), nil
}

// shows: shows PATTERN PROGRAM ... runs a command that must succeed and print
// something like it.
func (st *story) shows(args []string) (string, error) {
	if err := arity(args, 2, -1); err != nil {
		return "", err
	}
	out, err := st.command("0", "", args[1:])
	if err == nil && !regexp.MustCompile("(?m)"+args[0]).MatchString(out) {
		err = fmt.Errorf("no %s in:\n%s", args[0], out)
	}
	return out, err
}

// mend: mend PROGRAM ... runs a command that must refuse, and then the chmod
// that it tells, after which it must not refuse for the same reason.
func (st *story) mend(args []string) (string, error) {
	out, err := st.command("1-2", "", args)
	if err != nil {
		return "", err
	}
	told := regexp.MustCompile("chmod [^ ]+ /[^ \"`\n]+").FindString(out)
	if told == "" {
		return "", fmt.Errorf("it tells no command that mends it:\n%s", out)
	}
	words := strings.Fields(told)
	return out, exec.Command(words[0], words[1:]...).Run()
}

// mutant: mutant OLD NEW checks a config with one mistake in it: refused, by
// both commands, with a line for people.
func (st *story) mutant(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	right, err := os.ReadFile(st.path("sallyport.toml"))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(right), unescape(args[0])) {
		return "", fmt.Errorf("%q is not in the config", args[0])
	}
	wrong := strings.Replace(string(right), unescape(args[0]), unescape(args[1]), 1)
	if err := os.WriteFile(st.path("mutant.toml"), []byte(wrong), 0o600); err != nil {
		return "", err
	}
	out, err := st.command("2", "", []string{"sallyportd", "check-config", "--config", st.path("mutant.toml")})
	if err != nil {
		return "", err
	}
	if !regexp.MustCompile(`(?m)mutant\.toml:[0-9]+: `).MatchString(out) {
		return "", fmt.Errorf("no file and line in:\n%s", out)
	}
	_, err = st.command("2", "", []string{"sallyportd", "serve", "--config", st.path("mutant.toml")})
	return strings.ReplaceAll(out, "mutant.toml", "sallyport.toml"), err
}

// alike: alike FILE FILE ... compares answers byte for byte, but for the date.
func (st *story) alike(args []string) (string, error) {
	date := regexp.MustCompile(`(?m)^Date: .*$`)
	first := date.ReplaceAllString(st.ts.ReadFile(args[0]), "")
	for _, f := range args[1:] {
		if got := date.ReplaceAllString(st.ts.ReadFile(f), ""); got != first {
			return "", fmt.Errorf("%s and %s differ:\n%s\n%s", args[0], f, first, got)
		}
	}
	return "", nil
}

// same: same VALUE VALUE
func (st *story) same(args []string) (string, error) {
	if len(args) != 2 || args[0] != args[1] || args[0] == "" {
		return "", fmt.Errorf("not the same: %q", args)
	}
	return "", nil
}

// keep: keep VARIABLE VALUE
func (st *story) keep(args []string) (string, error) {
	st.ts.Setenv(args[0], args[1])
	return "", nil
}

// enrollURL: enrollurl VARIABLE takes the link out of the last answer.
func (st *story) enrollURL(args []string) (string, error) {
	found := regexp.MustCompile(`"enroll_url":"([^"]+)"`).FindStringSubmatch(st.ts.ReadFile("stdout"))
	if found == nil {
		return "", errors.New("no enroll_url")
	}
	st.ts.Setenv(args[0], found[1])
	return "", nil
}

// record: record VARIABLE LABEL takes an id out of what "user --json" printed.
func (st *story) record(args []string) (string, error) {
	var person struct{ Records []struct{ ID, Label string } }
	if err := json.Unmarshal([]byte(st.ts.ReadFile("stdout")), &person); err != nil {
		return "", err
	}
	for _, r := range person.Records {
		if r.Label == args[1] {
			st.ts.Setenv(args[0], r.ID)
			return "", nil
		}
	}
	return "", fmt.Errorf("no record %q", args[1])
}

// spellings: spellings NAME APP-PASSWORD tries ways to write a name that a
// directory takes for the same.
func (st *story) spellings(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	id := regexp.MustCompile(`"id":"([^"]+)"`)
	right, err := st.check().verdict(login{name: args[0], password: args[1], service: "dav"})
	if err != nil {
		return "", err
	}
	want := id.FindString(right.body)
	if want == "" {
		return "", fmt.Errorf("no id in %s", right)
	}
	wide := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, args[0])
	variants := []string{wide, strings.ToUpper(wide), strings.ToUpper(args[0]), strings.ToUpper(args[0][:1]) + args[0][1:],
		"mu\u0308ller", "MU\u0308LLER", "m\u00fcll\u24d4r", "uid=" + args[0], args[0] + "@example.org", args[0] + "*"}
	for _, odd := range []string{" ", "\u00a0", "\u3000", "\u200b", "\u00ad", "\ufeff", "\u2028", "\\", "\\00", "#", ",", "+", "\U000e0001"} {
		variants = append(variants, odd+args[0], args[0]+odd, args[0][:1]+odd+args[0][1:])
	}
	for i, v := range variants {
		// From an address of its own, so that none is refused for the others.
		a, err := st.check().auth(login{name: v, password: args[1], service: "dav", source: fmt.Sprintf("10.9.%d.1", i)}, false)
		if err != nil {
			return "", err
		}
		if a.status == http.StatusUnauthorized || a.status == http.StatusBadRequest {
			continue
		}
		b, err := st.check().verdict(login{name: v, password: args[1], service: "dav"})
		if err != nil || a.status != http.StatusNoContent || id.FindString(b.body) != want {
			return "", fmt.Errorf("%q gets %d and\n%s", v, a.status, b)
		}
	}
	return "", nil
}

// tooLong: toolong BYTES FIELD sends a field that is longer than allowed.
func (st *story) tooLong(args []string) (string, error) {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return "", err
	}
	l := login{service: "web", name: "alice", password: "x"}
	if args[1] == "username" {
		l.name = strings.Repeat("a", n)
	} else {
		l.password = strings.Repeat("a", n)
	}
	a, err := st.check().verdict(l)
	return told(a, err, "400")
}

// pagePost: pagepost STATUS ADDRESS HEADER BODY sends the page a form that no
// page of ours made.
func (st *story) pagePost(args []string) (string, error) {
	if err := arity(args, 4, 4); err != nil {
		return "", err
	}
	u, err := st.page.resolve(args[1])
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, u.String(), strings.NewReader(args[3]))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if name, value, ok := strings.Cut(args[2], ": "); ok {
		r.Header.Set(name, value)
	}
	resp, err := st.page.client.Transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	return told(answer{resp.StatusCode, resp.Header, text(doc)}, nil, args[0])
}

// keepCookies and putCookies are somebody who copied the browser's cookies.
func (st *story) keepCookies([]string) (string, error) {
	st.cookies = st.page.client.Jar.Cookies(st.page.base)
	if len(st.cookies) == 0 {
		return "", errors.New("no cookies to keep")
	}
	return "", nil
}

func (st *story) putCookies([]string) (string, error) {
	for _, c := range st.cookies {
		c.Path, c.Secure = "/", true
	}
	st.page.client.Jar.SetCookies(st.page.base, st.cookies)
	return "", nil
}

// space sets how large the daemon's files may grow: 0 is a full disk.
func (st *story) space(limit uint64) error {
	return unix.Prlimit(st.daemon.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: unix.RLIM_INFINITY}, nil)
}
