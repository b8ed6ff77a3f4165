package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// result is what a load came to.
type result struct {
	requests int
	took     time.Duration
	p50, p99 time.Duration
}

func (r result) perSecond() float64 { return float64(r.requests) / r.took.Seconds() }

// load sends the requests in order over kept connections, with so many in
// flight, and fails at any status but the wanted one. It is deliberately thin:
// it shares the processors with what it measures.
func load(b *testing.B, socket string, inFlight, want int, requests [][]byte) result {
	b.Helper()
	var next atomic.Int64
	took := make([]time.Duration, len(requests))
	var g errgroup.Group
	start := time.Now()
	for range inFlight {
		g.Go(func() error {
			c, err := net.Dial("unix", socket)
			if err != nil {
				return err
			}
			defer c.Close() //nolint // only read from here on
			r := bufio.NewReaderSize(c, 4096)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(requests) {
					return nil
				}
				sent := time.Now()
				if _, err := c.Write(requests[i]); err != nil {
					return err
				}
				if err := answered(r, want); err != nil {
					return fmt.Errorf("request %d: %w", i, err)
				}
				took[i] = time.Since(sent)
			}
		})
	}
	must(b, g.Wait())
	return summary(took, time.Since(start))
}

// answered reads one response.
func answered(r *bufio.Reader, want int) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 {
		return fmt.Errorf("status line %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return fmt.Errorf("status line %q: %w", line, err)
	}
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return err
			}
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("status %d instead of %d: %s", status, want, body)
	}
	return nil
}
