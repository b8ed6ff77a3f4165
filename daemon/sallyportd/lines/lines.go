// Package lines writes the log beside the work: whoever logs leaves a line in
// memory and goes on, and one writer takes all that wait to the file at once.
// Under load that is one system call for many lines.
//
// It is no buffer to lose things in: a line waits for the length of one write,
// not for a timer, and Close writes what is left. A daemon that is killed loses
// the lines of its last moment; what must survive that stands in the audit. It
// belongs to the daemon's main, which alone may call it.
package lines

import (
	"errors"
	"io"
	"sync"
)

// most is how many bytes wait at most; beyond it, who logs waits too.
const most = 1 << 20

// Writer hands lines on. It is safe for concurrent use.
type Writer struct {
	out  io.Writer
	mu   sync.Mutex
	more *sync.Cond // something waits, or the end
	room *sync.Cond // something was taken
	wait []byte
	err  error
	done bool
	gone chan struct{}
}

// New starts the writer.
func New(out io.Writer) *Writer {
	w := &Writer{out: out, gone: make(chan struct{})}
	w.more, w.room = sync.NewCond(&w.mu), sync.NewCond(&w.mu)
	go w.run()
	return w
}

// Write leaves one line. It fails after Close, and tells the error of an
// earlier write once.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.wait) >= most && !w.done {
		w.room.Wait()
	}
	if w.done {
		return 0, errors.New("the log is closed")
	}
	err := w.err
	w.err = nil
	if len(w.wait) == 0 {
		w.more.Signal()
	}
	w.wait = append(w.wait, line...)
	return len(line), err
}

func (w *Writer) run() {
	defer close(w.gone)
	var taken []byte
	for {
		w.mu.Lock()
		for len(w.wait) == 0 && !w.done {
			w.more.Wait()
		}
		taken, w.wait = w.wait, taken[:0]
		w.room.Broadcast()
		w.mu.Unlock()
		if len(taken) == 0 {
			return
		}
		if _, err := w.out.Write(taken); err != nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
		}
	}
}

// Close writes what is left and returns the error of a write that failed.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.done = true
	w.more.Signal()
	w.room.Broadcast()
	w.mu.Unlock()
	<-w.gone
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
