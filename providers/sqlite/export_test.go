package sqlite

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// VerifyAccesses verifies the chain of accesses and calls between after each step. It returns the
// number of entries and of steps.
func (s *Store) VerifyAccesses(ctx context.Context, between func()) (proved uint64, steps int, err error) {
	v := &verification{Store: s}
	if err := v.trailStructure(ctx); err != nil {
		return 0, 0, err
	}
	w := access.Walk{End: ledger.Link{MAC: crypto.Genesis()}}
	for more := true; more && err == nil; steps++ {
		more, err = v.someAccesses(ctx, &w)
		between()
	}
	return v.report.Accesses, steps, err
}

// ReadsKeys reads the keys of both files as an opening does.
func (s *Store) ReadsKeys(ctx context.Context, key crypto.Key) error {
	var errs error
	for _, f := range []*wal.File{s.file, s.trail.File} {
		c, err := f.Readers.Open(ctx)
		if err != nil {
			return err
		}
		c.SetInterrupt(ctx)
		_, err = keyring.Read(c, f.Kind.Name, f.Kind.Name == schema.VaultFile.Name, key, keyring.Source(StaticKey(key)))
		errs = errors.Join(errs, err, c.Close())
	}
	return errs
}

// Steps of a change of the master key, each of which is a transaction.
const (
	AddNewKey = iota + 1
	ChangeVault
	DropOldKey
)

// RekeySteps does these steps of a change of the master key, as one that a crash ends.
func (s *Store) RekeySteps(ctx context.Context, key crypto.Key, steps ...int) error {
	to, err := s.mastersOf(key)
	if err != nil {
		return err
	}
	access, err := s.trail.File.OpenDurable(ctx)
	if err != nil {
		return err
	}
	change := &rekeying{Store: s, to: to, access: access}
	for _, step := range steps {
		if err == nil {
			err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error { return change.step(ctx, c, step) }})
		}
	}
	return errors.Join(err, access.Close())
}

func (r *rekeying) step(ctx context.Context, c *db.Conn, step int) error {
	switch step {
	case ChangeVault:
		return r.vault(ctx, c)
	case DropOldKey:
		return r.dropOldKey(ctx, c)
	}
	from, err := r.currentMasters(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(r.finishEarlier(ctx, from), r.addNewKey(ctx, from))
}

// RekeyLater changes the master key, and leaves old bytes: to remove them would wait for readers.
func (s *Store) RekeyLater(ctx context.Context, key crypto.Key) error {
	to, err := s.mastersOf(key)
	if err != nil {
		return err
	}
	err = s.RekeySteps(ctx, key, ChangeVault, DropOldKey)
	s.masters.Store(to)
	s.file.Keys.Master.Store(to.vault)
	s.trail.File.Keys.Master.Store(to.access)
	return err
}

// Claim has the next entries say that they have seen a change.
func (s *Store) Claim(seq uint64) { s.newest.Store(seq) }

// GetAround reads a secret as Get does that does not find it in the cache, and calls
// between after it was read and before the cache may keep it.
func (s *Store) GetAround(ctx context.Context, addr myvault.Address, between func()) error {
	v, err := s.validator.Current(ctx)
	if err != nil {
		return err
	}
	var r *rowcache.Row
	err = s.file.Readers.Read(ctx, func(c *db.Conn) (err error) {
		r, _, err = s.current(c, addr, 0)
		return err
	})
	if err == nil {
		between()
		s.cache.Put(r, v.Generation)
	}
	return err
}

// KnownHeads returns the number and size of the heads that the idle writer keeps.
func (s *Store) KnownHeads() (heads, bytes int) { return len(s.known.heads), s.known.bytes }

// KnownHeadsSum recounts the size that KnownHeads returns.
func (s *Store) KnownHeadsSum() (bytes int) {
	for _, h := range s.known.heads {
		bytes += headBytes(h)
	}
	return bytes
}

// ChangeKeyFailing is ChangeKey with a disk on which what is done beside the engine may fail.
func ChangeKeyFailing(ctx context.Context, dir, keyFile string, fails func(operation, path string, size int) (done int, err error)) (KeyChange, error) {
	return changeKey(ctx, dir, keyFile, directory.Disk{Fails: fails})
}
