package sqlite

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
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

// RecordUnless records the entries. If failing is set, the request fails after they were written.
func (s *Store) RecordUnless(ctx context.Context, failing bool, entries ...myvault.Entry) error {
	return s.trail.File.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		for _, e := range entries {
			d := s.trail.Prepare(e)
			if err := s.trail.Append(c, &d); err != nil {
				return err
			}
		}
		if failing {
			return wal.ErrPartial
		}
		return nil
	}})
}

// Together calls functions that write to the trail, each once the one before waits to be
// written, so that their first requests are one transaction.
func (s *Store) Together(ctx context.Context, functions ...func()) {
	oneTransaction(ctx, s.trail.File.Writer, functions)
}

// ChangesTogether is Together for functions that write to the secrets' file.
func (s *Store) ChangesTogether(ctx context.Context, functions ...func()) {
	oneTransaction(ctx, s.file.Writer, functions)
}

func oneTransaction(ctx context.Context, w *wal.Writer, functions []func()) {
	held, release := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = w.Do(ctx, &wal.Request{Apply: func(*db.Conn) error {
			close(held)
			<-release
			return wal.ErrNothing
		}})
	})
	<-held
	for n, f := range functions {
		wait.Go(f)
		for waiting := 0; waiting <= n; runtime.Gosched() {
			w.Mu.Lock()
			waiting = len(w.Waiting)
			w.Mu.Unlock()
		}
	}
	close(release)
	wait.Wait()
}

// PruneStep is one step of a pruning, which removes no old bytes: that would wait for readers.
func (s *Store) PruneStep(ctx context.Context, upTo uint64) error {
	_, err := (&access.Pruning{Trail: s.trail, Limit: access.Limit{UpTo: upTo}, Recorded: true}).Step(ctx)
	return err
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

// RekeyLater changes the master key, and leaves old bytes: to remove them would wait for readers.
func (s *Store) RekeyLater(ctx context.Context, key crypto.Key) error {
	to, err := s.mastersOf(key)
	if err != nil {
		return err
	}
	access, err := s.trail.File.OpenDurable(ctx)
	if err != nil {
		return err
	}
	change := &rekeying{Store: s, to: to, access: access}
	err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error { return change.vault(ctx, c) }})
	if err == nil {
		err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error { return change.dropOldKey(ctx, c) }})
	}
	s.masters.Store(to)
	s.file.Keys.Master.Store(to.vault)
	s.trail.File.Keys.Master.Store(to.access)
	return errors.Join(err, access.Close())
}
