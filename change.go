package myvault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// NewVersion is a version to be made. It has either a Value or a Generator. The times are of this
// version only.
type NewVersion struct {
	Value       Value
	Generate    Generator // makes the value; the trail entry then has the action "generate"
	Expires     time.Time // when the version should no longer be used, in the future; zero: never
	RotateAfter time.Time // when a new version is due, not after Expires; zero: never
}

// Generator makes a value that no caller has seen. A session calls it once, after the policy has
// allowed the change. Any error it returns becomes ErrGenerator; it must not contain the value. It
// may be called by many goroutines. Package generate has generators.
type Generator func(context.Context) (Value, error)

// actionGenerate is the action of a write whose value a Generator made.
const actionGenerate = "generate"

// Validate returns ErrInvalid for an empty value, for a value beside a generator, and for times
// that are in the past or out of order. ErrTooLarge for a value over [MaxValue].
func (n NewVersion) Validate() error {
	if n.Generate == nil {
		return errors.Join(n.Value.Validate(), n.validateTimes())
	}
	if n.Value.Len() > 0 {
		return fmt.Errorf("%w: both a value and a generator; use one", ErrInvalid)
	}
	return n.validateTimes()
}

func (n NewVersion) validateTimes() error {
	for _, t := range []time.Time{n.Expires, n.RotateAfter} {
		if year := t.UTC().Year(); year < 0 || year > 9999 {
			return fmt.Errorf("%w time: its year is not one of 0 to 9999", ErrInvalid)
		}
	}
	expires, rotateAfter := stored(n.Expires), stored(n.RotateAfter)
	switch {
	case expires.IsZero():
	case !expires.After(now()):
		return fmt.Errorf("%w expiry: it is not in the future; check the time zone", ErrInvalid)
	case rotateAfter.After(expires):
		return fmt.Errorf("%w times: rotation would be due after the expiry", ErrInvalid)
	}
	return nil
}

// Validate returns ErrInvalid or ErrTooLarge for a change that every vault refuses, under every
// policy and in every state.
func (c Change) Validate() error {
	if err := c.If.validate(); err != nil {
		return err
	}
	if c.If != (Condition{}) && c.Op != OpPut && c.Op != OpDelete && c.Op != OpPutProject {
		return fmt.Errorf("%w condition: %s takes none", ErrInvalid, c.Op)
	}
	switch c.Op {
	case OpPut:
		n := NewVersion{Value: c.Value, Generate: c.Generate, Expires: c.Expires, RotateAfter: c.RotateAfter}
		return errors.Join(c.Address.Validate(), n.Validate())
	case OpDestroy:
		if err := validateVersions(c.Versions); err != nil {
			return err
		}
		return c.Address.Validate()
	case OpDelete, OpUndelete:
		return c.Address.Validate()
	case OpPutProject, OpDefaultProject, OpDeleteProject:
		if c.If.kind == ifVersion {
			return fmt.Errorf("%w condition: a project has no version", ErrInvalid)
		}
		return c.Project.Validate()
	}
	return fmt.Errorf("%w: %s is no kind of change", ErrInvalid, c.Op)
}

// validateVersions checks the versions to destroy.
func validateVersions(versions []Version) error {
	if slices.Contains(versions, 0) {
		return fmt.Errorf("%w version: versions to destroy are numbered from 1; use none for all", ErrInvalid)
	}
	return nil
}

// target returns the address that c changes. It has no Path if c changes a project.
func (c Change) target() Address {
	switch c.Op {
	case OpPutProject, OpDefaultProject, OpDeleteProject:
		return Address{Project: c.Project.Name}
	}
	return c.Address
}

// action returns the action of the change's trail entry.
func (c Change) action() string {
	if c.Op == OpPut && c.Generate != nil {
		return actionGenerate
	}
	return c.Op.String()
}

// apply makes valid changes if the policy allows all of them.
func (s *Session) apply(ctx context.Context, changes []Change) ([]Info, error) {
	c := s.commitOf(changes)
	r, err := s.rights(ctx) // once: two policies together must not allow what neither allows
	for i, change := range c.Changes {
		if err == nil && !r.allowsChange(change) {
			err = c.Failed(i, ErrDenied)
		}
		if err != nil {
			s.recordFailure(ctx, c.Entries[i], err)
			return nil, err
		}
	}
	return s.perform(ctx, c)
}

// commitOf returns a commit of changes, with an entry for each.
func (s *Session) commitOf(changes []Change) Commit {
	c := Commit{Changes: make([]Change, len(changes)), By: s.service, At: now(), Entries: make([]Entry, len(changes))}
	for i, change := range changes {
		change.Expires, change.RotateAfter = stored(change.Expires), stored(change.RotateAfter)
		c.Changes[i] = change
		e := s.entry(change.action(), change.target(), 0)
		e.At, e.First, e.Last = c.At, c.At, c.At // the same time as the change
		c.Entries[i] = e
	}
	return c
}

// perform applies an authorized commit.
func (s *Session) perform(ctx context.Context, c Commit) ([]Info, error) {
	if err := c.generate(ctx); err != nil {
		s.recordFailures(ctx, c.Entries, err)
		return nil, err
	}
	if !s.vault.ownTrail {
		return ApplyWithTrail(ctx, s.vault.provider, s.vault.recorder.write, c)
	}
	infos, err := s.vault.provider.Apply(ctx, c)
	if err != nil {
		s.recordFailures(ctx, c.Entries, err)
	}
	return infos, err
}

func (s *Session) recordFailures(ctx context.Context, entries []Entry, err error) {
	for _, e := range entries {
		s.recordFailure(ctx, e, err)
	}
}

// generate replaces the generators of allowed changes by values.
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
			return c.Failed(i, fmt.Errorf("%w: %w", ErrGenerator, err))
		}
		change.Value, change.Generate = value, nil
	}
	return nil
}

// ApplyWithTrail applies c to a provider that keeps no trail. It passes the entries of c to record
// twice: before the change with [OutcomeBegun], and afterwards with the outcome. If the first
// record fails, nothing is changed and its error is returned. An error of the second is ignored:
// the change was made or not, and it is recorded as begun.
func ApplyWithTrail(ctx context.Context, p Provider, record func(context.Context, ...Entry) error, c Commit) ([]Info, error) {
	entries := c.Entries
	c.Entries = nil
	for i := range entries {
		entries[i].Outcome = OutcomeBegun
	}
	if err := record(ctx, entries...); err != nil {
		return nil, err
	}
	infos, err := p.Apply(ctx, c)
	for i := range entries {
		entries[i].Outcome = OutcomeOf(err)
		if err == nil {
			entries[i].Version = infos[i].Version
		}
	}
	// Not the caller's context: the entry is due even if the caller has left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = record(ctx, entries...)
	return infos, err
}
