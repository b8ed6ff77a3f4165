package endtoend

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// keyOf is the key of the phone of somebody of another system.
func keyOf(n int) string {
	return base32.StdEncoding.EncodeToString(fmt.Appendf(nil, "of person no. %07d", n))
}

// table writes the people u000001 and on as a table of another system.
func (s *site) table(people int) string {
	s.t.Helper()
	text := "login,secret,algorithm,digits,period,label\n"
	for n := 1; n <= people; n++ {
		text += fmt.Sprintf("u%06d,%s,SHA1,6,30,\n", n, keyOf(n))
	}
	path := s.path("people.csv")
	s.must("writing a table", os.WriteFile(path, []byte(text), 0o600))
	return path
}

type imported struct {
	Entries int
	Counts  map[string]int
	Seconds float64
}

// written looks, many times a second, until the import has written so many bytes.
func (s *site) written(p *process, size int64) error {
	deadline, tick := time.After(patience), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return fmt.Errorf("the import was over too soon: %s", p.said())
		case <-deadline:
			return fmt.Errorf("nothing was written within %s", patience)
		case <-tick.C:
			if st, err := os.Stat(s.path("state/state.db-wal")); err == nil && st.Size() >= size {
				return nil
			}
		}
	}
}

// TestImportIsCutOff kills an import in the middle of its writing, twice. The same
// command then brings the rest, and everybody's phone works.
func TestImportIsCutOff(t *testing.T) {
	t.Parallel()
	// So many that the import still writes when it is looked at, on a fast machine too.
	const people = 3000
	s := newSite(t, options{more: people})
	args := []string{"import", "--config", s.path("sallyport.toml"), "--format", "csv", "--json", s.table(people)}
	// The first makes the database, so that what is written later are people.
	s.must("a dry run", exec.Command(filepath.Join(bin, "sallyportd"), append(args, "--dry-run")...).Run())
	for round := range 2 {
		p, err := startProcess(exec.Command(filepath.Join(bin, "sallyportd"), args...))
		s.must("starting an import", err)
		s.must("waiting for the first people", s.written(p, 64<<10<<(2*round)))
		p.kill()
		t.Logf("round %d: cut off", round)
	}
	out, err := exec.Command(filepath.Join(bin, "sallyportd"), args...).Output()
	s.must("importing", err)
	var got imported
	s.must("reading what it says", json.Unmarshal(out, &got))
	if got.Entries != people || got.Counts["present"] == 0 || got.Counts["present"]+got.Counts["imported"] != people {
		t.Errorf("after two cuts: %+v", got)
	}
	t.Logf("after two cuts: %+v", got)
	s.must("starting", s.start())
	for _, n := range []int{1, people / 2, people} {
		name := fmt.Sprintf("u%06d", n)
		code, err := s.phones.code(keyOf(n))
		s.must("computing a code", err)
		a, err := s.check().verdict(login{name: name, password: name + "-password", code: code, service: "web"})
		if err != nil || a.status != 200 {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	tool := func(args ...string) string {
		out, err := exec.Command(filepath.Join(bin, "sallyport"), append([]string{"--socket", s.path("run/admin.sock")}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	tool("audit", "verify")
	if n := strings.Count(tool("audit", "export"), `"import"`); n != people {
		t.Errorf("%d events of imports, want one for each of %d", n, people)
	}
}

// Every command of the document works as it stands there.
func TestImportDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "contrib/docs/import.md"))
	if err != nil {
		t.Fatal(err)
	}
	d := &drill{site: newSite(t, options{})}
	var table string
	for i, part := range strings.Split(string(text), "```") {
		if i%2 == 0 {
			continue
		}
		if block, ok := strings.CutPrefix(part, "sh\n"); ok {
			d.blocks = append(d.blocks, block)
		} else if block, ok := strings.CutPrefix(part, "csv\n"); ok {
			table = block
		}
	}
	if len(d.blocks) != 4 || table == "" {
		t.Fatalf("the document has %d blocks of commands and %d bytes of a table, this test knows 4: look at both", len(d.blocks), len(table))
	}
	d.must("making a folder", os.Mkdir(d.path("backup"), 0o700))
	d.must("making a folder", os.MkdirAll(d.path("homes/dora"), 0o700))
	for path, text := range map[string]string{
		"people.csv": table, "state/list.txt": "otpauth://totp/carla?secret=" + keyOf(1) + "\n", "homes/dora/.google_authenticator": keyOf(2) + "\n\" TOTP_AUTH\n",
		"state/psk": "12345678901234567890123456789012", "state/tokens.xml": `<KeyContainer><KeyPackage><Key Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp">
<UserId>bert</UserId><Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret></Data></Key></KeyPackage></KeyContainer>`,
	} {
		d.must("writing a file", os.WriteFile(d.path(path), []byte(text), 0o600))
	}
	// The drill knows no quotation marks and no loops, and cannot give files away.
	d.blocks[3] = strings.ReplaceAll(d.blocks[3], "'we move to another system'", "we-move-to-another-system")
	loop, rest, _ := strings.Cut(d.blocks[2], "\n")
	_, d.blocks[2], _ = strings.Cut(rest, "\n")
	loop = strings.NewReplacer("/home/", d.path("homes")+"/", "-o sallyport ", "", "/var/lib/sallyport/", d.path("state")+"/").Replace(loop)
	if said, err := exec.Command("sh", "-c", loop).CombinedOutput(); err != nil || !strings.HasPrefix(rest, "chown sallyport ") {
		t.Fatalf("%s: %v\n%s\nand then %s", loop, err, said, rest)
	}
	d.must("starting", d.start())
	if said := d.follow(0); !strings.Contains(said, "dry run") || !strings.Contains(said, "imported  2\n") {
		t.Errorf("the dry run said:\n%s", said)
	}
	if said := d.follow(1); !strings.Contains(said, "imported  2\n") {
		t.Errorf("the import said:\n%s", said)
	}
	code, err := d.phones.code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	d.must("computing a code", err)
	if got := d.reason("alice", code); got != "ok" {
		t.Errorf("alice's code: %s", got)
	}
	if said := d.follow(2); strings.Count(said, "imported  1\n") != 2 || strings.Count(said, "skipped   1\n") != 1 {
		t.Errorf("the other formats said:\n%s", said)
	}
	config, err := os.ReadFile(d.path("sallyport.toml"))
	d.must("reading the config", err)
	d.must("writing the config", os.WriteFile(d.path("sallyport.toml"), []byte(strings.Replace(string(config), "kind = \"totp\"\n", "kind = \"totp\"\nexportable = true\n", 1)), 0o600))
	if said := d.follow(3); strings.Count(said, "exported  2 code apps of 2 people") != 2 {
		t.Errorf("the export said:\n%s", said)
	}
	if _, err := os.Stat(d.path("state/everybody.csv")); err == nil {
		t.Error("the secrets still lie there")
	}
}

// BenchmarkImport is the whole command with ten thousand people, and with the same
// again: SALLYPORT_PEOPLE says how many others.
func BenchmarkImport(b *testing.B) {
	people := 10_000
	if _, err := fmt.Sscan(os.Getenv("SALLYPORT_PEOPLE"), &people); err != nil {
		people = 10_000
	}
	s := newSite(b, options{more: people})
	args := []string{"import", "--config", s.path("sallyport.toml"), "--format", "csv", "--json", s.table(people)}
	for b.Loop() {
		s.must("emptying the state", errors.Join(os.RemoveAll(s.path("state")), os.Mkdir(s.path("state"), 0o700)))
		for _, how := range []string{"new", "again"} {
			begun := time.Now()
			cmd := exec.Command(filepath.Join(bin, "sallyportd"), args...)
			if out, err := cmd.Output(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			took := time.Since(begun)
			// Without the directory's share; on a machine with other work it says more.
			b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu_s_"+how)
			b.ReportMetric(took.Seconds(), "s_"+how)
			b.ReportMetric(float64(people)/took.Seconds(), "people/s_"+how)
		}
	}
}

// On a terminal it shows how far it is, and takes that away again; into a file it
// writes nothing of the kind.
func TestImportShowsHowFarItIs(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{more: 300})
	args := []string{"import", "--config", s.path("sallyport.toml"), "--format", "csv", "--dry-run", s.table(300)}
	cmd := exec.Command(filepath.Join(bin, "sallyportd"), args...)
	screen, err := pty.Start(cmd)
	s.must("starting on a terminal", err)
	seen, _ := io.ReadAll(screen) // ends with an error when the terminal goes
	s.must("importing", cmd.Wait())
	if text := string(seen); !strings.Contains(text, "entries") || !strings.Contains(text, "%") || !strings.Contains(text, "imported  300") {
		t.Errorf("on a terminal:\n%q", tail(text, 2000))
	}
	said, err := exec.Command(filepath.Join(bin, "sallyportd"), args...).CombinedOutput()
	if err != nil || strings.Contains(string(said), "%") {
		t.Errorf("into a file: %v\n%s", err, said)
	}
}
