package memory

import (
	"context"
	"iter"
	"strings"

	"github.com/tidwall/btree"

	"github.com/myswiftagent/myvault"
)

// register is the register of projects. Use clone for an independent copy.
type register struct {
	byName      *btree.Map[string, myvault.Project] // with Default unset
	defaultName string                              // "": none
}

func (r register) clone() register {
	return register{byName: r.byName.Copy(), defaultName: r.defaultName}
}

// Projects implements [myvault.Provider]. It iterates over a snapshot.
func (p *Provider) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return func(yield func(myvault.Project, error) bool) {
		projects, err := p.snapshotProjects(ctx)
		if err != nil {
			yield(myvault.Project{}, err)
			return
		}
		projects.from(from, yield)
	}
}

// from yields the projects from name on.
func (r register) from(name string, yield func(myvault.Project, error) bool) {
	r.byName.Ascend(name, func(name string, project myvault.Project) bool {
		project.Default = name == r.defaultName
		return yield(project, nil)
	})
}

func (p *Provider) snapshotProjects(ctx context.Context) (register, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := usable(ctx, p.closed); err != nil {
		return register{}, err
	}
	return p.projects.clone(), nil
}

// reserved reports whether a project is internal to the vault. Such projects are not registered.
func reserved(name string) bool { return strings.HasPrefix(name, ".") }

// registerProject registers the project of a secret, if it is not registered yet.
func (tx *transaction) registerProject(name string) error {
	if _, found := tx.projects.byName.Get(name); found || reserved(name) {
		return nil
	}
	return tx.addProject(myvault.Project{Name: name})
}

func (tx *transaction) addProject(project myvault.Project) error {
	if tx.projects.byName.Len() >= tx.p.maxProjects {
		return myvault.ErrTooLarge
	}
	project.At, project.By = tx.at, tx.by
	tx.ownProjects().byName.Set(project.Name, project)
	return nil
}

func (tx *transaction) putProject(c myvault.Change) error {
	if reserved(c.Project.Name) {
		return myvault.ErrInvalid
	}
	project, found := tx.projects.byName.Get(c.Project.Name)
	if err := c.If.CheckProject(found); err != nil {
		return err
	}
	if !found {
		return tx.addProject(c.Project)
	}
	project.Description = c.Project.Description
	tx.ownProjects().byName.Set(project.Name, project)
	return nil
}

func (tx *transaction) defaultProject(name string) error {
	if _, found := tx.projects.byName.Get(name); !found {
		return myvault.ErrNotFound
	}
	tx.ownProjects().defaultName = name
	return nil
}

func (tx *transaction) deleteProject(name string) error {
	if _, found := tx.projects.byName.Get(name); !found {
		return myvault.ErrNotFound
	}
	if tx.anyLive(name) {
		return myvault.ErrNotEmpty
	}
	projects := tx.ownProjects()
	projects.byName.Delete(name)
	if projects.defaultName == name {
		projects.defaultName = ""
	}
	return nil
}
