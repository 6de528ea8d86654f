package keyring

import (
	"errors"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Rewrap changes the master key of a file in a transaction of c: it wraps the trail key and the
// data keys that were not deleted under another master key.
func Rewrap(c *db.Conn, from, to *crypto.Master) error {
	trail, err := RewrapTrail(c, from, to)
	if err != nil {
		return err
	}
	epochs, err := EpochsWithKey(c)
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
	return errors.Join(c.SetMeta(MetaCheck, to.CheckValue()), c.SetMeta(metaTrail, trail))
}

// RewrapTrail returns the current trail key, wrapped under another master key.
func RewrapTrail(c *db.Conn, from, to *crypto.Master) ([]byte, error) {
	wrapped, err := c.Meta(metaTrail)
	if err != nil {
		return nil, err
	}
	key, err := from.Unwrap(wrapped, crypto.LabelTrail, 0)
	if err != nil {
		return nil, fault.Tampered("the trail key does not authenticate")
	}
	return to.Wrap(key, crypto.LabelTrail, 0)
}

// PromoteNext replaces the current slot by the next one, in a transaction of c.
func PromoteNext(c *db.Conn) error {
	for _, names := range [][2]string{{MetaNextCheck, MetaCheck}, {MetaNextTrail, metaTrail}} {
		next, current := names[0], names[1]
		value, err := c.Meta(next)
		if err != nil {
			return err
		}
		if err := errors.Join(c.SetMeta(current, value), c.DropMeta(next)); err != nil {
			return err
		}
	}
	return nil
}
