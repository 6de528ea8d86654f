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

func (f *File) Integrity(ctx context.Context) error {
	// One after the other, and each with a short log behind it: while the engine checks, the log
	// only grows.
	select {
	case f.checkSlot <- struct{}{}:
		defer func() { <-f.checkSlot }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.Readers.Read(ctx, func(c *db.Conn) error {
		if err := f.cutLongLog(ctx, c); err != nil {
			return err
		}
		f.checking.Store(true)
		defer f.checking.Store(false)
		return c.Each(`PRAGMA integrity_check(1)`, func(row *sqlite3.Stmt) error {
			// It names tables, indexes and columns, which the schema has proved.
			if found := row.ColumnText(0); found != "ok" {
				return PageFault(f.Kind, found)
			}
			return nil
		})
	})
}

// checked gives the error for what the engine's check has found. A page that the disk did not give is
// told there too, and says nothing of what stands in it.
func PageFault(k schema.Kind, found string) error {
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
