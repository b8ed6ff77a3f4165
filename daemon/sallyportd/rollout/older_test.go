package rollout

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// older is an older system with a fifth of the people in it, whose phones are taken
// over: first on trial, then for good, cut off by a crash in the middle, and again.
func (st *story) older() {
	theirs := sample(st.of(func(p *person) bool { return !p.walks && (p.group == "" || p.group == lecturers) })[4:], everybody()/5)
	text := "login,secret,algorithm,digits,period,label\n"
	for i, p := range theirs {
		p.imported, p.phone = true, newPhone([]byte(fmt.Sprintf("of the older system %06d", i)))
		algorithm := "SHA1"
		switch i % 4 {
		case 1:
			algorithm, p.phone.algorithm = "SHA256", sha256.New
		case 2:
			algorithm, p.phone.algorithm, p.phone.period = "SHA512", sha512.New, 60
		default:
			p.phone.algorithm = sha1.New
		}
		text += fmt.Sprintf("%s,%s,%s,6,%d,Old phone\n", p.name, base32.StdEncoding.EncodeToString(p.phone.key), algorithm, p.phone.period)
	}
	// Some cannot come along: a clerk who has left, and an app with eight digits.
	secret := base32.StdEncoding.EncodeToString([]byte("of the older system"))
	text += "gone," + secret + ",SHA1,6,30,\nalice," + secret + ",SHA1,8,30,\n"
	st.write("older.csv", text)

	// On trial, while everybody logs in.
	all := map[string]int{"imported": len(theirs), "present": 0, "refused": 2}
	st.imported(all, "--dry-run")
	st.balance()
	st.stop()
	cut := st.cutOff()
	again := map[string]int{"imported": len(theirs) - cut, "present": cut, "refused": 2}
	st.imported(again)
	became := st.became()
	for _, p := range theirs {
		if r := became[p.name]; r != "imported" && r != "present" {
			st.t.Errorf("the report says of %s: %q", p.name, r)
		}
	}
	if became["gone"] != "refused" || became["alice"] != "refused" || len(became) != len(theirs)+2 {
		st.t.Errorf("the report has %d people, and who cannot come is %s and %s", len(became), became["gone"], became["alice"])
	}
	st.ledger.did("import", len(theirs))
	st.start()
	st.each(sample(theirs, 100), func(p *person) error {
		if err := st.expect(p.web(""), "deny code_required"); err != nil {
			return err
		}
		code, err := p.phone.code()
		if err != nil {
			return err
		}
		return st.expect(p.web(code), "accept ok")
	})
}

// imported imports and expects these numbers; what is refused makes it end with 1.
func (st *story) imported(want map[string]int, more ...string) {
	st.t.Helper()
	cmd := st.importer(more...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		st.t.Fatalf("importing: %v\n%s", err, out)
	}
	st.t.Logf("import %s took %.1f s of processor time", strings.Join(more, " "), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	for what, n := range want {
		found := regexp.MustCompile(`(?m)^ *` + what + ` +(\d+)$`).FindSubmatch(out)
		if n == 0 && found == nil {
			continue
		}
		if found == nil || string(found[1]) != strconv.Itoa(n) {
			st.t.Errorf("want %d %s:\n%s", n, what, out[:min(2000, len(out))])
		}
	}
}

func (st *story) importer(more ...string) *exec.Cmd {
	args := append([]string{"import", "--config", st.path("sallyport.toml"), "--format", "csv", "--report", st.path("report.csv")}, more...)
	return st.command("sallyportd", append(args, st.path("older.csv"))...)
}

// cutOff imports and pulls the plug as soon as something is written; it returns how
// many are in.
func (st *story) cutOff() int {
	st.t.Helper()
	cmd := st.importer()
	before := st.written()
	st.must("importing", cmd.Start())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	st.within("the import", func() error {
		select {
		case <-done:
			return nil
		default:
		}
		if st.written() < before+int64(60*everybody()) {
			return errors.New("nothing is written yet")
		}
		return cmd.Process.Kill()
	})
	<-done
	// What is in, a trial says.
	out, _ := st.importer("--dry-run").CombinedOutput() // ends with 1: two cannot come
	found := regexp.MustCompile(`(?m)^ *present +(\d+)$`).FindSubmatch(out)
	if found == nil {
		st.t.Fatalf("how many are in?\n%s", out[:min(2000, len(out))])
	}
	n, err := strconv.Atoi(string(found[1]))
	st.must("reading", err)
	if n == 0 || n == everybody()/5 {
		st.t.Errorf("the import was not cut off in the middle: %d are in", n)
	}
	st.t.Logf("the import was cut off after %d of %d", n, everybody()/5)
	return n
}

// written is how much lies in the journal of the database.
func (st *story) written() int64 {
	info, err := os.Stat(st.path("state/state.db-wal"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// became is what the report says of each login.
func (st *story) became() map[string]string {
	st.t.Helper()
	b, err := os.ReadFile(st.path("report.csv"))
	st.must("reading the report", err)
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	st.must("reading the report", err)
	became := map[string]string{}
	for _, row := range rows[1:] {
		became[row[1]] = row[2]
	}
	return became
}
