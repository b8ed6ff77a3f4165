package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name, in                string
		passed, failed, skipped int
		shown, hidden           string
	}{
		{"pass", `{"Action":"output","Package":"p","Test":"T","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"T","Elapsed":1}
{"Action":"pass","Package":"p","Elapsed":1}`, 1, 0, 0, "pass  p", "chatter"},
		{"fail", `{"Action":"output","Package":"p","Test":"T","Output":"why\n"}
{"Action":"fail","Package":"p","Test":"T"}
{"Action":"fail","Package":"p"}`, 0, 1, 0, "why", "pass"},
		{"skip", `{"Action":"output","Package":"p","Test":"T","Output":"needs slapd\n"}
{"Action":"skip","Package":"p","Test":"T"}`, 0, 0, 1, "needs slapd", "fail"},
		{"no tests", `{"Action":"skip","Package":"p"}`, 0, 0, 0, "", "skip"},
		{"build", `{"Action":"build-output","ImportPath":"p","Output":"undefined: x\n"}
not json`, 0, 0, 0, "undefined: x\nnot json", "pass"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r := &run{out: &out, output: map[string][]string{}}
			if err := r.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if r.passed != c.passed || r.failed != c.failed || r.skipped != c.skipped {
				t.Errorf("%d passed, %d failed, %d skipped", r.passed, r.failed, r.skipped)
			}
			if !strings.Contains(out.String(), c.shown) || strings.Contains(out.String(), c.hidden) {
				t.Errorf("printed %q", out.String())
			}
		})
	}
}
