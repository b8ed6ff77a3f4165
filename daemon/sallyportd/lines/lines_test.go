package lines

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// slow is a file that takes its time: each write waits to be let through.
type slow struct {
	let    chan struct{}
	got    bytes.Buffer
	writes int
	err    error
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.let
	s.writes++
	if s.err != nil {
		return 0, s.err
	}
	return s.got.Write(p)
}

func TestEveryLineArrivesWholeAndInOrder(t *testing.T) {
	s := &slow{let: make(chan struct{})}
	close(s.let)
	w := New(s)
	var all sync.WaitGroup
	for who := range 8 {
		all.Go(func() {
			for n := range 1000 {
				if _, err := fmt.Fprintf(w, "%d %d\n", who, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for line := range strings.Lines(s.got.String()) {
		who, n, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n != fmt.Sprint(next[who]) {
			t.Fatalf("%s wrote %q, want %d", who, n, next[who])
		}
		next[who]++
	}
	if len(next) != 8 || next["7"] != 1000 {
		t.Errorf("arrived: %v", next)
	}
}

func TestWhatWaitsIsOneWrite(t *testing.T) {
	s := &slow{let: make(chan struct{})}
	w := New(s)
	for range 100 {
		fmt.Fprintln(w, "line")
	}
	close(s.let)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s.writes > 2 || strings.Count(s.got.String(), "line\n") != 100 {
		t.Errorf("%d writes for %d bytes", s.writes, s.got.Len())
	}
}

// A disk that does not keep up makes those wait who log, and loses nothing.
func TestMemoryIsBounded(t *testing.T) {
	s := &slow{let: make(chan struct{})}
	w := New(s)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3000 {
			if _, err := w.Write(line); err != nil {
				t.Error(err)
			}
		}
	}()
	s.let <- struct{}{} // the first write, of whatever waited then
	w.mu.Lock()
	waiting := len(w.wait)
	w.mu.Unlock()
	if waiting > most+len(line) {
		t.Errorf("%d bytes wait", waiting)
	}
	close(s.let)
	<-done
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s.got.Len() != 3000*len(line) {
		t.Errorf("%d bytes arrived", s.got.Len())
	}
}

func TestAFailedWriteIsTold(t *testing.T) {
	s := &slow{let: make(chan struct{}), err: errors.New("disk full")}
	close(s.let)
	w := New(s)
	fmt.Fprintln(w, "line")
	if err := w.Close(); err == nil || err.Error() != "disk full" {
		t.Errorf("told: %v", err)
	}
	if _, err := fmt.Fprintln(w, "late"); err == nil {
		t.Error("a line after the end was taken")
	}
}
