package directory_test

import (
	"context"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// BenchmarkBind sets a bind out of the pool beside a bare one of go-ldap over
// a kept connection, against the same slapd.
func BenchmarkBind(b *testing.B) {
	s := directorytest.Start(b, directorytest.Options{})
	d := open(b, s.Config())
	alice := find(b, d, "alice")
	b.Run("pooled", func(b *testing.B) {
		for b.Loop() {
			if reason, err := d.Bind(context.Background(), alice, "alice-password"); reason != account.OK || err != nil {
				b.Fatal(reason, err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		c, err := ldap.DialURL(s.URL)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		for b.Loop() {
			if err := c.Bind(alice.DN, "alice-password"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
