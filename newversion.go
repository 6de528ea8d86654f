package myvault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Generator makes a value that nobody has seen: a session calls it once, after the policy
// has allowed the change, and hands what it gives to the store alone. Package generate has ready
// ones. Its errors must not repeat what was made, and are ErrGenerator whatever they wrap. It may be called by many goroutines.
type Generator func(context.Context) (Value, error)

// actionGenerate stands in the entry of a write whose value a Generator made.
const actionGenerate = "generate"

// NewVersion is a version to be made. It has either a Value or a Generator. The times belong to
// this version: the next one has its own, or none.
type NewVersion struct {
	Value       Value
	Generate    Generator // makes the value in place of Value; the entry's action is then "generate"
	Expires     time.Time // when it should no longer be used, in the future; zero: never
	RotateAfter time.Time // when it is due for a new version, not after Expires; zero: never
}

// Validate reports ErrInvalid for an empty value, for a value beside a generator, and for
// times that cannot be meant, and ErrTooLarge for a value over [MaxValue].
func (d NewVersion) Validate() error {
	if d.Generate == nil {
		return errors.Join(d.Value.Validate(), d.validateTimes())
	}
	if d.Value.Len() > 0 {
		return fmt.Errorf("%w: a value and a generator are given; give one", ErrInvalid)
	}
	return d.validateTimes()
}

func (d NewVersion) validateTimes() error {
	for _, t := range []time.Time{d.Expires, d.RotateAfter} {
		if year := t.UTC().Year(); year < 0 || year > 9999 {
			return fmt.Errorf("%w time: its year is not one of 0 to 9999", ErrInvalid)
		}
	}
	expires, rotateAfter := stored(d.Expires), stored(d.RotateAfter)
	switch {
	case expires.IsZero():
	case !expires.After(now()):
		return fmt.Errorf("%w expiry: it is not in the future; look at the time zone", ErrInvalid)
	case rotateAfter.After(expires):
		return fmt.Errorf("%w times: rotation would be due after the expiry; it belongs before it", ErrInvalid)
	}
	return nil
}

// PutVersion is [Session.Put] for a version that has times, or whose value is generated.
// ErrGenerator where the generator fails; nothing is changed then.
func (s *Session) PutVersion(ctx context.Context, addr Address, d NewVersion, conditions ...Condition) (Info, error) {
	condition, err := both(conditions)
	if err != nil {
		return Info{}, fail("put", Address{}, err)
	}
	return s.one(ctx, "put", Change{
		Op: OpPut, Address: addr, If: condition,
		Value: d.Value, Generate: d.Generate, Expires: d.Expires, RotateAfter: d.RotateAfter,
	})
}

// draft gives what a put makes.
func (c Change) draft() NewVersion {
	return NewVersion{Value: c.Value, Generate: c.Generate, Expires: c.Expires, RotateAfter: c.RotateAfter}
}

// generate has the generators of allowed changes make their values.
func (c Commit) generate(ctx context.Context) error {
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.Op != OpPut || change.Generate == nil {
			continue
		}
		value, err := change.Generate(ctx)
		if err == nil {
			err = value.Validate()
		}
		if err != nil {
			return c.Refused(i, fmt.Errorf("%w: %w", ErrGenerator, err))
		}
		change.Value, change.Generate = value, nil
	}
	return nil
}

// Expired reports whether the version should no longer be used at the time t. It can be
// read all the same: who depends on it decides.
func (i Info) Expired(t time.Time) bool { return !i.Expires.IsZero() && !t.Before(i.Expires) }

// RotationDue reports whether the version is due for a new one at the time t.
func (i Info) RotationDue(t time.Time) bool {
	return !i.RotateAfter.IsZero() && !t.Before(i.RotateAfter)
}

// duly reports whether i has the times that the range asks for.
func (r ListOptions) duly(i Info) bool {
	return (r.ExpiresBefore.IsZero() || !i.Expires.IsZero() && i.Expires.Before(r.ExpiresBefore)) &&
		(r.RotateBefore.IsZero() || !i.RotateAfter.IsZero() && i.RotateAfter.Before(r.RotateBefore))
}

// asStored gives the range as a provider sees it.
func (r ListOptions) asStored() ListOptions {
	r.ExpiresBefore, r.RotateBefore = time.Time{}, time.Time{}
	return r
}
