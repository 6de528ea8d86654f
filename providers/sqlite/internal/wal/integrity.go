package wal

import (
	"context"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/ncruces/go-sqlite3"
)

// Integrity runs SQLite's integrity check. It returns ErrTampered if the check finds a fault.
func (f *File) Integrity(ctx context.Context) error {
	// Run one check at a time, and truncate a long WAL first: during a check it can only grow.
	select {
	case f.checkSlot <- struct{}{}:
		defer func() { <-f.checkSlot }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.Readers.Read(ctx, func(c *db.Conn) error {
		if err := f.truncateLongWAL(ctx, c); err != nil {
			return err
		}
		f.checking.Store(true)
		defer f.checking.Store(false)
		return c.Each(`PRAGMA integrity_check(1)`, func(row *sqlite3.Stmt) error {
			// The text may name tables and columns. The schema check has verified those names.
			if found := row.ColumnText(0); found != "ok" {
				return pageFault(f.Kind, found)
			}
			return nil
		})
	})
}

// pageFault returns the error for a fault that SQLite's integrity check has found: ErrTampered,
// or the disk's error if a page could not be read.
func pageFault(k schema.Kind, found string) error {
	var code sqlite3.ExtendedErrorCode
	_, number, unread := strings.Cut(found, "unable to get the page. error code=")
	if unread {
		_, err := fmt.Sscan(number, &code)
		unread = err == nil && !fault.HasCode(code, sqlite3.CORRUPT, sqlite3.NOTADB)
	}
	if unread {
		return fmt.Errorf("a page of %s cannot be read: %w", k.Name, code)
	}
	return fault.Tampered("%s: %s", k.Name, found)
}
