package myvault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxProjects is how many projects a provider registers unless its Config says otherwise. One more
// is ErrTooLarge.
const MaxProjects = 10_000

// MaxDescription is the size limit of a project's description, in bytes of UTF-8.
const MaxDescription = 1024

// Project is a registered project. Writing the first secret of a project registers it in the same
// commit. At most one project is the default, and none until one is chosen. At and By are when and
// by which service it was registered.
type Project struct {
	Name        string
	Description string
	Default     bool
	At          time.Time
	By          string
}

// Validate returns ErrInvalid or ErrTooLarge if the name or the description breaks its rules.
func (p Project) Validate() error {
	return errors.Join(validateProject(p.Name), validateDescription(p.Description))
}

func validateDescription(s string) error {
	switch {
	case len(s) > MaxDescription:
		return fmt.Errorf("%w: the description has %d bytes and the limit is %d", ErrTooLarge, len(s), MaxDescription)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w description: not valid UTF-8", ErrInvalid)
	case strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%w description: it contains a control character", ErrInvalid)
	}
	return nil
}

// Projects yields the registered projects that are visible to the session, ordered by name: those
// in which it may do something. They are one state of the store if the provider is a
// [Snapshotter].
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

// ProjectsPage returns up to limit (1 to 1000) of the projects that Projects yields: those behind
// the name after, or the first if it is empty. Page.Next is the name of the last one.
func (s *Session) ProjectsPage(ctx context.Context, after string, limit int) (Page[Project, string], error) {
	var page Page[Project, string]
	if after != "" {
		after += "\x00" // the least string behind it
	}
	err := validateLimit(limit)
	if err == nil {
		page.Items, page.More, err = s.projects(ctx, after, limit)
	}
	if err != nil {
		return Page[Project, string]{}, fail("list projects", Address{}, err)
	}
	if n := len(page.Items); n > 0 {
		page.Next = page.Items[n-1].Name
	}
	return page, nil
}

// projects returns up to limit visible projects that do not sort before from, or all if limit is
// 0, and whether there are more.
func (s *Session) projects(ctx context.Context, from string, limit int) (projects []Project, more bool, err error) {
	r, err := s.authorizeRead(ctx, s.entry("list", Address{}, 0), anyService)
	if err != nil {
		return nil, false, err
	}
	visible := r.visibility()
	if visible.none() {
		return nil, false, nil // answer without the store, so that timing reveals nothing
	}
	err = s.vault.snapshot(ctx, func(store Reader) error {
		for p, err := range store.Projects(ctx, from) {
			if err := cmp.Or(err, ctx.Err()); err != nil { // the provider may have loaded all projects at once
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

// Project returns one registered project. ErrDenied if it is not visible to the session, whether
// or not it is registered; else ErrNotFound if it is not registered.
func (s *Session) Project(ctx context.Context, name string) (Project, error) {
	if err := validateProject(name); err != nil {
		return Project{}, fail("get project", Address{}, err)
	}
	addr := Address{Project: name}
	e := s.entry("list", addr, 0)
	_, err := s.authorizeRead(ctx, e, func(r rights) bool { return r.visibility().sees(name) })
	if err != nil {
		return Project{}, fail("get project", addr, err)
	}
	p, err := s.findProject(ctx, name)
	return p, fail("get project", addr, err)
}

// PutProject registers p.Name or changes its description. It needs the right to write somewhere in
// the project. IfAbsent returns ErrExists for a registered project, IfPresent ErrNotFound for any
// other. ErrTooLarge if too many projects are registered. The other fields of p are ignored; those
// of the result are set.
func (s *Session) PutProject(ctx context.Context, p Project, conditions ...Condition) (Project, error) {
	condition, err := both(conditions)
	if err != nil {
		return Project{}, fail("put project", Address{}, err)
	}
	change := Change{Op: OpPutProject, Project: Project{Name: p.Name, Description: p.Description}, If: condition}
	return s.applyToProject(ctx, "put project", change)
}

// SetDefaultProject makes a project the default in place of the present one. It needs the right to
// write by a rule for all projects. ErrNotFound if the project is not registered.
func (s *Session) SetDefaultProject(ctx context.Context, name string) (Project, error) {
	return s.applyToProject(ctx, "set default project", Change{Op: OpDefaultProject, Project: Project{Name: name}})
}

// DeleteProject unregisters a project. It needs the right to delete all of it. ErrNotEmpty while
// the project has a live secret, ErrNotFound if it is not registered. The histories of its deleted
// secrets remain.
func (s *Session) DeleteProject(ctx context.Context, name string) error {
	_, err := s.applyOne(ctx, "delete project", Change{Op: OpDeleteProject, Project: Project{Name: name}})
	return err
}

// applyToProject applies a change of a project and returns the project.
func (s *Session) applyToProject(ctx context.Context, op string, c Change) (Project, error) {
	if _, err := s.applyOne(ctx, op, c); err != nil {
		return Project{}, err
	}
	p, err := s.findProject(ctx, c.Project.Name)
	if err != nil {
		// The change is made, but the project was deleted meanwhile or the store is unavailable.
		err = fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return p, fail(op, c.target(), err)
}

func (s *Session) findProject(ctx context.Context, name string) (Project, error) {
	for p, err := range s.vault.provider.Projects(ctx, name) {
		if err != nil || p.Name == name {
			return p, err
		}
		break // it sorts behind name
	}
	return Project{}, ErrNotFound
}
