package storetest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/store"
)

// crashDir tells the helper process where to write.
const crashDir = "STORETEST_CRASH_DIR"

const crashWriters = 8

// Crash kills a process that writes, with SIGKILL and at random moments, and
// looks whether everything that was acknowledged is there. It must be all that
// the calling test does: the test runs itself again as the process to kill.
//
// open opens the state in a directory, as it is; check, called after each
// round, looks at the state in the implementation's own way. 20 rounds, or
// what SALLYPORT_CRASH_ROUNDS says.
func Crash(t *testing.T, open func(t *testing.T, dir string) store.Store, check func(t *testing.T, s store.Store)) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashWrite(open(t, dir))
		return
	}
	rounds := 20
	if n, err := strconv.Atoi(os.Getenv("SALLYPORT_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	dir := t.TempDir()
	known := ledger{}
	for round := range rounds {
		crashRound(t, dir, known)
		t.Run(fmt.Sprint("round ", round+1), func(t *testing.T) {
			s := open(t, dir)
			known.compare(t, s)
			check(t, s)
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d rounds, %d acknowledged commits and tries", rounds, known.total())
}

// ledger is what was acknowledged: by subject, how many commits and tries.
type ledger map[string]int64

func (l ledger) total() (n int64) {
	for _, v := range l {
		n += v
	}
	return n
}

// crashWrite commits and counts until it is killed, and says on standard
// output what was acknowledged: "ack", a name, how often it was so far.
func crashWrite(s store.Store) {
	var out sync.Mutex
	ack := func(name string, n int64) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf("ack %s %d\n", name, n)
	}
	together(crashWriters, func(i int) {
		id := account.ID(fmt.Sprint("subject-", i))
		bucket := fmt.Sprint("bucket-", i)
		for {
			now, err := s.Load(context.Background(), id)
			if err != nil {
				panic(err)
			}
			n := now.Version + 1
			r := testRecord(id, string(id))
			r.Payload = fmt.Append(nil, n)
			err = s.Commit(context.Background(), account.Change{
				Subject: id, Version: now.Version, Put: []account.Record{r},
				Events: []account.Event{{Act: account.ActEnroll, Subject: id, At: Now(), Count: int(n)}}})
			if err != nil {
				panic(err)
			}
			ack(string(id), n)
			count := 0
			_, _, err = s.Fail(context.Background(), account.Try{Bucket: bucket, At: Now(), Since: time.Unix(1, 0),
				Allow: func(earlier []time.Time) time.Duration { count = len(earlier) + 1; return 0 }})
			if err != nil {
				panic(err)
			}
			ack(bucket, int64(count))
		}
	})
}

func crashRound(t *testing.T, dir string, known ledger) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A number of lines, and a bit: the kill lands anywhere in a transaction.
	left := rand.IntN(200)
	lines := bufio.NewScanner(pipe)
	killed := false
	for lines.Scan() {
		var name string
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "ack %s %d", &name, &n); err != nil {
			t.Errorf("the helper said %q", lines.Text())
			continue
		}
		known[name] = max(known[name], n)
		if left--; left < 0 && !killed {
			killed = true
			go func(after time.Duration) {
				<-time.After(after)
				_ = cmd.Process.Kill() // Wait tells
			}(time.Duration(rand.IntN(3000)) * time.Microsecond)
		}
	}
	if err := cmd.Wait(); err == nil || !killed {
		t.Fatalf("the helper ended by itself: %v", err)
	}
}

// compare looks for acknowledged writes that are gone.
func (l ledger) compare(t *testing.T, s store.Store) {
	t.Helper()
	events, err := s.Events(context.Background(), 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	newest := map[account.ID]int64{}
	for i, e := range events {
		if e.Seq != int64(i+1) || int64(e.Count) != newest[e.Subject]+1 {
			t.Fatalf("event %d of %s has number %d, count %d", i+1, e.Subject, e.Seq, e.Count)
		}
		newest[e.Subject]++
	}
	for i := range crashWriters {
		id, bucket := account.ID(fmt.Sprint("subject-", i)), fmt.Sprint("bucket-", i)
		p := load(t, s, id, "totp")
		if p.Version < l[string(id)] || p.Version != newest[id] {
			t.Errorf("%s: version %d, events %d, acknowledged %d", id, p.Version, newest[id], l[string(id)])
		}
		if p.Version > 0 && (len(p.Records) != 1 || string(p.Records[0].Payload) != fmt.Sprint(p.Version)) {
			t.Errorf("%s: version %d does not go with its payload", id, p.Version)
		}
		if n := len(triesIn(t, s, bucket)); int64(n) < l[bucket] {
			t.Errorf("%s: %d tries, acknowledged %d", bucket, n, l[bucket])
		}
	}
}
