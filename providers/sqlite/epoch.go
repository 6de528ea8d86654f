package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"sort"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// NewEpoch makes a new data key, under which all values are sealed from now on, those of
// other processes too. It gives the number of the epoch. Values that stand already keep
// their key until [Store.Reencrypt].
//
// A new epoch begins by itself after 2^28 changes, and after a [Restore].
func (s *Store) NewEpoch(ctx context.Context) (epoch uint32, err error) {
	err = s.trail.administer(ctx, "new-epoch", func() error {
		return s.writer.do(ctx, &request{apply: func(c *db.Conn) error {
			err := s.startEpoch(c)
			epoch = s.tip.epoch
			return err
		}})
	})
	if err != nil {
		return 0, err
	}
	return epoch, nil
}

// startEpoch begins an epoch with the next log row, in a transaction whose tip was read.
func (s *Store) startEpoch(c *db.Conn) (err error) {
	s.tip.epoch++
	s.tip.first = s.tip.seq + 1
	s.tip.sealer, err = s.keys.createEpoch(c, s.tip.epoch, s.tip.first, time.Now().UnixMicro())
	return err
}

// beginnings are the log rows with which the epochs 1, 2, 3 ... began.
type beginnings []uint64

func readEpochStarts(c *db.Conn) (all beginnings, err error) {
	err = c.Each(`SELECT first FROM epoch ORDER BY epoch`, func(row *sqlite3.Stmt) error {
		all = append(all, uint64(row.ColumnInt64(0)))
		return nil
	})
	return all, err
}

// at gives the epoch in force at a log row.
func (b beginnings) at(seq uint64) uint32 {
	return uint32(sort.Search(len(b), func(i int) bool { return b[i] > seq }))
}

// inEpoch proves that a record, which is authentic, is of the epoch that was in force when it
// was written, or of a later one if it was sealed anew.
func (v *verification) inEpoch(r *logRow) error {
	epoch, err := crypto.RecordEpoch(r.sealed)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(r.sealed)
	then := v.begun.at(r.entry.Seq)
	if epoch < then || epoch > then && bytes.Equal(digest[:], r.digest) {
		return &fault.BadEntry{Chain: r.entry.Chain, Seq: r.entry.Seq, Reason: "its record is of another epoch than was in force"}
	}
	if epoch < uint32(len(v.begun)) {
		v.report.Earlier++
	}
	return nil
}

// epochs opens every data key, and proves that epochs count up without a gap and begin in
// that order. A trail has none, and no data key opens there.
func (k *keyring) epochs(c *db.Conn, of kind) error {
	var rows int64
	if of.name == vaultFile.name {
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
			return fault.Tampered("the epochs of %s do not follow each other", of.name)
		}
		first = begins
		if row.ColumnInt64(1) == 0 && count < newest {
			return nil // deleted, once no record needed it; one that does will not open
		}
		_, err := k.sealer(c, count) // of that number, so a gap is a key that does not open
		return err
	})
	if err == nil && count == 0 && of.name == vaultFile.name {
		err = fault.Tampered("%s has no epoch", of.name)
	}
	return err
}
