package endtoend

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // damage is done as somebody with the file would

	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// daemonDo: daemon start|demo|stop|interrupt|kill, full|space for its disk, and log
// with patterns of what it must say by now: it is written beside the work.
func (st *story) daemonDo(args []string) (string, error) {
	most := 1
	if len(args) > 1 && args[0] == "log" {
		most = -1
	}
	if err := arity(args, 1, most); err != nil {
		return "", err
	}
	switch args[0] {
	case "start":
		return "", st.start()
	case "start-unseen": // by us, who may not ask it
		return "", st.run(st.listening, "serve", "--config", st.path("sallyport.toml"))
	case "demo":
		err := st.demo()
		return st.daemon.saidIf(err), err
	case "stop":
		err := st.daemon.stop()
		return st.daemon.said(), err
	case "interrupt": // Ctrl-C
		err := st.daemon.end(syscall.SIGINT)
		return st.daemon.said(), err
	case "kill":
		st.daemon.kill()
		return "", nil
	case "log":
		return st.logged(args[1:])
	case "full":
		return "", st.space(0)
	case "space":
		return "", st.space(unix.RLIM_INFINITY)
	default:
		return "", fmt.Errorf("daemon %s?", args[0])
	}
}

// logged is the log, once it says all of that.
func (st *story) logged(patterns []string) (log string, err error) {
	err = within(patience, func() error {
		log = st.log()
		for _, p := range patterns {
			if found, err := regexp.MatchString(p, log); err != nil {
				return fatal{err}
			} else if !found {
				return fmt.Errorf("the log does not say %s:\n%s", p, tail(log, 3000))
			}
		}
		return nil
	})
	return log, err
}

func (p *process) saidIf(err error) string {
	if err != nil {
		return ""
	}
	return p.said()
}

// directoryDo: directory kill|start|freeze|thaw|disable NAME|rename NAME NEW|recycle NAME
func (st *story) directoryDo(args []string) (string, error) {
	if err := arity(args, 1, 3); err != nil {
		return "", err
	}
	switch {
	case args[0] == "kill":
		st.people.Kill()
	case args[0] == "start":
		st.people.Restart()
	case args[0] == "freeze":
		st.people.Freeze()
	case args[0] == "thaw":
		st.people.Thaw()
	case args[0] == "disable" && len(args) == 2:
		st.people.Modify(directorytest.PersonDN(args[1]), "employeeType", "disabled")
	case args[0] == "enable" && len(args) == 2:
		st.people.Modify(directorytest.PersonDN(args[1]), "employeeType")
	case args[0] == "rename" && len(args) == 3:
		st.people.Rename(directorytest.PersonDN(args[1]), "uid="+args[2])
	case args[0] == "recycle" && len(args) == 2:
		st.people.Delete(directorytest.PersonDN(args[1]))
		st.people.AddPerson(directorytest.Person{Name: args[1]})
	default:
		return "", fmt.Errorf("directory %q?", args)
	}
	return "", nil
}

// pluginDo: plugin kill|freeze KIND, plugin restarted KIND, plugin pids
func (st *story) pluginDo(args []string) (string, error) {
	if err := arity(args, 1, 2); err != nil {
		return "", err
	}
	s, err := st.admin().status()
	if err != nil {
		return "", err
	}
	st.pids = nil
	for _, p := range s.Plugins {
		st.pids = append(st.pids, p.PID)
		if len(args) < 2 || p.Kind != args[1] {
			continue
		}
		switch {
		case args[0] == "kill":
			return "", syscall.Kill(p.PID, syscall.SIGKILL)
		case args[0] == "freeze":
			return "", freeze(p.PID)
		case args[0] == "restarted" && p.Up && p.Restarts > 0:
			return "", nil
		}
		return "", fmt.Errorf("plugin %s is %+v", args[0], p)
	}
	if args[0] == "pids" && len(st.pids) > 0 {
		return "", nil
	}
	return "", fmt.Errorf("no such plugin: %+v", s)
}

// gone looks whether every plugin process of "plugin pids" has ended, and
// whether their sockets went with them.
func (st *story) gone([]string) (string, error) {
	if len(st.pids) == 0 {
		return "", errors.New("no plugins noted")
	}
	return "", leftovers(st.site, st.pids)
}

// leftovers names what is left of plugin processes.
func leftovers(s *site, pids []int) error {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err == nil && !strings.Contains(string(stat), ") Z ") && strings.HasPrefix(exe, bin) {
			return fmt.Errorf("plugin process %d is still there", pid)
		}
	}
	return filepath.WalkDir(s.path("state"), func(p string, d os.DirEntry, err error) error {
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if err == nil && d.Type()&os.ModeSocket != 0 {
			return fmt.Errorf("socket %s is still there", p)
		}
		return nil
	})
}

// appendTo: append FILE TEXT
func (st *story) appendTo(args []string) (string, error) {
	if err := arity(args, 2, 2); err != nil {
		return "", err
	}
	f, err := os.OpenFile(st.ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("\n" + unescape(args[1]) + "\n")
	return "", errors.Join(err, f.Close())
}

// unescape reads \n, which the scripts have no other way to write.
func unescape(s string) string { return strings.ReplaceAll(s, `\n`, "\n") }

// replaceIn: replace FILE OLD NEW
func (st *story) replaceIn(args []string) (string, error) {
	if err := arity(args, 3, 3); err != nil {
		return "", err
	}
	path := st.ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(b), unescape(args[1])) {
		return "", fmt.Errorf("%q is not in %s", args[1], path)
	}
	return "", os.WriteFile(path, []byte(strings.Replace(string(b), unescape(args[1]), unescape(args[2]), 1)), 0o600)
}

// checkLogin: check STATUS SERVICE NAME PASSWORD [CODE] asks POST /v1/check.
func (st *story) checkLogin(args []string) (string, error) {
	if err := arity(args, 4, 5); err != nil {
		return "", err
	}
	l := login{service: args[1], name: args[2], password: args[3]}
	if len(args) == 5 {
		l.code = args[4]
	}
	a, err := st.check().verdict(l)
	return told(a, err, args[0])
}

func told(a answer, err error, want string) (string, error) {
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(want)
	if err != nil {
		return "", err
	}
	return a.String(), expectStatus(a, n)
}

// authLogin: auth [-latin1] STATUS SERVICE NAME PASSWORD asks GET /v1/auth.
func (st *story) authLogin(args []string) (string, error) {
	latin1 := len(args) > 0 && args[0] == "-latin1"
	if latin1 {
		args = args[1:]
	}
	if err := arity(args, 4, 4); err != nil {
		return "", err
	}
	a, err := st.check().auth(login{service: args[1], name: args[2], password: args[3]}, latin1)
	return told(a, err, args[0])
}

// askSocket: ask STATUS check|admin|metrics METHOD PATH [HEADER ...]
func (st *story) askSocket(args []string) (string, error) {
	if err := arity(args, 4, -1); err != nil {
		return "", err
	}
	c := client{st.path("run/" + args[1] + ".sock")}
	a, err := c.ask(request{method: args[2], path: args[3], headers: args[4:]})
	return told(a, err, args[0])
}

// postBody: post STATUS BODY [CONTENT-TYPE] sends any bytes to /v1/check.
func (st *story) postBody(args []string) (string, error) {
	if err := arity(args, 2, 3); err != nil {
		return "", err
	}
	kind := "application/json"
	if len(args) == 3 {
		kind = args[2]
	}
	a, err := st.check().ask(request{method: "POST", path: "/v1/check", headers: []string{"Content-Type: " + kind}, body: args[1]})
	return told(a, err, args[0])
}

// sql: sql STATEMENT changes the stopped daemon's database behind its back.
func (st *story) sql(args []string) (string, error) {
	if err := arity(args, 1, 1); err != nil {
		return "", err
	}
	db, err := sql.Open("sqlite", st.path("state/state.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return "", err
	}
	res, err := db.Exec(args[0])
	if err == nil {
		if n, _ := res.RowsAffected(); n == 0 {
			err = errors.New("the statement changed nothing")
		}
	}
	return "", errors.Join(err, db.Close())
}

// freeze stops a process, and returns when all its threads stand still: the
// signal alone is only a wish.
func freeze(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	return within(patience, func() error {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(stats) == 0 {
			return fmt.Errorf("no threads of %d: %v", pid, err)
		}
		for _, stat := range stats {
			text, err := os.ReadFile(stat)
			if err != nil {
				return err
			}
			if _, after, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(after, "T") {
				return fmt.Errorf("thread %s still runs", stat)
			}
		}
		return nil
	})
}
