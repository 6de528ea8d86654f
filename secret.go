package myvault

import (
	"context"
	"fmt"
	"time"
)

// Get returns the current version of a secret. ErrNotFound if there is no live one.
func (s *Session) Get(ctx context.Context, addr Address) (Secret, error) {
	return s.GetVersion(ctx, addr, 0)
}

// GetVersion returns one version of a live secret; 0 is the current one. ErrDestroyed if the
// version's value was destroyed. ErrNotFound if the version was deleted or never made, or if the
// secret is not live.
func (s *Session) GetVersion(ctx context.Context, addr Address, version Version) (Secret, error) {
	op := "get"
	if version != 0 {
		op = "get version"
	}
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
		s.recordFailure(ctx, s.entry("read", addr, version), err)
		return Secret{}, fail(op, addr, err)
	}
	if s.vault.recorder.mode != ReadsStrict && s.deferRead(addr, secret.Version) {
		return secret, nil
	}
	if err := s.vault.recorder.write(ctx, s.entry("read", addr, secret.Version)); err != nil {
		return Secret{}, fail(op, addr, err)
	}
	return secret, nil
}

// deferRead is recorder.deferRead for a read of one secret. It makes no Entry, which costs as much
// as the rest of a relaxed read.
func (s *Session) deferRead(addr Address, version Version) bool {
	if s.vault.recorder.mode == ReadsOff {
		return true
	}
	now := time.Now().UnixMicro()
	return s.vault.recorder.deferRead(&entryEvent{
		Key:    entryKey{service: s.label, via: s.via, action: "read", outcome: OutcomeOK, addr: addr, version: version},
		Detail: s.request, Count: 1, First: now, Last: now,
	})
}

// Put makes a new version, which is live, and registers the project if necessary. All conditions
// must hold; otherwise the error is ErrExists, ErrNotFound or ErrConflict. ErrTooLarge for a value
// over [MaxValue], and if too many projects are registered.
func (s *Session) Put(ctx context.Context, addr Address, value Value, conditions ...Condition) (Info, error) {
	return s.PutVersion(ctx, addr, NewVersion{Value: value}, conditions...)
}

// PutVersion is [Session.Put] for a version that expires or is due for rotation, or whose value is
// generated. ErrGenerator if the generator fails; then nothing is changed.
func (s *Session) PutVersion(ctx context.Context, addr Address, n NewVersion, conditions ...Condition) (Info, error) {
	condition, err := both(conditions)
	if err != nil {
		return Info{}, fail("put", Address{}, err)
	}
	return s.applyOne(ctx, "put", Change{
		Op: OpPut, Address: addr, If: condition,
		Value: n.Value, Generate: n.Generate, Expires: n.Expires, RotateAfter: n.RotateAfter,
	})
}

// Delete marks the current version as deleted. No version of the secret is found until
// [Session.Undelete] or another Put. ErrNotFound if there is no live secret, else the errors of
// the conditions.
func (s *Session) Delete(ctx context.Context, addr Address, conditions ...Condition) error {
	condition, err := both(conditions)
	if err != nil {
		return fail("delete", Address{}, err)
	}
	_, err = s.applyOne(ctx, "delete", Change{Op: OpDelete, Address: addr, If: condition})
	return err
}

// Undelete clears the mark of the last Delete. It needs the right to write. ErrConflict if the
// secret is live, ErrDestroyed if its value was destroyed, ErrNotFound if there never was one.
func (s *Session) Undelete(ctx context.Context, addr Address) (Info, error) {
	return s.applyOne(ctx, "undelete", Change{Op: OpUndelete, Address: addr})
}

// Destroy removes the values of the given versions for good, or of all versions if none is given.
// It needs the right to destroy, which only a rule that names it allows. ErrNotFound if a version
// was never made; then none is destroyed.
func (s *Session) Destroy(ctx context.Context, addr Address, versions ...Version) error {
	_, err := s.applyOne(ctx, "destroy", Change{Op: OpDestroy, Address: addr, Versions: versions})
	return err
}

// MaxChanges is the largest number of changes in one [Session.Apply].
const MaxChanges = 1000

// Apply makes several changes in order, all or none. The policy must allow each of them. It
// returns one Info for each change. [errors.ErrUnsupported] if the provider makes one change at a
// time.
//
// If one of the changes fails, the error wraps a [*ChangeError]. A change that the policy denies
// is reported before one that fails for another reason.
func (s *Session) Apply(ctx context.Context, changes ...Change) ([]Info, error) {
	if len(changes) == 0 {
		return nil, fail("apply", Address{}, fmt.Errorf("%w: no change is given", ErrInvalid))
	}
	if len(changes) > MaxChanges {
		return nil, fail("apply", Address{}, fmt.Errorf("%w: %d changes at once, and the limit is %d", ErrTooLarge, len(changes), MaxChanges))
	}
	for i, c := range changes {
		if err := c.Validate(); err != nil {
			return nil, failChanges(changes, &ChangeError{Index: i, Err: err})
		}
	}
	infos, err := s.apply(ctx, changes)
	if err != nil {
		return nil, failChanges(changes, err)
	}
	return infos, nil
}

func (s *Session) applyOne(ctx context.Context, op string, c Change) (Info, error) {
	if err := c.Validate(); err != nil {
		return Info{}, fail(op, Address{}, err)
	}
	infos, err := s.apply(ctx, []Change{c})
	if err != nil {
		return Info{}, fail(op, c.target(), err)
	}
	return infos[0], nil
}
