package sqlite

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
	metaVault       = "vault"       // the vault id
	metaCheck       = "check"       // the key check value
	metaTrail       = "trail"       // the wrapped trail key
	metaNextCheck   = "next_check"  // while the master key is being changed: of the new one
	metaNextTrail   = "next_trail"  // the trail key wrapped under the new one
	metaIncarnation = "incarnation" // its 8 bytes and their stamp
	metaAccess      = "access"      // in vault.db: the vault id of the access.db beside it, and its stamp
)

// again reads the keys of the file anew. The source of the master key is asked only where
// another process has changed it.
func (k *keyring) again(c *db.Conn) (*keyring, error) {
	stored, err := readMeta(c, k.name, k.records)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(stored[metaVault], k.vault) {
		return nil, fault.Tampered("%s has another vault id than when it was opened", k.name)
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
	fresh.name, fresh.records, fresh.source = k.name, k.records, k.source
	if k.records {
		if _, err := fresh.incarnation(c); err != nil {
			return nil, err
		}
	}
	return fresh, fresh.epochs(c)
}

// metaOf reads the whole table meta, in which nothing else may stand than this program writes.
func readMeta(c *db.Conn, name string, records bool) (map[string][]byte, error) {
	known := []string{metaVault, metaCheck, metaTrail, metaNextCheck, metaNextTrail}
	if records {
		known = []string{metaVault, metaCheck, metaTrail, metaIncarnation, metaAccess}
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
	if err == nil && (stored[metaNextCheck] == nil) != (stored[metaNextTrail] == nil) {
		err = fault.Tampered("%s has half of a second master key", name)
	}
	return stored, err
}
