// Package fixed knows what a reload cannot change: where the state and the keys
// are, and which sockets are open. Everything else of a config can.
//
// It compares two configs that were both found to be good, and changes nothing.
// It belongs to package config; only the daemon's main calls it.
package fixed

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/config/strict"
)

const (
	reason = "has changed, and a running daemon cannot change it"
	mend   = "restart the daemon, or write back what was there"
)

// Check returns a Problems with each key of the file at path that only a restart
// can change, or nil. Of the two configs, the first is in force.
func Check(path string, now, next *config.Config) error {
	keys := changed(now, next)
	if len(keys) == 0 {
		return nil
	}
	text, err := strict.Guarded(path)
	if err != nil {
		return fmt.Errorf("looking for the lines that need a restart: %w", err)
	}
	doc, _ := strict.Read(path, filepath.Dir(path), text)
	for _, key := range keys {
		doc.Add(key, reason, mend)
	}
	return doc.Err()
}

func changed(now, next *config.Config) (keys []string) {
	for _, k := range []struct {
		key       string
		now, next any
	}{
		{"issuer", now.Issuer, next.Issuer},
		{"state", now.State, next.State},
		{"store.path", now.Store, next.Store},
		{"store.journal", now.Journal, next.Journal},
		{"keys.kek", now.KEK, next.KEK},
		{"page.listen", now.Page.Listen, next.Page.Listen},
		{"page.tls_cert", now.Page.TLSCert == "", next.Page.TLSCert == ""},
		{"metrics.listen", now.Metrics, next.Metrics},
		{"log.format", now.Log.Format, next.Log.Format},
		{"listen", len(now.Listeners), len(next.Listeners)},
	} {
		if k.now != k.next {
			keys = append(keys, k.key)
		}
	}
	if !slices.Equal(now.Page.TrustedProxies, next.Page.TrustedProxies) {
		keys = append(keys, "page.trusted_proxies")
	}
	if len(now.Listeners) == len(next.Listeners) {
		for i := range now.Listeners {
			keys = append(keys, socket(i, now.Listeners[i], next.Listeners[i])...)
		}
	}
	return keys
}

// socket compares what makes the file of a socket, and what is spoken there.
func socket(i int, now, next config.Listen) (keys []string) {
	for _, k := range []struct {
		key       string
		now, next any
	}{
		{"protocol", now.Protocol, next.Protocol}, {"path", now.Path, next.Path},
		{"mode", now.Mode, next.Mode}, {"group", now.Group, next.Group},
	} {
		if k.now != k.next {
			keys = append(keys, fmt.Sprintf("listen[%d].%s", i, k.key))
		}
	}
	return keys
}
