package keyring

import (
	"sort"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// EpochStarts has the sequence of the first log row of epochs 1, 2, 3 and so on.
type EpochStarts []uint64

// ReadEpochStarts reads the starts of all epochs.
func ReadEpochStarts(c *db.Conn) (all EpochStarts, err error) {
	err = c.Each(`SELECT first FROM epoch ORDER BY epoch`, func(row *sqlite3.Stmt) error {
		all = append(all, uint64(row.ColumnInt64(0)))
		return nil
	})
	return all, err
}

// At returns the epoch that was current at a log row.
func (s EpochStarts) At(seq uint64) uint32 {
	return uint32(sort.Search(len(s), func(i int) bool { return s[i] > seq }))
}

// checkEpochs unwraps every data key. It checks that the epochs are numbered without a gap and
// start in that order. A file without records must have no epoch.
func (k *Ring) checkEpochs(c *db.Conn) error {
	var rows int64
	if k.records {
		err := c.Each(`SELECT coalesce(max(seq), 0) FROM log`, func(row *sqlite3.Stmt) error {
			rows = row.ColumnInt64(0)
			return nil
		})
		if err != nil {
			return err
		}
	}
	var count, newest uint32
	first := int64(1)
	err := c.Each(`SELECT first, length(wrapped), (SELECT max(epoch) FROM epoch) FROM epoch ORDER BY epoch`, func(row *sqlite3.Stmt) error {
		count++
		start := row.ColumnInt64(0)
		newest = uint32(row.ColumnInt64(2))
		if start < first || start > rows+1 || count == 1 && start != 1 {
			return fault.Tampered("the epochs of %s are not in order", k.name)
		}
		first = start
		if row.ColumnInt64(1) == 0 && count < newest {
			return nil // The key was deleted. A record that still needs it fails to open.
		}
		_, err := k.Sealer(c, count) // If a number is missing, the key of count does not unwrap.
		return err
	})
	if err == nil && count == 0 && k.records {
		err = fault.Tampered("%s has no epoch", k.name)
	}
	return err
}
