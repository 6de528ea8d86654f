package wal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// CheckReadable returns an error if the file cannot be read, was replaced or overwritten, or has
// an altered schema.
func (f *File) CheckReadable(ctx context.Context) error {
	return f.Readers.Run(ctx, func(c *db.Conn) error {
		if err := f.CheckFilesAndLog(); err != nil { // again, after the wait for a connection
			return err
		}
		c.SchemaChecked = false // an attacker can restore the number that shows a change
		if err := f.CheckSchema(c); err != nil {
			return err
		}
		_, err := c.Meta(keyring.MetaVault)
		return err
	})
}

// probeEvery limits how often Ping tries to write after a failed write. Ping must try: an
// unhealthy program may receive no requests whose writes would show that the failure is over.
const probeEvery = 5 * time.Second

// probeBytes is the free space that a probe requires: enough to write the largest value.
const probeBytes = 2 * myvault.MaxValue

// probe remembers when Ping last tried to write.
type probe struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether a probe is due. If so, it records that the caller runs one now.
func (p *probe) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.last.IsZero() || now.Sub(p.last) >= probeEvery {
		p.last = now
		return true
	}
	return false
}

// CheckWritable returns ErrUnavailable if the last write failed. If a probe is due, it first
// tries to write again. After a failed fsync it writes nothing.
func (f *File) CheckWritable(ctx context.Context) error {
	if err := f.Writer.Disk.Stopped(); err != nil {
		return err
	}
	if err := f.Writer.Disk.failure(); err == nil || !f.probe.due() {
		return err
	}
	if err := f.checkSpace(); err != nil {
		return f.Writer.Disk.failure()
	}
	err := f.Writer.Do(ctx, &Request{Apply: func(c *db.Conn) error {
		f.Writer.log.wake() // also retry a failed checkpoint, in the background
		// This writes the first page. An UPDATE to the same value would write nothing.
		return c.Exec(fmt.Sprintf(`PRAGMA user_version=%d`, f.Kind.Version()))
	}})
	return errors.Join(ctx.Err(), f.Writer.Disk.failure(), closedOnly(err))
}

// closedOnly returns err if it is ErrClosed. The disk state has recorded other errors.
func closedOnly(err error) error {
	if errors.Is(err, myvault.ErrClosed) {
		return err
	}
	return nil
}

// checkSpace writes a temporary file of probeBytes beside the database. On a full disk the small
// write of a probe may still fit into the WAL, although a larger change would fail.
func (f *File) checkSpace() error {
	d := f.Options.Disk
	temporary, claimed, err := d.CreateTemp(filepath.Dir(f.Path), directory.TemporaryPrefix+"file-*")
	if err != nil {
		return err
	}
	defer claimed.Close()
	defer os.Remove(temporary.Name())
	content := make([]byte, probeBytes)
	_, _ = rand.Read(content) // random: a file system may compress zeros
	_, err = d.Wrap(temporary).Write(content)
	if err == nil {
		err = d.Sync(temporary)
	}
	return errors.Join(err, temporary.Close())
}
