package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/ncruces/go-sqlite3"
	"golang.org/x/crypto/cryptobyte"
)

// ResealRow encodes the fields that the row MAC of a row of the table reseal covers: digest is that
// of the record of r sealed again in epoch.
func ResealRow(k *keyring.Ring, r *LogRow, digest []byte, epoch uint32) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 256))
	encode.Str8(b, []byte("reseal"))
	encode.Str8(b, k.Vault)
	b.AddUint64(r.Entry.Seq)
	encode.Str16(b, r.Entry.Address.Project)
	encode.Str16(b, r.Entry.Address.Path)
	b.AddUint64(uint64(r.Entry.Version))
	encode.Str8(b, r.Digest)
	encode.Str8(b, digest)
	b.AddUint32(epoch)
	return encode.Bytes(b)
}

// CheckRecord checks that sealed is the record that was written with r, or that record sealed again
// under a newer data key.
func CheckRecord(k *keyring.Ring, c *db.Conn, r *LogRow, sealed []byte) error {
	digest := sha256.Sum256(sealed)
	if bytes.Equal(digest[:], r.Digest) {
		return nil
	}
	epoch, err := crypto.RecordEpoch(sealed)
	holds := false
	if err == nil {
		err = c.Each(`SELECT digest, mac FROM reseal WHERE seq = ?1`, func(row *sqlite3.Stmt) error {
			holds = bytes.Equal(row.ColumnRawBlob(0), digest[:]) &&
				k.RowMAC.Verify(ResealRow(k, r, digest[:], epoch), row.ColumnRawBlob(1))
			return nil
		}, r.Entry.Seq)
	}
	if err != nil && !errors.Is(err, crypto.ErrOpen) {
		return err
	}
	if !holds {
		return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: r.Entry.Seq, Reason: "its record does not match its digest"}
	}
	return nil
}
