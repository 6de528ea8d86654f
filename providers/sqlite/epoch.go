package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"time"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// NewEpoch makes a new data key, under which all values are sealed from now on, those of
// other processes too. It gives the number of the epoch. Values that stand already keep
// their key until [Store.Reencrypt].
//
// A new epoch begins by itself after 2^28 changes, and after a [Restore].
func (s *Store) NewEpoch(ctx context.Context) (epoch uint32, err error) {
	err = s.trail.Administer(ctx, "new-epoch", func() error {
		return s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
			err := s.startEpoch(c)
			epoch = s.tip.Epoch
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
	s.tip.Epoch++
	s.tip.First = s.tip.Seq + 1
	s.tip.Sealer, err = s.file.Keys.CreateEpoch(c, s.tip.Epoch, s.tip.First, time.Now().UnixMicro())
	return err
}

// inEpoch proves that a record, which is authentic, is of the epoch that was in force when it
// was written, or of a later one if it was sealed anew.
func (v *verification) inEpoch(r *ledger.LogRow) error {
	epoch, err := crypto.RecordEpoch(r.Sealed)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(r.Sealed)
	then := v.begun.At(r.Entry.Seq)
	if epoch < then || epoch > then && bytes.Equal(digest[:], r.Digest) {
		return &fault.BadEntry{Chain: r.Entry.Chain, Seq: r.Entry.Seq, Reason: "its record is of another epoch than was in force"}
	}
	if epoch < uint32(len(v.begun)) {
		v.report.Earlier++
	}
	return nil
}
