package pam

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// readers is a process with the module's readers of foreign bytes in it, built
// with sanitizers. It is asked one input after the other; an error of memory
// ends it, and the next question starts another.
type readers struct {
	program string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	said    *bytes.Buffer
}

// newReaders compiles the readers; they end with the test.
func newReaders(f *testing.F) *readers {
	f.Helper()
	r := &readers{program: compileReaders(f)}
	f.Cleanup(func() {
		if err := r.end(); err != nil { // a leak is found at the end
			f.Errorf("the readers did not end well: %v\n%s", err, r.said)
		}
	})
	return r
}

// compileReaders does so once for all targets, from a copy: what Go itself has
// read, its cache of results watches.
func compileReaders(t testing.TB) string {
	t.Helper()
	needCompiler(t)
	built.mu.Lock()
	defer built.mu.Unlock()
	if dir, ok := built.dirs["readers"]; ok {
		return filepath.Join(dir, "readers")
	}
	dir, err := os.MkdirTemp("", "sppam")
	if err != nil {
		t.Fatalf("making a folder: %v", err)
	}
	built.dirs[dir] = dir // goes with the test, whatever becomes of it
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatalf("copying the sources: %v", err)
	}
	args := append(strings.Fields(sanitized), "-O1", "-g", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I", "src",
		"-o", "readers", "testdata/units.c", "src/answer.c", "src/base64.c", "src/login.c", "src/options.c")
	if said, err := run.Run(run.Command{Path: "gcc", Args: args, Dir: dir}); err != nil {
		t.Fatalf("compiling: %v\n%s", err, said)
	}
	delete(built.dirs, dir)
	built.dirs["readers"] = dir
	return filepath.Join(dir, "readers")
}

func (r *readers) start(t *testing.T) {
	t.Helper()
	cmd, said := exec.Command(r.program), &bytes.Buffer{}
	cmd.Stderr = said
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatalf("starting the readers: %v", err)
	}
	r.cmd, r.in, r.out, r.said = cmd, in, bufio.NewReader(out), said
}

// end waits for a process that finds its input at an end. It also ends by
// itself when the test is killed.
func (r *readers) end() error {
	if r.cmd == nil {
		return nil
	}
	_ = r.in.Close() // a broken pipe is told by the exit status
	err := r.cmd.Wait()
	r.cmd = nil
	return err
}

// read puts an input through one of the readers and returns what it made of it.
func (r *readers) read(t *testing.T, kind byte, input []byte) string {
	t.Helper()
	if r.cmd == nil {
		r.start(t)
	}
	process := r.cmd.Process
	endless := time.AfterFunc(run.Patience, func() { _ = process.Kill() })
	defer endless.Stop()
	record := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(input)))
	_, err := r.in.Write(append(record, input...))
	line := ""
	if err == nil {
		line, err = r.out.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("%q broke the readers: %v, %v\n%s", input, err, r.end(), r.said)
	}
	return strings.TrimSuffix(line, "\n")
}

// fields cuts a line of the readers at its blanks; the last n fields are texts
// in hex.
func fields(t *testing.T, line string, n int) []string {
	t.Helper()
	out := strings.Split(strings.TrimSuffix(line, "."), " ")
	for i := max(0, len(out)-n); i < len(out); i++ {
		raw, err := hex.DecodeString(out[i])
		if err != nil {
			t.Fatalf("reading %q: %v", line, err)
		}
		out[i] = string(raw)
	}
	return out
}
