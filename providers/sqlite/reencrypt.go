package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Reencryption is the progress of [Store.Reencrypt].
type Reencryption struct {
	Epoch    uint32 // the newest; all records are under it once Reencrypt returns nil
	Resealed uint64 // records that this call encrypted again
	// Remaining are the records under earlier epochs that a whole reading of the file has
	// found. It is known, and 0, only when Reencrypt has returned nil.
	Remaining uint64
	Proven    bool   // the file was read to its end and Remaining counts what is there
	Deleted   uint64 // wrapped data keys of earlier epochs that this call deleted
}

// String returns a line for people.
func (r Reencryption) String() string {
	text := fmt.Sprintf("epoch %d: %d records sealed anew", r.Epoch, r.Resealed)
	if r.Proven {
		text += fmt.Sprintf(", %d left under earlier keys, %d earlier keys deleted", r.Remaining, r.Deleted)
	}
	return text
}

// The bounds of one step of Reencrypt, so that others write between the steps.
const (
	resealRows  = 64
	resealBytes = 1 << 20
	scanRows    = 4096 // log rows that one reading looks at
)

// Reencrypt encrypts every value again that is under an earlier data key, in small steps
// between which others read and write. Then it reads the file once more. If no such record
// is left, it deletes the earlier data keys. When it returns nil, the old bytes are gone
// from the files.
//
// It can be stopped at any time, by ctx or a crash, and called again to continue. If
// progress is not nil, it is called after each step. Reencrypt returns
// [myvault.ErrTampered] if a record does not authenticate, and leaves it and all keys
// alone.
func (s *Store) Reencrypt(ctx context.Context, progress func(Reencryption)) (r Reencryption, err error) {
	err = s.file.Readers.Read(ctx, func(c *db.Conn) error {
		begun, err := keyring.ReadEpochStarts(c)
		r.Epoch = uint32(len(begun))
		return err
	})
	if err != nil {
		return r, err
	}
	if progress == nil {
		progress = func(Reencryption) {}
	}
	err = s.trail.Administer(ctx, "reencrypt", func() error { return s.reencrypt(ctx, &r, progress) })
	return r, err
}

func (s *Store) reencrypt(ctx context.Context, r *Reencryption, progress func(Reencryption)) (err error) {
	// Each pass encrypts the records that the pass before found, until one finds none.
	for !r.Proven || r.Remaining > 0 {
		if r.Remaining, err = s.resealAll(ctx, r, progress); err != nil {
			return err
		}
		r.Proven = true
	}
	if r.Deleted, err = s.deleteKeys(ctx, r.Epoch); err != nil {
		return err
	}
	progress(*r)
	return nil
}

// resealAll reads the log once, encrypts again the records of earlier epochs and returns
// how many it found.
func (s *Store) resealAll(ctx context.Context, r *Reencryption, progress func(Reencryption)) (found uint64, err error) {
	for after, more := uint64(0), true; more; {
		var rows []uint64
		if rows, after, more, err = s.sealedBefore(ctx, r.Epoch, after); err != nil {
			return found, err
		}
		if len(rows) == 0 {
			continue
		}
		found += uint64(len(rows))
		var done uint64
		err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) (err error) {
			done, err = s.resealRows(c, rows)
			return err
		}})
		if err != nil {
			return found, err
		}
		r.Resealed += done
		progress(*r)
	}
	return found, nil
}

// sealedBefore returns some rows after one whose records are of earlier epochs, and where
// to continue.
func (s *Store) sealedBefore(ctx context.Context, epoch uint32, after uint64) (rows []uint64, next uint64, more bool, err error) {
	size := int64(0)
	err = s.file.Readers.Snapshot(ctx, func(c *db.Conn) error {
		last, err := c.Integer(`SELECT coalesce(max(seq), 0) FROM log`)
		if err != nil {
			return err
		}
		next = min(after+scanRows, uint64(last))
		err = c.Each(`SELECT seq, length(sealed) FROM log WHERE seq > ?1 AND seq <= ?2 AND sealed IS NOT NULL
			AND substr(sealed, 2, 4) < ?3 ORDER BY seq LIMIT ?4`, func(row *sqlite3.Stmt) error {
			if size += row.ColumnInt64(1); len(rows) == 0 || size <= resealBytes {
				rows = append(rows, uint64(row.ColumnInt64(0)))
			}
			return nil
		}, after, next, binary.BigEndian.AppendUint32(nil, epoch), resealRows)
		if size > resealBytes || len(rows) == resealRows {
			next = rows[len(rows)-1]
		}
		more = next < uint64(last)
		return err
	})
	return rows, next, more, err
}

// resealRows encrypts the records of log rows under the newest epoch, in a transaction. It
// skips those that were destroyed or encrypted again meanwhile.
func (s *Store) resealRows(c *db.Conn, rows []uint64) (done uint64, err error) {
	for _, seq := range rows {
		r, err := ledger.ReadLogRow(s.file.Keys, c, seq)
		if err != nil {
			return done, err
		}
		sealed, err := c.Blob(`SELECT sealed FROM log WHERE seq = ?1`, seq)
		if err != nil {
			return done, err
		}
		if epoch, err := crypto.RecordEpoch(sealed); sealed == nil || err == nil && epoch >= s.end.Epoch {
			continue
		}
		if err := s.reseal(c, &r, sealed); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

func (s *Store) reseal(c *db.Conn, r *ledger.LogRow, sealed []byte) error {
	e := &r.Entry
	if err := ledger.CheckRecord(s.file.Keys, c, r, sealed); err != nil {
		return err
	}
	id := keyring.RecordID(e.Address, e.Version)
	value, err := s.file.Keys.OpenRecord(c, id, e.Seq, sealed)
	if err != nil {
		return err
	}
	record := s.end.Sealer.Seal(nil, id, value)
	clear(value)
	digest := sha256.Sum256(record)
	if err := c.Run(`UPDATE log SET sealed = ?2 WHERE seq = ?1`, e.Seq, record); err != nil {
		return err
	}
	return c.Run(`INSERT INTO reseal(seq, digest, mac) VALUES(?1, ?2, ?3)
		ON CONFLICT(seq) DO UPDATE SET digest = ?2, mac = ?3`,
		e.Seq, digest[:], s.file.Keys.RowMAC.Sum(ledger.ResealRow(s.file.Keys, r, digest[:], s.end.Epoch)))
}

// deleteKeys deletes the wrapped keys of earlier epochs, which no record needs any longer,
// and removes the old bytes of records and keys.
func (s *Store) deleteKeys(ctx context.Context, before uint32) (deleted uint64, err error) {
	err = s.file.Writer.Do(ctx, &wal.Request{Scrub: true, Apply: func(c *db.Conn) error {
		deleted = 0
		epochs, err := keyring.EpochsWithKey(c)
		for _, epoch := range epochs {
			if err == nil && epoch < before {
				err = c.Run(`UPDATE epoch SET wrapped = x'' WHERE epoch = ?1`, epoch)
				deleted++
			}
		}
		return err
	}})
	return deleted, err
}

// NewEpoch creates a new data key, under which all processes encrypt from now on, and
// returns the number of its epoch. Existing values keep their key until [Store.Reencrypt].
//
// A new epoch also begins after 2^28 changes and after a [Restore].
func (s *Store) NewEpoch(ctx context.Context) (epoch uint32, err error) {
	err = s.trail.Administer(ctx, "new-epoch", func() error {
		return s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
			err := s.startEpoch(c)
			epoch = s.end.Epoch
			return err
		}})
	})
	if err != nil {
		return 0, err
	}
	return epoch, nil
}

// startEpoch begins an epoch with the next log row, in a transaction that has read the end
// of the log.
func (s *Store) startEpoch(c *db.Conn) (err error) {
	s.end.Epoch++
	s.end.First = s.end.Seq + 1
	s.end.Sealer, err = s.file.Keys.CreateEpoch(c, s.end.Epoch, s.end.First, time.Now().UnixMicro())
	return err
}

// inEpoch checks that an authentic record is of the epoch in which it was written, or of a
// later one if it was encrypted again.
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
