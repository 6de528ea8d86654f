package myvault

import (
	"cmp"
	"context"
	"fmt"
	"iter"
)

// Projects yields the registered projects that are visible to the session, ordered by
// name: those in which a rule allows it something, and that are not denied as a whole. They are
// one state of the store if the provider is a [Snapshotter].
func (s *Session) Projects(ctx context.Context) iter.Seq2[Project, error] {
	return func(yield func(Project, error) bool) {
		projects, _, err := s.projects(ctx, "", 0)
		if err != nil {
			yield(Project{}, fail("list projects", Address{}, err))
			return
		}
		for _, p := range projects {
			err := ctx.Err()
			if !yield(p, fail("list projects", Address{}, err)) || err != nil {
				return
			}
		}
	}
}

// projects returns up to limit visible projects from a name on, or all if limit is 0, and
// reports whether there are more.
func (s *Session) projects(ctx context.Context, from string, limit int) (projects []Project, more bool, err error) {
	r, err := s.ask(ctx, s.entry("list", Address{}), anyone)
	if err != nil {
		return nil, false, err
	}
	visible := r.sight()
	if visible.none() {
		return nil, false, nil // answered without the store, so that time reveals nothing
	}
	err = s.vault.snapshot(ctx, func(store Reader) error {
		for p, err := range store.Projects(ctx, from) {
			if err := cmp.Or(err, ctx.Err()); err != nil { // a provider may have taken the whole register at once
				return err
			}
			if !visible.sees(p.Name) {
				continue
			}
			if more = limit > 0 && len(projects) == limit; more {
				return nil
			}
			projects = append(projects, p)
		}
		return nil
	})
	return projects, more, err
}

// Project gives one registered project. ErrDenied where it would not be visible, the
// same whether it is registered or not; else ErrNotFound where it is not.
func (s *Session) Project(ctx context.Context, name string) (Project, error) {
	if err := ValidateProject(name); err != nil {
		return Project{}, fail("get project", Address{}, err)
	}
	addr := Address{Project: name}
	e := s.entry("list", addr)
	_, err := s.ask(ctx, e, func(r rights) bool { return r.sight().sees(name) })
	if err != nil {
		return Project{}, fail("get project", addr, err)
	}
	p, err := s.registered(ctx, name)
	return p, fail("get project", addr, err)
}

// PutProject registers p.Name, or changes its description; it needs the right to write
// somewhere in the project. IfAbsent answers ErrExists for a registered one, IfPresent
// ErrNotFound for another. ErrTooLarge where the register is full. The other fields of
// p are ignored; the answer has them.
func (s *Session) PutProject(ctx context.Context, p Project, conditions ...Condition) (Project, error) {
	condition, err := both(conditions)
	if err != nil {
		return Project{}, fail("put project", Address{}, err)
	}
	change := Change{Op: OpPutProject, Project: Project{Name: p.Name, Description: p.Description}, If: condition}
	return s.oneProject(ctx, "put project", change)
}

// SetDefault makes a project the default one, in place of the one that was. It needs the
// right to write by a rule for all projects. ErrNotFound where it is not registered.
func (s *Session) SetDefault(ctx context.Context, name string) (Project, error) {
	return s.oneProject(ctx, "set default project", Change{Op: OpDefaultProject, Project: Project{Name: name}})
}

// DeleteProject removes a project from the register; it needs the right to delete all of
// it. ErrNotEmpty while it has a live secret, ErrNotFound where it is not registered.
// The histories of its deleted secrets stay.
func (s *Session) DeleteProject(ctx context.Context, name string) error {
	_, err := s.one(ctx, "delete project", Change{Op: OpDeleteProject, Project: Project{Name: name}})
	return err
}

// oneProject applies a change of a project and gives what is then registered.
func (s *Session) oneProject(ctx context.Context, op string, c Change) (Project, error) {
	if _, err := s.one(ctx, op, c); err != nil {
		return Project{}, err
	}
	p, err := s.registered(ctx, c.Project.Name)
	if err != nil {
		// Deleted by another in this moment, or the store went away: the change itself is made.
		err = fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return p, fail(op, c.Target(), err)
}

// registered finds a project by its name.
func (s *Session) registered(ctx context.Context, name string) (Project, error) {
	for p, err := range s.vault.provider.Projects(ctx, name) {
		if err != nil || p.Name == name {
			return p, err
		}
		break // it sorts behind the name
	}
	return Project{}, ErrNotFound
}
