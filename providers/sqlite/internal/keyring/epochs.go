package keyring

import (
	"sort"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// EpochStarts are the log rows with which the epochs 1, 2, 3 ... began.
type EpochStarts []uint64

func ReadEpochStarts(c *db.Conn) (all EpochStarts, err error) {
	err = c.Each(`SELECT first FROM epoch ORDER BY epoch`, func(row *sqlite3.Stmt) error {
		all = append(all, uint64(row.ColumnInt64(0)))
		return nil
	})
	return all, err
}

// At gives the epoch in force at a log row.
func (b EpochStarts) At(seq uint64) uint32 {
	return uint32(sort.Search(len(b), func(i int) bool { return b[i] > seq }))
}

// epochs opens every data key, and proves that epochs count up without a gap and begin in
// that order. A trail has none, and no data key opens there.
func (k *Ring) epochs(c *db.Conn) error {
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
		begins := row.ColumnInt64(0)
		newest = uint32(row.ColumnInt64(2))
		if begins < first || begins > rows+1 || count == 1 && begins != 1 {
			return fault.Tampered("the epochs of %s do not follow each other", k.name)
		}
		first = begins
		if row.ColumnInt64(1) == 0 && count < newest {
			return nil // deleted, once no record needed it; one that does will not open
		}
		_, err := k.Sealer(c, count) // of that number, so a gap is a key that does not open
		return err
	})
	if err == nil && count == 0 && k.records {
		err = fault.Tampered("%s has no epoch", k.name)
	}
	return err
}
