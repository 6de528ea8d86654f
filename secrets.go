package myvault

import (
	"context"
	"fmt"
	"time"
)

// Get reads the current version of a secret. ErrNotFound where there is no live one.
func (s *Session) Get(ctx context.Context, addr Address) (Secret, error) {
	return s.read(ctx, "get", addr, 0)
}

// GetVersion reads one version of a live secret; 0 is the current one. ErrDestroyed if it is
// asked for by number, its value was destroyed, and the secret is not deleted. ErrNotFound if
// the secret is not live, or if the version was never made or was deleted.
func (s *Session) GetVersion(ctx context.Context, addr Address, version Version) (Secret, error) {
	return s.read(ctx, "get version", addr, version)
}

func (s *Session) read(ctx context.Context, op string, addr Address, version Version) (Secret, error) {
	if err := addr.Validate(); err != nil {
		return Secret{}, fail(op, Address{}, err)
	}
	r, err := s.rights(ctx)
	if err == nil && !r.allows(Read, addr) {
		err = ErrDenied
	}
	var secret Secret
	if err == nil {
		secret, err = s.vault.provider.Get(ctx, addr, version)
	}
	if err != nil {
		s.refuse(ctx, s.readEntry(addr, version), err)
		return Secret{}, fail(op, addr, err)
	}
	if s.settled(addr, secret.Version) {
		return secret, nil
	}
	if err := s.vault.recorder.write(ctx, s.readEntry(addr, secret.Version)); err != nil {
		return Secret{}, fail(op, addr, err)
	}
	return secret, nil
}

// settled is recorder.settled for a read of one secret. It makes no entry, which costs about as much as the rest.
func (s *Session) settled(addr Address, version Version) bool {
	if s.vault.recorder.mode != Relaxed {
		return s.vault.recorder.mode == Off
	}
	now := time.Now().UnixMicro()
	return s.vault.recorder.settled(&who{service: s.label, via: s.via, action: "read", outcome: OutcomeOK},
		&held{addr: addr, version: version, request: s.request, count: 1, first: now, last: now})
}

func (s *Session) readEntry(addr Address, version Version) Entry {
	e := s.entry("read", addr)
	e.Version = version
	return e
}

// Put makes a new version, which is live, and registers the project where it was not.
// The conditions must all hold: ErrExists, ErrNotFound or ErrConflict by the one that
// does not. ErrTooLarge for a value over [MaxValue] or a full register of projects.
func (s *Session) Put(ctx context.Context, addr Address, value Value, conditions ...Condition) (Info, error) {
	condition, err := both(conditions)
	if err != nil {
		return Info{}, fail("put", Address{}, err)
	}
	return s.one(ctx, "put", Change{Op: OpPut, Address: addr, Value: value, If: condition})
}

// Delete marks the current version deleted. The whole secret is then not found, until
// [Session.Undelete] or another Put. ErrNotFound where there is no live secret, else
// as the conditions say.
func (s *Session) Delete(ctx context.Context, addr Address, conditions ...Condition) error {
	condition, err := both(conditions)
	if err != nil {
		return fail("delete", Address{}, err)
	}
	_, err = s.one(ctx, "delete", Change{Op: OpDelete, Address: addr, If: condition})
	return err
}

// Undelete clears the mark of the last Delete; it needs the right to write. ErrConflict
// where the secret is live, ErrDestroyed where the value is gone, ErrNotFound where
// there never was one.
func (s *Session) Undelete(ctx context.Context, addr Address) (Info, error) {
	return s.one(ctx, "undelete", Change{Op: OpUndelete, Address: addr})
}

// Destroy removes the values of the named versions for good, or of all where none is
// named. It needs the right to destroy, which no rule gives unless it names it.
// ErrNotFound where a version was never made; then none is destroyed.
func (s *Session) Destroy(ctx context.Context, addr Address, versions ...Version) error {
	_, err := s.one(ctx, "destroy", Change{Op: OpDestroy, Address: addr, Versions: versions})
	return err
}

// MaxChanges is the largest number of changes in one [Session.Apply].
const MaxChanges = 1000

// Apply makes several changes in their order, all or none, each allowed by the policy. It
// gives one Info per change. [errors.ErrUnsupported] where the provider makes one change at a time.
// If one change is the reason for a failure, the error wraps a [*ChangeError]. A change that the
// policy denies is reported before any that fails for another reason.
func (s *Session) Apply(ctx context.Context, changes ...Change) ([]Info, error) {
	if len(changes) == 0 {
		return nil, fail("apply", Address{}, fmt.Errorf("%w: no change is given", ErrInvalid))
	}
	if len(changes) > MaxChanges {
		return nil, fail("apply", Address{}, fmt.Errorf("%w: %d changes at once, and the limit is %d", ErrTooLarge, len(changes), MaxChanges))
	}
	for i, c := range changes {
		if err := c.validate(); err != nil {
			return nil, failChanges(changes, &ChangeError{Index: i, Err: err})
		}
	}
	infos, err := s.apply(ctx, changes)
	if err != nil {
		return nil, failChanges(changes, err)
	}
	return infos, nil
}

// one applies a single change.
func (s *Session) one(ctx context.Context, op string, c Change) (Info, error) {
	if err := c.validate(); err != nil {
		return Info{}, fail(op, Address{}, err)
	}
	infos, err := s.apply(ctx, []Change{c})
	if err != nil {
		return Info{}, fail(op, c.Target(), err)
	}
	return infos[0], nil
}
