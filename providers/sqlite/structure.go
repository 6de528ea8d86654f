package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// structure proves what stands outside the rows: the schemas, and the keys as they are in
// the files now. The rows are proved with those keys, not with the ones in memory: a store
// whose keys were spoiled while it is open cannot be opened again.
func (v *verification) structure(ctx context.Context) (err error) {
	if v.keys, err = v.file.again(ctx); err != nil {
		return err
	}
	if err := v.trailStructure(ctx); err != nil {
		return err
	}
	return v.readers.read(ctx, v.provePair)
}

func (v *verification) trailStructure(ctx context.Context) (err error) {
	if v.access, err = v.trail.file.again(ctx); err != nil {
		return err
	}
	return v.trail.readers.read(ctx, func(c *db.Conn) error {
		next, err := c.Meta(metaNextCheck)
		v.report.Rekeying = next != nil
		return err
	})
}

// again compares the schema with the one that this package makes, and reads the keys.
func (f *file) again(ctx context.Context) (keys *keyring, err error) {
	err = f.readers.snapshot(ctx, func(c *db.Conn) error {
		if err := f.identifyAgain(c); err != nil {
			return err
		}
		c.SchemaChecked = false
		if err := f.checkSchema(c); err != nil {
			return err
		}
		keys, err = f.keys.again(c, f.kind)
		return err
	})
	return keys, err
}

// identifyAgain proves that the file says of itself what it did when it was opened.
func (f *file) identifyAgain(c *db.Conn) error {
	err := f.kind.identify(c)
	if errors.Is(err, fault.ErrForeign) {
		err = fault.Tampered("%s has another application id", f.kind.name)
	}
	return err
}

// integrity has the engine check the pages and the indexes of both files: an index that
// leaves a row out hides it. https://sqlite.org/pragma.html#pragma_integrity_check
func (v *verification) integrity(ctx context.Context) error {
	if err := v.file.integrity(ctx); err != nil {
		return err
	}
	return v.trail.file.integrity(ctx)
}

func (f *file) integrity(ctx context.Context) error {
	// One after the other, and each with a short log behind it: while the engine checks, the log
	// only grows.
	select {
	case f.checks <- struct{}{}:
		defer func() { <-f.checks }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.readers.read(ctx, func(c *db.Conn) error {
		if err := f.shorten(ctx, c); err != nil {
			return err
		}
		f.long.Store(true)
		defer f.long.Store(false)
		return c.Each(`PRAGMA integrity_check(1)`, func(row *sqlite3.Stmt) error {
			// It names tables, indexes and columns, which the schema has proved.
			if found := row.ColumnText(0); found != "ok" {
				return pageFault(f.kind, found)
			}
			return nil
		})
	})
}

// checked gives the error for what the engine's check has found. A page that the disk did not give is
// told there too, and says nothing of what stands in it.
func pageFault(k kind, found string) error {
	var code sqlite3.ExtendedErrorCode
	_, number, unread := strings.Cut(found, "unable to get the page. error code=")
	if unread {
		_, err := fmt.Sscan(number, &code)
		unread = err == nil && !fault.HasCode(code, sqlite3.CORRUPT, sqlite3.NOTADB)
	}
	if unread {
		return fmt.Errorf("a page of %s cannot be read: %w", k.name, code)
	}
	return fault.Tampered("%s: %s", k.name, found)
}

// again reads the keys of the file anew. The source of the master key is asked only where
// another process has changed it.
func (k *keyring) again(c *db.Conn, of kind) (*keyring, error) {
	stored, err := readMeta(c, of)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(stored[metaVault], k.vault) {
		return nil, fault.Tampered("%s has another vault id than when it was opened", of.name)
	}
	master, err := k.current(c)
	if errors.Is(err, myvault.ErrWrongKey) {
		// One cannot be told from the other.
		return nil, fmt.Errorf("%w; or the check value was altered: %w", err, myvault.ErrTampered)
	}
	if err != nil {
		return nil, err
	}
	slot, err := slotOf(c, master)
	if err != nil || slot == nil {
		return nil, errors.Join(err, k.anotherKey())
	}
	fresh, err := unwrapped(k.vault, master, stored[slot.trail])
	if err != nil {
		return nil, err
	}
	fresh.name, fresh.source = k.name, k.source
	if of.name == vaultFile.name {
		if _, err := fresh.incarnation(c); err != nil {
			return nil, err
		}
	}
	return fresh, fresh.epochs(c, of)
}

// metaOf reads the whole table meta, in which nothing else may stand than this program writes.
func readMeta(c *db.Conn, of kind) (map[string][]byte, error) {
	known := []string{metaVault, metaCheck, metaTrail, metaNextCheck, metaNextTrail}
	if of.name == vaultFile.name {
		known = []string{metaVault, metaCheck, metaTrail, metaIncarnation, metaAccess}
	}
	stored := map[string][]byte{}
	err := c.Each(`SELECT name, value FROM meta`, func(row *sqlite3.Stmt) error {
		name := row.ColumnText(0)
		if !slices.Contains(known, name) {
			return fault.Tampered("the table meta of %s has a row that is not of this program", of.name)
		}
		stored[name] = row.ColumnBlob(1, nil)
		return nil
	})
	if err == nil && (stored[metaNextCheck] == nil) != (stored[metaNextTrail] == nil) {
		err = fault.Tampered("%s has half of a second master key", of.name)
	}
	return stored, err
}
