package pluginhost_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/pluginhost"
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/factortest"
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/totp"
)

// house is the house's own plugins, built as they are shipped, and pinned.
func house(t testing.TB, kinds ...string) []pluginhost.Spec {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", dir + "/"}
	for _, kind := range kinds {
		args = append(args, "../../plugins/cmd/sallyport-"+kind)
	}
	build := exec.Command("go", args...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %v: %v\n%s", kinds, err, out)
	}
	var specs []pluginhost.Spec
	for _, kind := range kinds {
		path := filepath.Join(dir, "sallyport-"+kind)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, pluginhost.Spec{
			Kind: kind, Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(b)), MTLS: true, Timeout: 5 * time.Second,
		})
	}
	return specs
}

// What every factor promises, it also keeps in a process of its own.
func TestFactorsOverTheWire(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		direct factor.Factor
		suite  factortest.Case
	}{
		"totp":         {totp.Factor{}, factortest.TOTP(nil)},
		"app-password": {apppassword.Factor{}, factortest.AppPassword()},
		"recovery":     {recovery.New(), factortest.Recovery()},
	}
	var log logBuffer
	h := start(t, pluginhost.Config{Log: log.logger()}, house(t, "totp", "app-password", "recovery"), nil)
	for kind, c := range cases {
		t.Run(kind, func(t *testing.T) {
			want, err := c.direct.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := h.Info(kind); got != want {
				t.Errorf("Info = %+v, in process %+v", got, want)
			}
			factortest.Run(t, h.Factor(kind), c.suite)
		})
	}
	if s := log.String(); s != "" {
		t.Errorf("the plugins had something to say:\n%s", s)
	}
}

// BenchmarkHop is one check of an app password, in the plugin's own process and
// beside it directly.
func BenchmarkHop(b *testing.B) {
	direct := apppassword.Factor{}
	issued, err := direct.Enroll(context.Background(), factor.Enrollment{
		Account: "alice", Issuer: "Example", Entropy: make([]byte, factor.EntropySize), Now: time.Unix(1_700_000_000, 0),
	})
	if err != nil {
		b.Fatal(err)
	}
	r := factor.Request{
		Input: issued.Secret, Now: time.Unix(1_700_000_000, 0),
		Records: []factor.Record{{ID: "r1", Format: issued.Format, Payload: issued.Payload}},
	}
	h := start(b, pluginhost.Config{}, house(b, "app-password"), nil)
	for _, way := range []struct {
		name string
		f    factor.Factor
	}{{"direct", direct}, {"process", h.Factor("app-password")}} {
		for _, inFlight := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d_in_flight", way.name, inFlight), func(b *testing.B) {
				b.ReportAllocs()
				hop(b, way.f, r, inFlight)
			})
		}
	}
}

func hop(b *testing.B, f factor.Factor, r factor.Request, inFlight int) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var callers sync.WaitGroup
	for range inFlight {
		callers.Go(func() {
			for left.Add(-1) >= 0 {
				if got, err := f.Verify(context.Background(), r); err != nil || got.Verdict != factor.Accept {
					b.Errorf("%v, %v", got, err)
					return
				}
			}
		})
	}
	callers.Wait()
}
