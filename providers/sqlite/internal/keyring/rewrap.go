package keyring

import (
	"errors"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Rewrap changes a file from one master key to another, in a transaction of c. Data keys
// that were deleted stay so.
func Rewrap(c *db.Conn, from, to *crypto.Master) error {
	trail, err := RewrapTrail(c, from, to)
	if err != nil {
		return err
	}
	epochs, err := WrappedEpochs(c)
	if err != nil {
		return err
	}
	for _, epoch := range epochs {
		data, err := dataKey(c, from, epoch)
		if err != nil {
			return err
		}
		wrapped, err := to.Wrap(data, crypto.LabelData, epoch)
		if err != nil {
			return err
		}
		if err := c.Run(`UPDATE epoch SET wrapped = ?2 WHERE epoch = ?1`, epoch, wrapped); err != nil {
			return err
		}
	}
	return errors.Join(c.SetMeta(MetaCheck, to.Check()), c.SetMeta(metaTrail, trail))
}

// RewrapTrail gives the trail key in force, wrapped under another master key.
func RewrapTrail(c *db.Conn, from, to *crypto.Master) ([]byte, error) {
	wrapped, err := c.Meta(metaTrail)
	if err != nil {
		return nil, err
	}
	key, err := from.Unwrap(wrapped, crypto.LabelTrail, 0)
	if err != nil {
		return nil, fault.Tampered("the trail key does not open")
	}
	return to.Wrap(key, crypto.LabelTrail, 0)
}

// Promote puts the new key in the place of the old one, in a transaction of c.
func Promote(c *db.Conn) error {
	for _, name := range [][2]string{{MetaNextCheck, MetaCheck}, {MetaNextTrail, metaTrail}} {
		value, err := c.Meta(name[0])
		if err != nil {
			return err
		}
		if err := errors.Join(c.SetMeta(name[1], value), c.DropMeta(name[0])); err != nil {
			return err
		}
	}
	return nil
}
