package sqlite

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// structure proves what stands outside the rows: the schemas, and the keys as they are in
// the files now. The rows are proved with those keys, not with the ones in memory: a store
// whose keys were spoiled while it is open cannot be opened again.
func (v *verification) structure(ctx context.Context) (err error) {
	if v.keys, err = rereadKeys(v.file, ctx); err != nil {
		return err
	}
	if err := v.trailStructure(ctx); err != nil {
		return err
	}
	return v.file.Readers.Read(ctx, v.provePair)
}

func (v *verification) trailStructure(ctx context.Context) (err error) {
	if v.access, err = rereadKeys(v.trail.File, ctx); err != nil {
		return err
	}
	return v.trail.File.Readers.Read(ctx, func(c *db.Conn) error {
		next, err := c.Meta(keyring.MetaNextCheck)
		v.report.Rekeying = next != nil
		return err
	})
}

// again compares the schema with the one that this package makes, and reads the keys.
func rereadKeys(f *wal.File, ctx context.Context) (keys *keyring.Ring, err error) {
	err = f.Readers.Snapshot(ctx, func(c *db.Conn) error {
		if err := identifyAgain(f, c); err != nil {
			return err
		}
		c.SchemaChecked = false
		if err := f.CheckSchema(c); err != nil {
			return err
		}
		keys, err = f.Keys.Reread(c)
		return err
	})
	return keys, err
}

// identifyAgain proves that the file says of itself what it did when it was opened.
func identifyAgain(f *wal.File, c *db.Conn) error {
	err := f.Kind.Identify(c)
	if errors.Is(err, fault.ErrForeign) {
		err = fault.Tampered("%s has another application id", f.Kind.Name)
	}
	return err
}

// integrity has the engine check the pages and the indexes of both files: an index that
// leaves a row out hides it. https://sqlite.org/pragma.html#pragma_integrity_check
func (v *verification) integrity(ctx context.Context) error {
	if err := v.file.Integrity(ctx); err != nil {
		return err
	}
	return v.trail.File.Integrity(ctx)
}
