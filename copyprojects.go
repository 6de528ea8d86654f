package myvault

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// projects gives the register, by name.
func (s side) projects(ctx context.Context) ([]Project, error) {
	var all []Project
	for p, err := range s.Projects(ctx, "") {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func byName(projects []Project) map[string]Project {
	all := make(map[string]Project, len(projects))
	for _, p := range projects {
		all[p.Name] = p
	}
	return all
}

// sameProject reports whether two entries of registers come from the same registering.
func sameProject(a, b Project) bool { return a.Name == b.Name && a.At.Equal(b.At) && a.By == b.By }

func equalProject(a, b Project) bool {
	return sameProject(a, b) && a.Description == b.Description && a.Default == b.Default
}

func unfitProject(p Project) string {
	if err := p.Validate(); err != nil {
		return err.Error()
	}
	return unfitAuthor(p.By)
}

// copyProjects brings the target's register to that of the source; at last also what depends on
// the secrets: which are not registered, and which is the default one.
func (c *copier) copyProjects(ctx context.Context, last bool) error {
	source, err := c.src.projects(ctx)
	if err != nil {
		return err
	}
	target, err := c.dst.projects(ctx)
	if err != nil {
		return err
	}
	theirs := byName(target)
	err = c.eachProject(ctx, source, func(p Project) []Commit { return c.register(p, theirs, last) })
	if err != nil || !last {
		return err
	}
	ours := byName(source)
	surplus := slices.DeleteFunc(target, func(p Project) bool {
		_, found := ours[p.Name]
		return found || !c.inProjects[p.Name]
	})
	err = c.eachProject(ctx, surplus, func(p Project) []Commit {
		return []Commit{c.own(Change{Op: OpDeleteProject, Project: p})}
	})
	if err != nil {
		return err
	}
	return c.eachProject(ctx, source, func(p Project) []Commit {
		if !p.Default || theirs[p.Name].Default {
			return nil
		}
		return []Commit{c.own(Change{Op: OpDefaultProject, Project: p})}
	})
}

// own is a commit in the copier's own name.
func (c *copier) own(change Change) Commit {
	return Commit{Changes: []Change{change}, By: c.By, At: timestamp()}
}

// register gives what makes a project in the target as it is in the source. One that stands
// there from another registering is deleted first, at last that is: then no secret of it can be
// live that is not so in the source.
func (c *copier) register(p Project, theirs map[string]Project, last bool) []Commit {
	made := Commit{Changes: []Change{{Op: OpPutProject, Project: p, If: IfAbsent()}}, By: p.By, At: p.At}
	have, found := theirs[p.Name]
	switch {
	case !found:
		return []Commit{made}
	case !sameProject(p, have) && last:
		return []Commit{c.own(Change{Op: OpDeleteProject, Project: have}), made}
	case !sameProject(p, have) && !c.inUse[p.Name]:
		return []Commit{c.own(Change{Op: OpDeleteProject, Project: have}), made}
	case have.Description != p.Description:
		return []Commit{c.own(Change{Op: OpPutProject, Project: p, If: IfPresent()})}
	}
	return nil
}

// applied makes a change of a project. What is there already, or gone already, was done by a try
// whose outcome was not known.
func (c *copier) applied(ctx context.Context, commit Commit) error {
	_, err := c.commit(ctx, commit)
	switch op := commit.Changes[0].Op; {
	case op == OpPutProject && errors.Is(err, ErrExists), op == OpDeleteProject && errors.Is(err, ErrNotFound):
		return nil
	}
	return err
}

// eachProject applies the commits for each project, several projects at once.
func (c *copier) eachProject(ctx context.Context, projects []Project, commits func(Project) []Commit) error {
	items := func(yield func(Project, error) bool) {
		for _, p := range projects {
			if !yield(p, nil) {
				return
			}
		}
	}
	return ordered(ctx, c.Parallel, iter.Seq2[Project, error](items), func(ctx context.Context, p Project) (struct{}, error) {
		for _, commit := range commits(p) {
			err := retry(ctx, func() (int, error) { return 0, c.applied(ctx, commit) })
			if err != nil {
				return struct{}{}, wrap(Address{Project: p.Name}, err)
			}
		}
		return struct{}{}, nil
	}, func(struct{}) error { return nil })
}
