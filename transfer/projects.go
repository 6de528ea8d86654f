package transfer

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/myswiftagent/myvault"
)

// projects returns the registered projects, by name.
func (s side) projects(ctx context.Context) ([]myvault.Project, error) {
	var all []myvault.Project
	for p, err := range s.Projects(ctx, "") {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func byName(projects []myvault.Project) map[string]myvault.Project {
	all := make(map[string]myvault.Project, len(projects))
	for _, p := range projects {
		all[p.Name] = p
	}
	return all
}

// sameProject reports whether a and b were registered by the same change.
func sameProject(a, b myvault.Project) bool {
	return a.Name == b.Name && a.At.Equal(b.At) && a.By == b.By
}

func equalProject(a, b myvault.Project) bool {
	return sameProject(a, b) && a.Description == b.Description && a.Default == b.Default
}

func unfitProject(p myvault.Project) string {
	if err := p.Validate(); err != nil {
		return err.Error()
	}
	return unfitAuthor(p.By)
}

// copyProjects copies the projects. The last call, after the secrets, also deletes projects that
// the source does not register, and sets the default project.
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
	err = c.eachProject(ctx, source, func(p myvault.Project) []myvault.Commit { return c.register(p, theirs, last) })
	if err != nil || !last {
		return err
	}
	ours := byName(source)
	surplus := slices.DeleteFunc(target, func(p myvault.Project) bool {
		_, found := ours[p.Name]
		return found || !c.inProjects[p.Name]
	})
	err = c.eachProject(ctx, surplus, func(p myvault.Project) []myvault.Commit {
		return []myvault.Commit{c.own(myvault.Change{Op: myvault.OpDeleteProject, Project: p})}
	})
	if err != nil {
		return err
	}
	return c.eachProject(ctx, source, func(p myvault.Project) []myvault.Commit {
		if !p.Default || theirs[p.Name].Default {
			return nil
		}
		return []myvault.Commit{c.own(myvault.Change{Op: myvault.OpDefaultProject, Project: p})}
	})
}

// own returns a commit of change by Options.By.
func (c *copier) own(change myvault.Change) myvault.Commit {
	return myvault.Commit{Changes: []myvault.Change{change}, By: c.By, At: timestamp()}
}

// register returns the commits that make a project of the target equal to p. A project that
// another change registered is deleted first: at once if it has no live secret, else in the last
// call, when only secrets that are live in the source are live.
func (c *copier) register(p myvault.Project, theirs map[string]myvault.Project, last bool) []myvault.Commit {
	made := myvault.Commit{Changes: []myvault.Change{{Op: myvault.OpPutProject, Project: p, If: myvault.IfAbsent()}}, By: p.By, At: p.At}
	have, found := theirs[p.Name]
	switch {
	case !found:
		return []myvault.Commit{made}
	case !sameProject(p, have) && last:
		return []myvault.Commit{c.own(myvault.Change{Op: myvault.OpDeleteProject, Project: have}), made}
	case !sameProject(p, have) && !c.inUse[p.Name]:
		return []myvault.Commit{c.own(myvault.Change{Op: myvault.OpDeleteProject, Project: have}), made}
	case have.Description != p.Description:
		return []myvault.Commit{c.own(myvault.Change{Op: myvault.OpPutProject, Project: p, If: myvault.IfPresent()})}
	}
	return nil
}

// applied applies a change of a project. If it is already made, an earlier attempt with an unknown
// outcome has made it.
func (c *copier) applied(ctx context.Context, commit myvault.Commit) error {
	_, err := c.commit(ctx, commit)
	switch op := commit.Changes[0].Op; {
	case op == myvault.OpPutProject && errors.Is(err, myvault.ErrExists), op == myvault.OpDeleteProject && errors.Is(err, myvault.ErrNotFound):
		return nil
	}
	return err
}

// eachProject applies the commits of each project, several projects at once.
func (c *copier) eachProject(ctx context.Context, projects []myvault.Project, commits func(myvault.Project) []myvault.Commit) error {
	items := func(yield func(myvault.Project, error) bool) {
		for _, p := range projects {
			if !yield(p, nil) {
				return
			}
		}
	}
	return ordered(ctx, c.Parallel, iter.Seq2[myvault.Project, error](items), func(ctx context.Context, p myvault.Project) (struct{}, error) {
		for _, commit := range commits(p) {
			err := retry(ctx, func() (int, error) { return 0, c.applied(ctx, commit) })
			if err != nil {
				return struct{}{}, wrap(myvault.Address{Project: p.Name}, err)
			}
		}
		return struct{}{}, nil
	}, func(struct{}) error { return nil })
}
