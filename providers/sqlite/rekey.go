package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Rekey changes the master key of both files while the store is used. If a file holds the
// key, prefer [ChangeKey]: it also creates, keeps and installs the key, and can be
// repeated. After Rekey switch the key source of every process to the new key. A process that
// has the store open continues, and asks its source when it meets a newer data key.
//
// Two files cannot change at once. So access.db first takes the new key beside the old one,
// then vault.db changes, then access.db drops the old key. If a crash interrupts this, one
// of the two keys opens the store; call Rekey again with the new key. The same holds after
// any error but [crypto.ErrKey]. [myvault.ErrConflict] means that another process changed
// the key to a different one meanwhile. When Rekey returns nil, the files hold no keys
// wrapped under the old one. It writes an entry with the outcome [myvault.OutcomeBegun]
// before the change and one with the outcome after it.
//
// Someone who had the old key and the files may have kept the data keys. After a leak also
// call [Store.NewEpoch] and [Store.Reencrypt], and change the values themselves.
func (s *Store) Rekey(ctx context.Context, key crypto.Key) error {
	to, err := s.mastersOf(key)
	if err != nil {
		return err
	}
	if err := s.trail.Administer(ctx, actionRekey, func() error { return s.rekey(ctx, to) }); err != nil {
		return fmt.Errorf("change of the master key: %w", err)
	}
	return nil
}

// actionRekey is the action of entries about a change of the master key.
const actionRekey = "rekey"

func (s *Store) rekey(ctx context.Context, to *masters) error {
	access, err := s.trail.File.OpenDurable(ctx)
	if err != nil {
		return fault.FromEngine(ctx, err)
	}
	change := &rekeying{Store: s, to: to, access: access}
	// A process changes access.db under the lock of vault.db, so only one does at a time.
	err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error { return change.vault(ctx, c) }})
	if err == nil {
		if err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error { return change.dropOldKey(ctx, c) }}); err != nil {
			err = fmt.Errorf("%w: vault.db has changed to the new key: %w", myvault.ErrUnknownOutcome, err)
		}
	}
	if err == nil {
		s.masters.Store(to)
		s.file.Keys.Master.Store(to.vault)
		s.trail.File.Keys.Master.Store(to.access)
		err = s.file.ScrubNow(ctx)
		if old := fault.Guard(func() error { return s.trail.File.Scrub(ctx, access, wal.ScrubTimeout) }); old != nil {
			err = errors.Join(err, fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, fault.FromEngine(ctx, old)))
		}
	}
	return errors.Join(err, access.Close())
}

// masters are the keys derived from one master key for the two files.
type masters struct{ vault, access *crypto.Master }

func (s *Store) mastersOf(key crypto.Key) (*masters, error) {
	vault, err := crypto.NewMaster(key, s.file.Keys.Vault)
	if err != nil {
		return nil, err
	}
	access, err := crypto.NewMaster(key, s.trail.File.Keys.Vault)
	return &masters{vault, access}, err
}

// rekeying is a Rekey in progress.
type rekeying struct {
	*Store
	to     *masters
	access *db.Conn // durable at each commit: vault.db must not change before it
}

// vault adds the new key to access.db, then changes vault.db to it.
func (r *rekeying) vault(ctx context.Context, c *db.Conn) error {
	from, err := r.currentMasters(ctx, c)
	if err != nil || from == r.to {
		return err
	}
	if err := r.finishEarlier(ctx, from); err != nil {
		return err
	}
	if err := r.addNewKey(ctx, from); err != nil {
		return err
	}
	return keyring.Rewrap(c, from.vault, r.to.vault)
}

// currentMasters returns the masters that open vault.db now: the new ones if an earlier
// Rekey came that far, else the known ones or those of the source.
func (r *rekeying) currentMasters(ctx context.Context, c *db.Conn) (*masters, error) {
	check, err := c.Meta(keyring.MetaCheck)
	if err != nil {
		return nil, err
	}
	for _, known := range []*masters{r.to, r.masters.Load()} {
		if known.vault.Matches(check) {
			return known, nil
		}
	}
	key, err := r.file.Keys.Source.Key(ctx)
	if err != nil {
		return nil, err
	}
	given, err := r.mastersOf(key)
	if err == nil && !given.vault.Matches(check) {
		err = r.file.Keys.ErrKeyChanged()
	}
	return given, err
}

// finishEarlier completes an earlier Rekey, so that access.db has the key of vault.db.
func (r *rekeying) finishEarlier(ctx context.Context, from *masters) error {
	return r.trail.File.CommitDurably(ctx, r.access, func() error {
		found, err := keyring.FindSlot(r.access, from.access)
		switch {
		case err != nil:
			return err
		case found == nil:
			return fmt.Errorf("%w: access.db has another master key than vault.db", myvault.ErrWrongKey)
		case found == &keyring.Slots[0]:
			return nil
		}
		return keyring.PromoteNext(r.access)
	})
}

// addNewKey puts the new key beside the old one in access.db.
func (r *rekeying) addNewKey(ctx context.Context, from *masters) error {
	return r.trail.File.CommitDurably(ctx, r.access, func() error {
		wrapped, err := keyring.RewrapTrail(r.access, from.access, r.to.access)
		if err != nil {
			return err
		}
		return errors.Join(r.access.SetMeta(keyring.MetaNextCheck, r.to.access.CheckValue()), r.access.SetMeta(keyring.MetaNextTrail, wrapped))
	})
}

// dropOldKey drops the old key from access.db, once vault.db has the new one.
func (r *rekeying) dropOldKey(ctx context.Context, c *db.Conn) error {
	check, err := c.Meta(keyring.MetaCheck)
	if err != nil {
		return err
	}
	if !r.to.vault.Matches(check) {
		return fmt.Errorf("%w: another process changed it too; make sure which key is meant, and repeat the change", myvault.ErrConflict)
	}
	return r.finishEarlier(ctx, r.to)
}
