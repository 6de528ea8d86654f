package transfer

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/myswiftagent/myvault"
)

// projects gives the register, by name.
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

// sameProject reports whether two entries of registers come from the same registering.
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

// own is a commit in the copier's own name.
func (c *copier) own(change myvault.Change) myvault.Commit {
	return myvault.Commit{Changes: []myvault.Change{change}, By: c.By, At: timestamp()}
}

// register gives what makes a project in the target as it is in the source. One that stands
// there from another registering is deleted first, at last that is: then no secret of it can be
// live that is not so in the source.
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

// applied makes a change of a project. What is there already, or gone already, was done by a try
// whose outcome was not known.
func (c *copier) applied(ctx context.Context, commit myvault.Commit) error {
	_, err := c.commit(ctx, commit)
	switch op := commit.Changes[0].Op; {
	case op == myvault.OpPutProject && errors.Is(err, myvault.ErrExists), op == myvault.OpDeleteProject && errors.Is(err, myvault.ErrNotFound):
		return nil
	}
	return err
}

// eachProject applies the commits for each project, several projects at once.
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
