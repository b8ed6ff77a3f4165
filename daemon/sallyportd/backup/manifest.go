// Package backup copies the state of the daemon while it runs, verifies the
// copy, and puts one back.
//
// A backup is a folder with the database and a manifest, both of use only
// together with the master key, which is never in it. Restoring applies the
// revocation journal, so that nothing comes back to life, and raises the floor
// below which no code is good. It is a piece of the daemon's main, which alone
// may import it, and knows no command line.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/daemon/sallyportd/state"
	"github.com/sallyport/sallyport/daemon/seal"
	"github.com/sallyport/sallyport/daemon/store/journal"
	"github.com/sallyport/sallyport/daemon/store/sqlite"
)

const (
	format       = 1
	databaseName = "state.db"
	manifestName = "manifest.json"
	// maxManifest bounds what is read as one.
	maxManifest = 16 << 10
)

// Manifest says what a backup holds.
type Manifest struct {
	Format   int       `json:"format"`
	Instance string    `json:"instance"`
	Program  string    `json:"program"`
	Schema   int64     `json:"schema"`
	Made     time.Time `json:"made"`
	Subjects int64     `json:"subjects"`
	Records  int64     `json:"records"`
	Tokens   int64     `json:"tokens"`
	Events   int64     `json:"events"`
	// AuditHead is the number of the newest event, AuditLink its link.
	AuditHead int64  `json:"audit_head"`
	AuditLink string `json:"audit_link,omitempty"`
	// Journal is from where the revocation journal is applied at a restore.
	Journal journal.Position `json:"journal"`
	Size    int64            `json:"size"`
	SHA256  string           `json:"sha256"`
	// MAC is a fingerprint of all that with a key of the installation.
	MAC string `json:"mac"`
}

// body is what the fingerprint covers.
func (m Manifest) body() ([]byte, error) {
	m.MAC = ""
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	const what = "sallyport backup 1"
	b := binary.BigEndian.AppendUint32(nil, uint32(len(what)))
	return append(append(b, what...), text...), nil
}

func (m *Manifest) sign(ring *seal.Ring) error {
	b, err := m.body()
	if err == nil {
		m.MAC = hex.EncodeToString(ring.MAC("audit", b))
	}
	return err
}

func (m Manifest) genuine(ring *seal.Ring) error {
	b, err := m.body()
	if err != nil {
		return err
	}
	mac, err := hex.DecodeString(m.MAC)
	if err != nil || !ring.Genuine("audit", b, mac) {
		return errors.New("the manifest is not as it was written")
	}
	return nil
}

// readManifest reads a manifest and refuses what this program cannot know.
func readManifest(text []byte) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("reading the manifest: %w", err)
	}
	if m.Format != format {
		return m, fmt.Errorf("the backup is of format %d, this program knows %d; use the program that made it (%s)", m.Format, format, m.Program)
	}
	return m, nil
}

// Open reads the manifest of a backup.
func Open(folder string) (Manifest, error) {
	file, err := os.Open(filepath.Join(folder, manifestName))
	if err != nil {
		return Manifest{}, fmt.Errorf("opening the backup %s: %w; name the folder that sallyportd backup has made", folder, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxManifest))
	if err = errors.Join(err, file.Close()); err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest: %w", err)
	}
	return readManifest(text)
}

// examine opens every row of a database and fills in what it holds. The error
// names what is wrong with it.
func (m *Manifest) examine(ctx context.Context, db *sqlite.DB, s *sqlite.Store) error {
	found, err := db.File().Check(ctx)
	if err != nil {
		return err
	}
	if found != "" {
		return fmt.Errorf("the database is damaged: %s", found)
	}
	r, err := s.Verify(ctx)
	if err != nil {
		return err
	}
	if !r.OK() {
		return fmt.Errorf("rows are not as they were written (%d damaged, first broken event %d): run sallyport audit verify", len(r.Damage), r.BrokenEvent)
	}
	m.Instance, m.Schema = db.Instance(), db.File().Schema
	m.Subjects, m.Records, m.Tokens, m.Events = r.Subjects, r.Records, r.Tokens, r.Events
	m.AuditHead, m.AuditLink = r.AuditHead, hex.EncodeToString(r.AuditLink)
	return nil
}

// opened is a database that is nobody's but ours, with its ring and store.
type opened struct {
	db    *sqlite.DB
	ring  *seal.Ring
	store *sqlite.Store
}

// openCopy opens a copy; ring makes its ring.
func openCopy(ctx context.Context, c state.Config, ring func(*sqlite.DB) (*seal.Ring, error)) (*opened, error) {
	db, err := sqlite.Open(ctx, sqlite.Config{Path: c.Path, Now: c.Now, Log: c.Log, Alarm: c.Alarm})
	if err != nil {
		return nil, err
	}
	o := &opened{db: db}
	if o.ring, err = ring(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	o.store = db.Store(o.ring)
	return o, nil
}

// hashed copies and returns the SHA-256 and the size of what it has copied.
func hashed(to io.Writer, from io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(to, h), from)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
