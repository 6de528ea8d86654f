package keyring

import (
	"errors"
	"fmt"
	"slices"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// The names in the meta table.
const (
	MetaVault       = "vault"       // the vault id
	MetaCheck       = "check"       // the key check value
	metaTrail       = "trail"       // the wrapped trail key
	MetaNextCheck   = "next_check"  // while the master key is being changed: of the new one
	MetaNextTrail   = "next_trail"  // the trail key wrapped under the new one
	metaIncarnation = "incarnation" // its 8 bytes and their stamp
	MetaAccess      = "access"      // in vault.db: the vault id of the access.db beside it, and its stamp
)

// Reread reads the keys of the file anew. The source of the master key is asked only where
// another process has changed it.
func (k *Ring) Reread(c *db.Conn) (*Ring, error) {
	stored, err := readMeta(c, k.name, k.records)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(stored[MetaVault], k.Vault) {
		return nil, fault.Tampered("%s has another vault id than when it was opened", k.name)
	}
	master, err := k.Current(c)
	if errors.Is(err, myvault.ErrWrongKey) {
		// One cannot be told from the other.
		return nil, fmt.Errorf("%w; or the check value was altered: %w", err, myvault.ErrTampered)
	}
	if err != nil {
		return nil, err
	}
	slot, err := SlotOf(c, master)
	if err != nil || slot == nil {
		return nil, errors.Join(err, k.WrongKey())
	}
	fresh, err := openTrailKey(k.Vault, master, stored[slot.trail])
	if err != nil {
		return nil, err
	}
	fresh.name, fresh.records, fresh.Source = k.name, k.records, k.Source
	if k.records {
		if _, err := fresh.Incarnation(c); err != nil {
			return nil, err
		}
	}
	return fresh, fresh.epochs(c)
}

// metaOf reads the whole table meta, in which nothing else may stand than this program writes.
func readMeta(c *db.Conn, name string, records bool) (map[string][]byte, error) {
	known := []string{MetaVault, MetaCheck, metaTrail, MetaNextCheck, MetaNextTrail}
	if records {
		known = []string{MetaVault, MetaCheck, metaTrail, metaIncarnation, MetaAccess}
	}
	stored := map[string][]byte{}
	err := c.Each(`SELECT name, value FROM meta`, func(row *sqlite3.Stmt) error {
		key := row.ColumnText(0)
		if !slices.Contains(known, key) {
			return fault.Tampered("the table meta of %s has a row that is not of this program", name)
		}
		stored[key] = row.ColumnBlob(1, nil)
		return nil
	})
	if err == nil && (stored[MetaNextCheck] == nil) != (stored[MetaNextTrail] == nil) {
		err = fault.Tampered("%s has half of a second master key", name)
	}
	return stored, err
}
