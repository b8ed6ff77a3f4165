package directory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

func walker(t *testing.T, s *directorytest.Server, change func(*directory.Config)) *directory.Directory {
	t.Helper()
	cfg := s.Config()
	cfg.Now = time.Now
	change(&cfg)
	d, err := directory.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Everybody comes once, over many pages, with id and groups; who is switched off
// does not. Both ways to groups agree.
func TestWalkTellsOfEverybodyOnce(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{More: 371})
	for name, change := range map[string]func(*directory.Config){
		"memberOf":     func(*directory.Config) {},
		"group filter": func(c *directory.Config) { c.GroupBase, c.GroupFilter = directorytest.GroupsDN, "(member={dn})" },
	} {
		d := walker(t, s, change)
		n, err := d.Count(context.Background())
		if err != nil || n != 371+4 {
			t.Fatalf("%s: %d people are counted, %v", name, n, err)
		}
		seen := map[string]account.Facts{}
		if err := d.Walk(context.Background(), func(f account.Facts) error {
			if _, twice := seen[f.Name]; twice || f.ID == "" || f.DN == "" {
				t.Errorf("%s: %+v", name, f)
			}
			seen[f.Name] = f
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(seen) != n || !slices.Equal(seen["alice"].Groups, []string{"staff"}) || len(seen["müller"].Groups) != 0 || seen["dora"].ID != "" {
			t.Errorf("%s: %d people, alice in %v", name, len(seen), seen["alice"].Groups)
		}
		found, err := d.Find(context.Background(), "alice")
		if err != nil || found.ID != seen["alice"].ID {
			t.Errorf("%s: alice is %s when found, %s when walked by: %v", name, found.ID, seen["alice"].ID, err)
		}
	}
}

// A walk ends with the error of whoever is told, and does no harm to what comes
// after it.
func TestWalkEndsEarly(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{More: 250})
	d := walker(t, s, func(*directory.Config) {})
	enough := errors.New("enough")
	for range 3 {
		n := 0
		if err := d.Walk(context.Background(), func(account.Facts) error {
			if n++; n == 120 {
				return enough
			}
			return nil
		}); !errors.Is(err, enough) || n != 120 {
			t.Fatalf("after %d people: %v", n, err)
		}
		if _, err := d.Find(context.Background(), "alice"); err != nil {
			t.Fatal(err)
		}
	}
	s.Kill()
	if err := d.Walk(context.Background(), func(account.Facts) error { return nil }); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("without a directory: %v", err)
	}
}

// A directory that allows small pages only is asked for small ones; one that does
// not let everybody be listed is an error that says what to do, and no short list.
func TestWalkMeetsLimits(t *testing.T) {
	s := directorytest.Start(t, directorytest.Options{More: 96, Limits: "size.pr=30 size.prtotal=unlimited"})
	n := 0
	if err := walker(t, s, func(*directory.Config) {}).Walk(context.Background(), func(account.Facts) error { n++; return nil }); err != nil || n != 100 {
		t.Errorf("with pages of 30: %d people, %v", n, err)
	}
	s = directorytest.Start(t, directorytest.Options{More: 300, Limits: "size=50 size.prtotal=150"})
	err := walker(t, s, func(*directory.Config) {}).Walk(context.Background(), func(account.Facts) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "raise its limit") {
		t.Errorf("with a limit of 150: %v", err)
	}
}
