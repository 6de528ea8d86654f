package sqlite

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
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
	return v.file.readers.read(ctx, v.provePair)
}

func (v *verification) trailStructure(ctx context.Context) (err error) {
	if v.access, err = rereadKeys(v.trail.file, ctx); err != nil {
		return err
	}
	return v.trail.file.readers.read(ctx, func(c *db.Conn) error {
		next, err := c.Meta(keyring.MetaNextCheck)
		v.report.Rekeying = next != nil
		return err
	})
}

// again compares the schema with the one that this package makes, and reads the keys.
func rereadKeys(f *file, ctx context.Context) (keys *keyring.Ring, err error) {
	err = f.readers.snapshot(ctx, func(c *db.Conn) error {
		if err := identifyAgain(f, c); err != nil {
			return err
		}
		c.SchemaChecked = false
		if err := f.checkSchema(c); err != nil {
			return err
		}
		keys, err = f.keys.Reread(c)
		return err
	})
	return keys, err
}

// identifyAgain proves that the file says of itself what it did when it was opened.
func identifyAgain(f *file, c *db.Conn) error {
	err := f.kind.Identify(c)
	if errors.Is(err, fault.ErrForeign) {
		err = fault.Tampered("%s has another application id", f.kind.Name)
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
