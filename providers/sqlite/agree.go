package sqlite

import (
	"context"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
)

// Each chain knows of the other. An access entry has the newest change that its process had seen,
// which is durable; a change has the newest access entry that was durable then. So a file that
// lacks what the other one knows was replaced by an older one, or cut.

// agree proves, when a store is opened, that neither file is older than the other. Others may be
// writing: an entry knows of earlier entries only, so the other chain is read after it.
func (s *Store) agree() error {
	if known, end := s.knownEntry(), s.trail.Found.Seq; known > end {
		return older(schema.AccessFile.Name, known, end)
	}
	last, err := ledger.LastChange(s.file.Anchor)
	if seen := s.trail.Found.Seen; err == nil && seen > last {
		err = older(schema.VaultFile.Name, seen, last)
	}
	return err
}

// knownEntry returns the newest access entry that the end of the log knows.
func (s *Store) knownEntry() uint64 {
	if s.tip.Seq <= s.pairedSince {
		return 0 // it knows an entry of the access.db that was there before
	}
	return s.tip.Seen
}

func older(name string, known, last uint64) error {
	return fault.Tampered("%s is older than the file beside it, which knows its entry %d; it ends at %d; restore both files of one backup", name, known, last)
}

// proveClaims proves that each chain has what the other one knows of it. Both were walked before.
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
