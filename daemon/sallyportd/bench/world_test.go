package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/totp"
)

// world is a slapd with people, a store with their records, and the daemon.
type world struct {
	dir    string
	slapd  *directorytest.Server
	people []person
	daemon *exec.Cmd
	// stop ends the daemon.
	stop func()
}

// person is somebody who can log in.
type person struct {
	id       account.ID
	name, dn string
	secrets  []string // app passwords
	uri      string   // of the code app
}

// size is how many people there are and what each has.
type size struct {
	people, appPasswords int
	codes                bool
}

// newWorld fills a store before the daemon opens it: through the page it would
// take an hour.
func newWorld(b *testing.B, s size) *world {
	b.Helper()
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(dir)) })
	w := &world{dir: dir, slapd: directorytest.Start(b, directorytest.Options{More: s.people})}
	must(b, os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "bin")+"/",
		"../../../daemon/sallyportd", "../../../plugins/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building the binaries: %v\n%s", err, out)
	}
	w.findPeople(b, s.people)
	w.seed(b, s)
	w.start(b)
	b.Cleanup(func() { w.stop() })
	return w
}

// findPeople asks the directory for everybody's id, one by one: it gives
// nobody a list of so many.
func (w *world) findPeople(b *testing.B, n int) {
	b.Helper()
	w.people = make([]person, n)
	var next atomic.Int64
	var g errgroup.Group
	for range 16 {
		c := w.dial(b)
		must(b, c.Bind(directorytest.BindDN, directorytest.BindPassword))
		g.Go(func() error {
			defer c.Close() //nolint // the benchmark has what it came for
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				name := fmt.Sprintf("u%06d", i)
				res, err := c.Search(ldap.NewSearchRequest(directorytest.PersonDN(name), ldap.ScopeBaseObject, ldap.NeverDerefAliases,
					1, 0, false, "(objectClass=*)", []string{"entryUUID"}, nil))
				if err != nil {
					return fmt.Errorf("finding %s: %w", name, err)
				}
				e := res.Entries[0]
				w.people[i-1] = person{id: account.ID(e.GetAttributeValue("entryUUID")), name: name, dn: e.DN}
			}
			return nil
		})
	}
	must(b, g.Wait())
}

func (w *world) dial(b *testing.B) *ldap.Conn {
	b.Helper()
	c, err := ldap.DialURL(w.slapd.URL)
	must(b, err)
	return c
}

// seed writes everybody's records as enrollment would have.
func (w *world) seed(b *testing.B, s size) {
	b.Helper()
	ctx := context.Background()
	kekPath := filepath.Join(w.dir, "kek")
	must(b, seal.CreateKEK(kekPath))
	kek, err := seal.LoadKEK(kekPath)
	must(b, err)
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(w.dir, "state.db"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	must(b, err)
	ring, kept, err := seal.NewRing(kek, db.Instance())
	must(b, err)
	must(b, db.SaveKeysets(ctx, kept))
	st := db.Store(ring)
	var g errgroup.Group
	g.SetLimit(64)
	for i := range w.people {
		g.Go(func() error {
			c, err := w.people[i].enroll(s)
			if err != nil {
				return err
			}
			return st.Commit(ctx, c)
		})
	}
	must(b, g.Wait())
	st.Close()
	must(b, db.Close())
}

func (p *person) enroll(s size) (account.Change, error) {
	c := account.Change{Subject: p.id}
	add := func(kind string, f factor.Factor) (factor.Issued, error) {
		entropy := make([]byte, factor.EntropySize+16)
		rand.Read(entropy) //nolint // never fails
		issued, err := f.Enroll(context.Background(), factor.Enrollment{
			Account: p.name, Issuer: "bench", Entropy: entropy[:factor.EntropySize], Now: time.Now(),
		})
		c.Put = append(c.Put, account.Record{
			ID: hex.EncodeToString(entropy[factor.EntropySize:]), Subject: p.id, Factor: kind, Label: kind, Uses: -1,
			Created: time.Now(), Format: issued.Format, Payload: issued.Payload,
		})
		return issued, err
	}
	for range s.appPasswords {
		issued, err := add("app-password", apppassword.Factor{})
		if err != nil {
			return c, err
		}
		p.secrets = append(p.secrets, issued.Secret)
	}
	if s.codes {
		issued, err := add("totp", totp.Factor{})
		if err != nil {
			return c, err
		}
		p.uri = issued.URI
	}
	return c, nil
}

const configText = `
issuer = "bench"
state = "."
[keys]
kek = "kek"
[directory]
servers = ["%[1]s"]
base = "%[2]s"
bind_dn = "%[3]s"
bind_password_file = "ldap-password"
[[factor]]
kind = "totp"
[[factor]]
kind = "app-password"
standalone = true
[[factor]]
kind = "recovery"
[[service]]
name = "web"
accept = [["totp", "directory"], ["recovery", "directory"]]
[[service]]
name = "dav"
accept = [["app-password"]]
[[listen]]
protocol = "http"
path = "check.sock"
services = ["web", "dav"]
[[listen]]
protocol = "saslauthd"
path = "mux"
services = ["dav"]
[[listen]]
protocol = "dovecot"
path = "auth-client"
services = ["dav"]
`

// start runs the daemon and waits until it is ready.
func (w *world) start(b *testing.B) {
	b.Helper()
	must(b, os.WriteFile(filepath.Join(w.dir, "ldap-password"), []byte(directorytest.BindPassword), 0o400))
	text := fmt.Sprintf(configText, w.slapd.URL, directorytest.PeopleDN, directorytest.BindDN)
	must(b, os.WriteFile(filepath.Join(w.dir, "bench.toml"), []byte(text), 0o600))
	log, err := os.Create(filepath.Join(w.dir, "log"))
	must(b, err)
	w.daemon = exec.Command(filepath.Join(w.dir, "bin", "sallyportd"), "serve", "--config", filepath.Join(w.dir, "bench.toml"))
	w.daemon.Stderr = log
	must(b, w.daemon.Start())
	exited := make(chan error, 1)
	go func() { exited <- w.daemon.Wait() }()
	w.stop = func() {
		must(b, w.daemon.Process.Signal(syscall.SIGTERM))
		must(b, <-exited)
		must(b, log.Close())
	}
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", w.socket())
	}}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if res, err := c.Get("http://sallyport/v1/health/ready"); err == nil {
			must(b, res.Body.Close())
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		<-tick.C
	}
	said, _ := os.ReadFile(log.Name()) //nolint // best effort
	b.Fatalf("the daemon did not get ready:\n%s", said)
}

func (w *world) socket() string { return w.path("check.sock") }

func (w *world) path(rel string) string { return filepath.Join(w.dir, rel) }

// processes are the daemon and its plugins.
func (w *world) processes(b *testing.B) []int {
	b.Helper()
	pids := []int{w.daemon.Process.Pid}
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", w.daemon.Process.Pid))
	must(b, err)
	for _, f := range children {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // a thread that has just ended
		}
		for _, word := range strings.Fields(string(text)) {
			var pid int
			if _, err := fmt.Sscan(word, &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// cpu is the processor time of the daemon and its plugins so far.
func (w *world) cpu(b *testing.B) time.Duration {
	b.Helper()
	var ticks int64
	for _, pid := range w.processes(b) {
		ticks += cpuTicks(b, pid)
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}

func cpuTicks(b *testing.B, pid int) int64 {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(b, err)
	// Behind the name in brackets: state is field 3, utime 14, stime 15.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var user, system int64
	_, err = fmt.Sscan(string(fields[11]), &user)
	must(b, err)
	_, err = fmt.Sscan(string(fields[12]), &system)
	must(b, err)
	return user + system
}

// memory is the resident memory of the daemon and its plugins, in bytes.
func (w *world) memory(b *testing.B) int64 {
	b.Helper()
	var pages int64
	for _, pid := range w.processes(b) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		must(b, err)
		var all, resident int64
		_, err = fmt.Sscan(string(text), &all, &resident)
		must(b, err)
		pages += resident
	}
	return pages * int64(os.Getpagesize())
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
