package keyring

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// The names of rows of the table meta.
const (
	MetaVault       = "vault"       // the vault id
	MetaCheck       = "check"       // the key check value
	metaTrail       = "trail"       // the wrapped trail key
	MetaNextCheck   = "next_check"  // during a change of the master key: the check value of the new one
	MetaNextTrail   = "next_trail"  // during a change of the master key: the trail key wrapped under the new one
	metaIncarnation = "incarnation" // the 8 bytes of the store's id, and their row MAC
	MetaAccess      = "access"      // in vault.db: the vault id of the access.db beside it, and its row MAC
)

// Reread reads and checks all keys of the file, and returns a new ring. It calls the source of
// the master key only if another process has changed the master key.
func (k *Ring) Reread(c *db.Conn) (*Ring, error) {
	stored, err := readMeta(c, k.name, k.records)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(stored[MetaVault], k.Vault) {
		return nil, fault.Tampered("the vault id of %s has changed since it was opened", k.name)
	}
	master, err := k.CurrentMaster(c)
	if errors.Is(err, myvault.ErrWrongKey) {
		// A changed key and an altered check value look the same.
		return nil, fmt.Errorf("%w; or the check value was altered: %w", err, myvault.ErrTampered)
	}
	if err != nil {
		return nil, err
	}
	slot, err := FindSlot(c, master)
	if err != nil || slot == nil {
		return nil, errors.Join(err, k.ErrKeyChanged())
	}
	fresh, err := unwrapRing(k.Vault, master, stored[slot.trail])
	if err != nil {
		return nil, err
	}
	fresh.name, fresh.records, fresh.Source = k.name, k.records, k.Source
	if k.records {
		if _, err := fresh.Incarnation(c); err != nil {
			return nil, err
		}
	}
	return fresh, fresh.checkEpochs(c)
}

// readMeta reads the table meta. If it has rows that this program does not write, it returns
// ErrTampered.
func readMeta(c *db.Conn, name string, records bool) (map[string][]byte, error) {
	known := []string{MetaVault, MetaCheck, metaTrail, MetaNextCheck, MetaNextTrail}
	if records {
		known = []string{MetaVault, MetaCheck, metaTrail, metaIncarnation, MetaAccess}
	}
	stored := map[string][]byte{}
	err := c.Each(`SELECT name, value FROM meta`, func(row *sqlite3.Stmt) error {
		key := row.ColumnText(0)
		if !slices.Contains(known, key) {
			return fault.Tampered("the table meta of %s has an unknown row", name)
		}
		stored[key] = row.ColumnBlob(1, nil)
		return nil
	})
	if err == nil && (stored[MetaNextCheck] == nil) != (stored[MetaNextTrail] == nil) {
		err = fault.Tampered("%s has an incomplete second master key", name)
	}
	return stored, err
}
