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

// CheckReadable reports whether the file can be read, and is in its place and as this program makes it.
func (f *File) CheckReadable(ctx context.Context) error {
	return f.Readers.Run(ctx, func(c *db.Conn) error {
		if err := f.CheckFilesAndLog(); err != nil { // now, not a moment ago
			return err
		}
		c.SchemaChecked = false // the number that shows a change can be put back
		if err := f.CheckSchema(c); err != nil {
			return err
		}
		_, err := c.Meta(keyring.MetaVault)
		return err
	})
}

// probeEvery limits how often Ping tries to write after a failed write. A program that was taken
// out of use gets no change that would show that the failure is over.
const probeEvery = 5 * time.Second

// probeBytes is what must fit on the disk again: a change with a value of the largest size.
const probeBytes = 2 * myvault.MaxValue

// probe remembers when Ping last tried to write.
type probe struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether it is time to try, and takes it that the caller does.
func (p *probe) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.last.IsZero() || now.Sub(p.last) >= probeEvery {
		p.last = now
		return true
	}
	return false
}

// CheckWritable returns ErrUnavailable if the last attempt to write failed. If a probe is due, it tries
// again first.
func (f *File) CheckWritable(ctx context.Context) error {
	if err := f.Writer.Disk.failure(); err == nil || !f.probe.due() {
		return err
	}
	if err := f.hasSpace(); err != nil {
		return f.Writer.Disk.failure()
	}
	err := f.Writer.Do(ctx, &Request{Apply: func(c *db.Conn) error {
		f.Writer.log.wake() // a checkpoint that failed is tried again too, in the background
		// It writes the first page, where an UPDATE to the same value would not.
		return c.Exec(fmt.Sprintf(`PRAGMA user_version=%d`, f.Kind.Version()))
	}})
	return errors.Join(ctx.Err(), f.Writer.Disk.failure(), closedOnly(err))
}

// closedOnly keeps ErrClosed alone: of other errors the health knows.
func closedOnly(err error) error {
	if errors.Is(err, myvault.ErrClosed) {
		return err
	}
	return nil
}

// hasSpace writes a temporary file beside the database, as large as a change may be. The engine may
// have space in its write-ahead log for the small change of a probe, where the next one would fail.
func (f *File) hasSpace() error {
	d := f.Options.Disk
	temporary, claimed, err := d.CreateTemp(filepath.Dir(f.Path), directory.TemporaryPrefix+"file-*")
	if err != nil {
		return err
	}
	defer claimed.Close()
	defer os.Remove(temporary.Name())
	content := make([]byte, probeBytes)
	_, _ = rand.Read(content) // a file system may compress zeros
	_, err = d.Wrap(temporary).Write(content)
	if err == nil {
		err = d.Sync(temporary)
	}
	return errors.Join(err, temporary.Close())
}
