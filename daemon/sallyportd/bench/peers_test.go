package bench

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// noWorkEnv makes the test binary a server that does nothing, in a process of
// its own like the daemon.
const noWorkEnv = "SALLYPORT_BENCH_NO_WORK"

func TestMain(m *testing.M) {
	if socket := os.Getenv(noWorkEnv); socket != "" {
		l, err := net.Listen("unix", socket)
		if err == nil {
			err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// noWork starts the server that does nothing and returns its socket.
func noWork(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "s")
	self, err := os.Executable()
	must(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), noWorkEnv+"="+socket)
	must(b, cmd.Start())
	b.Cleanup(func() {
		must(b, cmd.Process.Kill())
		cmd.Wait() //nolint // it was killed
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if c, err := net.Dial("unix", socket); err == nil {
			must(b, c.Close())
			return socket
		}
		<-tick.C
	}
	b.Fatal("the server that does nothing did not start")
	return ""
}

// bareLDAP does what a program does that asks the directory itself: search for
// the name, then bind, over kept connections.
func (w *world) bareLDAP(b *testing.B, inFlight int, people []person, search bool) result {
	b.Helper()
	work := make(chan person, len(people))
	for _, p := range people {
		work <- p
	}
	close(work)
	type pair struct{ search, bind *ldap.Conn }
	conns := make([]pair, inFlight)
	for i := range conns {
		conns[i] = pair{w.dial(b), w.dial(b)}
		must(b, conns[i].search.Bind(directorytest.BindDN, directorytest.BindPassword))
	}
	var g errgroup.Group
	start := time.Now()
	for _, c := range conns {
		g.Go(func() error {
			for p := range work {
				dn := p.dn
				if search {
					res, err := c.search.Search(ldap.NewSearchRequest(directorytest.PeopleDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
						2, 0, false, "(uid="+ldap.EscapeFilter(p.name)+")", []string{"uid", "entryUUID"}, nil))
					if err != nil {
						return err
					}
					dn = res.Entries[0].DN
				}
				if err := c.bind.Bind(dn, p.name+"-password"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(b, g.Wait())
	r := result{requests: len(people), took: time.Since(start)}
	for _, c := range conns {
		c.search.Close() //nolint // done with it
		c.bind.Close()   //nolint // done with it
	}
	return r
}
