package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
)

// pairTrail records the id of access.db in vault.db. It refuses another access.db, unless renew is
// set and that file has no entry; renewed is then true.
func (s *Store) pairTrail(ctx context.Context, renew bool) (renewed bool, err error) {
	id := s.trail.File.Keys.Vault
	var known []byte
	err = fault.Guard(func() error {
		stored, err := s.file.Anchor.Meta(keyring.MetaAccess)
		if err == nil {
			known, s.pairedSince, err = readPair(s.file.Keys, stored)
		}
		return err
	})
	if err != nil || slices.Equal(known, id) {
		return false, err
	}
	if known != nil && renew {
		heads, err := s.trail.Heads(ctx)
		if err != nil {
			return false, err
		}
		renewed = heads[0].Seq == 0
	}
	if known != nil && !renewed {
		return false, fmt.Errorf("%w: access.db is that of another store; restore the right one", fault.ErrForeign)
	}
	return renewed, fault.Guard(func() error { return s.pairWith(ctx, id, renewed) })
}

// pairWith records the id of an access.db in vault.db. If renewed is set, existing changes refer to
// entries of another one. The writer has not started yet.
func (s *Store) pairWith(ctx context.Context, id []byte, renewed bool) error {
	if err := s.file.Writer.EnsureConn(ctx); err != nil {
		return err
	}
	c := s.file.Writer.Conn
	return c.Transaction(ctx, func() error {
		if err := s.file.BeforeWrite(); err != nil {
			return err
		}
		value := slices.Clone(id)
		if renewed {
			var err error
			if s.pairedSince, err = ledger.LastChange(c); err != nil {
				return err
			}
			value = binary.BigEndian.AppendUint64(value, s.pairedSince)
		}
		return c.SetMeta(keyring.MetaAccess, append(value, s.file.Keys.RowMAC.Sum(pairRow(s.file.Keys, value))...))
	})
}

// readPair returns the vault id of the access.db that vault.db remembers, nil for none, and the
// change after which it took the place of another one.
func readPair(k *keyring.Ring, stored []byte) (id []byte, since uint64, err error) {
	if stored == nil {
		return nil, 0, nil
	}
	n := len(stored) - crypto.MACSize
	if n != crypto.VaultIDSize && n != crypto.VaultIDSize+8 || !k.RowMAC.Verify(pairRow(k, stored[:n]), stored[n:]) {
		return nil, 0, fault.Tampered("what vault.db remembers of access.db")
	}
	if n > crypto.VaultIDSize {
		since = binary.BigEndian.Uint64(stored[crypto.VaultIDSize:])
	}
	return stored[:crypto.VaultIDSize], since, nil
}

// provePair checks the recorded id for Verify.
func (v *verification) provePair(c *db.Conn) error {
	stored, err := c.Meta(keyring.MetaAccess)
	if err != nil {
		return err
	}
	known, _, err := readPair(v.keys, stored)
	if err == nil && !slices.Equal(known, v.access.Vault) {
		err = fault.Tampered("vault.db does not remember this access.db")
	}
	return err
}

// pairRow returns the bytes that the row MAC of the remembered vault id covers. The change
// since which it is remembered may follow the id.
func pairRow(k *keyring.Ring, id []byte) []byte {
	var b cryptobyte.Builder
	encode.Str8(&b, []byte(keyring.MetaAccess))
	encode.Str8(&b, k.Vault)
	encode.Str8(&b, id)
	return b.BytesOrPanic()
}

// Each chain refers to the other. An access entry has the newest change that its process had
// seen, which is durable; a change has the newest access entry that was durable then. So a
// file that lacks what the other one knows was replaced by an older one, or cut.

// checkClaims proves, when a store is opened, that neither file is older than the other.
// Others may be writing: an entry knows of earlier entries only, so the other chain is read
// after it.
func (s *Store) checkClaims() error {
	if known, end := s.knownEntry(), s.trail.LastClaim.Seq; known > end {
		return olderFile(schema.AccessFile.Name, known, end)
	}
	last, err := ledger.LastChange(s.file.Anchor)
	if seen := s.trail.LastClaim.Seen; err == nil && seen > last {
		err = olderFile(schema.VaultFile.Name, seen, last)
	}
	return err
}

// knownEntry returns the newest access entry that the end of the log knows.
func (s *Store) knownEntry() uint64 {
	if s.end.Seq <= s.pairedSince {
		return 0 // it knows an entry of the access.db that was there before
	}
	return s.end.Seen
}

func olderFile(name string, known, last uint64) error {
	return fault.Tampered("%s is older than the file beside it, which knows its entry %d; it ends at %d; restore both files of one backup", name, known, last)
}

// proveClaims checks that each chain has the entries that the other one refers to. Both have been
// walked.
func (v *verification) proveClaims(ctx context.Context) error {
	var last uint64
	err := v.file.Readers.Read(ctx, func(c *db.Conn) (err error) {
		last, err = ledger.LastChange(c)
		return err
	})
	if err != nil {
		return err
	}
	if v.accessClaim.Seen > last {
		return unknownClaim(myvault.ChainAccess, v.accessClaim, myvault.ChainChanges, last)
	}
	if v.changeClaim.Seen > v.accessEnd {
		return unknownClaim(myvault.ChainChanges, v.changeClaim, myvault.ChainAccess, v.accessEnd)
	}
	return nil
}

func unknownClaim(chain string, k ledger.Claim, other string, last uint64) error {
	return &fault.BadEntry{Chain: chain, Seq: k.Seq,
		Reason: fmt.Sprintf("it knows entry %d of the chain of %s, which ends at %d", k.Seen, other, last)}
}
