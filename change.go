package myvault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// validate reports what a provider must never see.
func (c Change) validate() error {
	if err := c.If.validate(); err != nil {
		return err
	}
	if c.If != (Condition{}) && c.Op != OpPut && c.Op != OpDelete && c.Op != OpPutProject {
		return fmt.Errorf("%w condition: %s takes none", ErrInvalid, c.Op)
	}
	switch c.Op {
	case OpPut:
		return errors.Join(c.Address.Validate(), c.draft().Validate())
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

// validateVersions wants versions that a destroy may name.
func validateVersions(versions []Version) error {
	if slices.Contains(versions, 0) {
		return fmt.Errorf("%w version: versions to destroy are numbered from 1; name none for all", ErrInvalid)
	}
	return nil
}

// Target returns the address that c changes. It has no Path if c changes a project.
func (c Change) Target() Address {
	switch c.Op {
	case OpPutProject, OpDefaultProject, OpDeleteProject:
		return Address{Project: c.Project.Name}
	}
	return c.Address
}

// action is what the entry of the change calls it.
func (c Change) action() string {
	if c.Op == OpPut && c.Generate != nil {
		return actionGenerate
	}
	return c.Op.String()
}

// apply makes valid changes, if the policy allows each of them.
func (s *Session) apply(ctx context.Context, changes []Change) ([]Info, error) {
	c := s.commitOf(changes)
	r, err := s.rights(ctx) // for all: what two policies allow together may be what neither allows
	for i, change := range c.Changes {
		if err == nil && !r.permits(change) {
			err = c.Refused(i, ErrDenied)
		}
		if err != nil {
			s.refuse(ctx, c.Entries[i], err)
			return nil, err
		}
	}
	return s.perform(ctx, c)
}

// commitOf makes a commit of changes, with an entry for each.
func (s *Session) commitOf(changes []Change) Commit {
	c := Commit{Changes: make([]Change, len(changes)), By: s.service, At: now(), Entries: make([]Entry, len(changes))}
	for i, change := range changes {
		change.Expires, change.RotateAfter = stored(change.Expires), stored(change.RotateAfter)
		c.Changes[i] = change
		e := s.entry(change.action(), change.Target())
		e.At, e.First, e.Last = c.At, c.At, c.At // one time for the change and its entry
		c.Entries[i] = e
	}
	return c
}

// perform has the provider make changes that are admitted.
func (s *Session) perform(ctx context.Context, c Commit) ([]Info, error) {
	if err := c.generate(ctx); err != nil {
		s.refuseAll(ctx, c.Entries, err)
		return nil, err
	}
	if s.vault.ownTrail {
		return s.commit(ctx, c)
	}
	return s.commitBeside(ctx, c)
}

// commit hands the changes and their entries to a provider that is the trail.
func (s *Session) commit(ctx context.Context, c Commit) ([]Info, error) {
	infos, err := s.vault.provider.Apply(ctx, c)
	if err != nil {
		s.refuseAll(ctx, c.Entries, err)
	}
	return infos, err
}

func (s *Session) refuseAll(ctx context.Context, entries []Entry, err error) {
	for _, e := range entries {
		s.refuse(ctx, e, err)
	}
}

// commitBeside makes changes on a provider that keeps no trail: that they begin is recorded
// before, so that no change is without an entry, and how they ended afterwards.
func (s *Session) commitBeside(ctx context.Context, c Commit) ([]Info, error) {
	return ApplyWithTrail(ctx, s.vault.provider, s.vault.recorder.write, c)
}

// ApplyWithTrail applies c to a provider that keeps no trail. It passes the entries of c to
// record twice: before the change with [OutcomeBegun], and afterwards with the outcome. If the
// first record fails, nothing is changed and its error is returned. An error of the second is
// dropped: the change has been made, and its beginning is on record.
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
