package httpapi

import (
	"fmt"
	"maps"
	"slices"

	"github.com/myswiftagent/myvault"
)

// projectSecrets are made in each project that is registered, in the order of their paths.
type projectSecrets []myvault.Change

func newProjectSecrets(given map[string]myvault.Generator) (all projectSecrets, err error) {
	for _, path := range slices.Sorted(maps.Keys(given)) {
		err := myvault.Address{Project: "p", Path: path}.Validate()
		if err != nil || given[path] == nil || len(given) >= myvault.MaxChanges {
			return nil, fmt.Errorf("httpapi: %w: ProjectSecrets takes paths such as prod/key, each with a generator, and at most %d",
				myvault.ErrInvalid, myvault.MaxChanges-1)
		}
		all = append(all, myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Path: path}, Generate: given[path], If: myvault.IfAbsent()})
	}
	return all, nil
}

// register registers a project together with its secrets: all of it or nothing.
func (c *call) register(name string, description *string) (myvault.Project, error) {
	if len(c.api.projectSecrets) == 0 {
		return c.putProject(name, description, myvault.IfAbsent())
	}
	p, err := describedProject(name, description)
	if err != nil {
		return p, err
	}
	changes := []myvault.Change{{Op: myvault.OpPutProject, Project: p, If: myvault.IfAbsent()}}
	for _, secret := range c.api.projectSecrets {
		secret.Address.Project = name
		changes = append(changes, secret)
	}
	infos, err := c.session.Apply(c.ctx(), changes...)
	if err != nil {
		return p, fieldError(err, "description")
	}
	p.At, p.By = infos[1].At, infos[1].By // of the commit, which registered the project too
	return p, nil
}
