// Package directory asks the LDAP directory: who is this, is the account fit,
// is this password right.
//
// It wraps go-ldap and hides it: nothing of LDAP leaves but a DN, carried in
// account.Facts from Find to Bind. It keeps connections ready, goes from server
// to server, and remembers facts about accounts for a minute; it never
// remembers a password or the answer to one. It holds no rule of who gets in:
// that is package check, which declares the interface that Directory fits.
// Only the mains make a Directory.
//
// A search is repeated on the next server when one fails. A bind is not: one
// that was sent and not answered may have been counted as a failed try, so it
// is sent again only where a connection out of the pool proved dead, once.
//
// A server that fails is probed twice a second in the background and skipped
// until it answers, so that no login waits for it; then it still stands behind
// the others for the cool-down. If all are away, calls fail at once, and Find
// serves facts of at most MaxStale.
//
// Facts are up to FactTTL old, and with them the DN that is bound to: if a
// person is deleted and another one made under the very same DN within that
// minute, the new one is taken for the old one until it ends.
package directory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/link"
)

const (
	// missingTTL is how long a name that nobody has is not searched again, and
	// maxMissing how many such names are remembered: the same name over and
	// over, which a throttle of wrong passwords counts once, must not become
	// as many searches.
	missingTTL = time.Second
	maxMissing = 4096
)

// maxPassword is the longest password that is sent, in bytes. Longer ones are
// refused, never cut.
const maxPassword = 1024

// Directory is the operator's LDAP directory. It is safe for use by many
// goroutines.
type Directory struct {
	cfg     Config
	reader  *reader
	servers []*link.Server
	facts   *lru.Cache[string, known]
	missing *lru.Cache[string, time.Time]
	stop    context.CancelFunc
	tending sync.WaitGroup
}

// known is a fact in the cache. Expired ones still serve an outage.
type known struct {
	facts   account.Facts
	expired bool
}

// Open checks the config and starts dialling. The servers need not be up. An
// error means that the config cannot work or is not safe.
func Open(cfg Config) (*Directory, error) {
	cfg.complete()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	endpoints, err := cfg.endpoints()
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	d := &Directory{cfg: cfg}
	if d.reader, err = newReader(cfg); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if d.facts, err = lru.New[string, known](cfg.MaxFacts); err != nil {
		return nil, fmt.Errorf("directory: making the facts cache: %w", err)
	}
	if d.missing, err = lru.New[string, time.Time](maxMissing); err != nil {
		return nil, fmt.Errorf("directory: making the cache of missing names: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	for i, e := range endpoints {
		e.Notify = func(up bool) { d.changed(i, up) }
		d.servers = append(d.servers, link.NewServer(e))
	}
	for i, s := range d.servers {
		d.cfg.ServerUp(i, true) // as Status says, until something fails
		d.tending.Go(func() { s.Tend(ctx) })
	}
	return d, nil
}

// changed reports that a server came or went.
func (d *Directory) changed(i int, up bool) {
	status := d.servers[i].Status()
	if up {
		d.cfg.Log.Info("directory server is back", "server", status.Server)
	} else {
		d.cfg.Log.Warn("directory server is away", "server", status.Server, "error", status.Error)
	}
	d.cfg.ServerUp(i, up)
}

// Close ends all connections. Calls under way fail.
func (d *Directory) Close() error {
	d.stop()
	d.tending.Wait()
	for _, s := range d.servers {
		s.Close()
	}
	return nil
}

// ServerStatus is what is known of one server.
type ServerStatus = link.Status

// Status tells what is known of each server, in order. It asks nobody.
func (d *Directory) Status(context.Context) []ServerStatus {
	list := make([]ServerStatus, 0, len(d.servers))
	for _, s := range d.servers {
		list = append(list, s.Status())
	}
	return list
}

// Find looks a person up by a typed name. account.ErrNotFound means that the
// name cannot be one, or that the directory has nobody, or more than one, of
// that name; that is remembered for a second. The facts then hold nothing but,
// as Name, the one form of all its spellings, empty where it cannot be a name.
// While the directory is away, facts that it gave at most MaxStale ago come
// back as they are: the caller looks at AsOf. With none of those the error
// wraps account.ErrUnavailable.
func (d *Directory) Find(ctx context.Context, name string) (account.Facts, error) {
	key, ok := enforceName(name, d.cfg.AllowNames)
	if !ok {
		return account.Facts{}, fmt.Errorf("looking up a name that cannot be one: %w", account.ErrNotFound)
	}
	have, cached := d.facts.Get(key)
	if cached && !have.expired && d.age(have.facts) < d.cfg.FactTTL {
		return copied(have.facts), nil
	}
	begun := d.cfg.Now()
	if at, gone := d.missing.Get(key); gone && begun.Sub(at).Abs() < missingTTL {
		return nobody(key), fmt.Errorf("looking up a name that was missing a moment ago: %w", account.ErrNotFound)
	}
	facts, err := d.search(ctx, key)
	switch {
	case err == nil:
		d.facts.Add(key, known{facts: facts})
		return copied(facts), nil
	case errors.Is(err, account.ErrNotFound):
		d.facts.Remove(key)
		d.missing.Add(key, begun)
		return nobody(key), fmt.Errorf("looking up a name: %w", account.ErrNotFound)
	case cached && d.age(have.facts) <= d.cfg.MaxStale:
		return copied(have.facts), nil
	}
	return account.Facts{}, fmt.Errorf("looking up a name: %w", err)
}

func nobody(name string) account.Facts { return account.Facts{Subject: account.Subject{Name: name}} }

// age of facts from the future, after the clock was set back, is without end.
func (d *Directory) age(f account.Facts) time.Duration {
	if age := d.cfg.Now().Sub(f.AsOf); age >= 0 {
		return age
	}
	return math.MaxInt64
}

// copied keeps callers from changing what the cache holds.
func copied(f account.Facts) account.Facts {
	f.Groups = append([]string(nil), f.Groups...)
	return f
}

// search asks one server after the other, until one has answered.
func (d *Directory) search(ctx context.Context, name string) (account.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Total)
	defer cancel()
	last := errors.New("no server is up")
	for _, s := range link.InOrder(d.servers) {
		var facts account.Facts
		err := s.Search(ctx, func(ctx context.Context, c *link.Conn) (err error) {
			facts, err = d.reader.read(ctx, c, name)
			return err
		})
		if err == nil || errors.Is(err, account.ErrNotFound) {
			return facts, err
		}
		last = err
		d.cfg.Log.WarnContext(ctx, "directory search failed", "server", s.URL, "error", err)
		if ctx.Err() != nil {
			break
		}
	}
	return account.Facts{}, fmt.Errorf("%w: %w", account.ErrUnavailable, last)
}

// Bind asks the directory whether the password is right, under the DN in the
// facts. The reason is account.OK for right, account.BadCredentials for wrong,
// account.AccountLockedByDirectory where the directory says that the account is
// locked, expired, or must change its password first. Everything else is an
// error that wraps account.ErrUnavailable, and no verdict on the password.
//
// An empty password and an empty DN are refused before anything is sent: to a
// directory those are requests to be anonymous, and granted (RFC 4513 section
// 5.1.2). So is a password of more than 1,024 bytes.
func (d *Directory) Bind(ctx context.Context, f account.Facts, password account.Secret) (account.Reason, error) {
	if password == "" || f.DN == "" || len(password) > maxPassword {
		return account.BadCredentials, nil
	}
	reason, err := d.bind(ctx, f.DN, password)
	if err != nil {
		return "", fmt.Errorf("binding: %w", err)
	}
	if reason != account.OK {
		d.expire(f)
	}
	return reason, nil
}

// expire makes the next Find ask again: the password may have been refused
// because the entry was renamed, or was just changed.
func (d *Directory) expire(f account.Facts) {
	key, ok := enforceName(f.Name, d.cfg.AllowNames)
	if !ok {
		return
	}
	if have, ok := d.facts.Peek(key); ok && have.facts.ID == f.ID && !have.expired {
		have.expired = true
		d.facts.Add(key, have)
	}
}

// Decoy costs what Bind costs and never says yes: it binds to DecoyDN and
// forgets the answer. An error wraps account.ErrUnavailable, as Bind's would.
func (d *Directory) Decoy(ctx context.Context, password account.Secret) error {
	if password == "" || len(password) > maxPassword {
		return nil
	}
	dn := d.cfg.DecoyDN
	if dn == "" {
		dn = "cn=nobody at all," + d.cfg.Base
	}
	if _, err := d.bind(ctx, dn, password); err != nil {
		return fmt.Errorf("binding a decoy: %w", err)
	}
	return nil
}

// bind sends a password to the first server that can be reached. Once it has
// been sent and something came of it, no other server sees it.
func (d *Directory) bind(ctx context.Context, dn string, password account.Secret) (account.Reason, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Total)
	defer cancel()
	last := errors.New("no server is up")
	for _, s := range link.InOrder(d.servers) {
		reason, sent, err := s.Bind(ctx, dn, password)
		if err == nil {
			return reason, nil
		}
		last = err
		d.cfg.Log.WarnContext(ctx, "directory bind failed", "server", s.URL, "error", err)
		if sent || ctx.Err() != nil {
			break
		}
	}
	if !errors.Is(last, account.ErrUnavailable) {
		last = fmt.Errorf("%w: %w", account.ErrUnavailable, last)
	}
	return "", last
}
