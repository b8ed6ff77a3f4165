// Command gotest runs go test -json with the arguments it is given, prints a
// line for each package and the output of what failed, and ends with one line:
// "N passed, N failed, N skipped".
//
// It is not part of what is installed; only the Makefile calls it. It exits
// with 1 where a test failed or did not build, and where CI=true and a test
// was skipped.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// event is one line of go test -json (see go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

type run struct {
	out                     io.Writer
	passed, failed, skipped int
	// output keeps what each test printed, until it is known to be needed.
	output map[string][]string
}

func main() {
	// Tests make folders for servers that run as other users, whatever the
	// umask of the one who tests.
	syscall.Umask(0o022)
	r := &run{out: os.Stdout, output: map[string][]string{}}
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	readErr := r.read(pipe)
	err = cmd.Wait()
	if (err != nil || readErr != nil) && r.failed == 0 {
		r.failed++ // a build that failed, or a run that was cut short
		fmt.Println("go test:", err, readErr)
	}
	strict := os.Getenv("CI") == "true" && r.skipped > 0
	if strict {
		fmt.Println("with CI=true nothing may be skipped")
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 || strict {
		os.Exit(1)
	}
}

// read takes in the whole stream.
func (r *run) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil && e.Action != "" {
			r.take(e)
		} else {
			fmt.Fprint(r.out, string(line))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the output of go test: %w", err)
		}
	}
}

func (r *run) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		r.finish(e, key)
		delete(r.output, key)
	}
}

func (r *run) finish(e event, key string) {
	name := strings.TrimPrefix(e.Package, "github.com/sallyport/sallyport/")
	if e.Test == "" {
		if e.Action == "fail" {
			fmt.Fprint(r.out, strings.Join(r.output[key], ""))
		}
		if e.Action != "skip" { // a package without tests is not a skipped test
			fmt.Fprintf(r.out, "%-4s  %s  %.1fs\n", e.Action, name, e.Elapsed)
		}
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
		return
	case "fail":
		r.failed++
	case "skip":
		r.skipped++
	}
	fmt.Fprintf(r.out, "%s: %s %s\n%s", e.Action, name, e.Test, strings.Join(r.output[key], ""))
}
