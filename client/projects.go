package client

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/myswiftagent/myvault"
)

// projectItem is a project of an answer.
type projectItem struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	IsDefault   bool   `json:"is_default"`
	CreatedAt   string `json:"created_at"`
	CreatedBy   string `json:"created_by"`
}

func (p projectItem) project() (myvault.Project, error) {
	at, err := parseTime(p.CreatedAt)
	if err != nil || (myvault.Project{Name: p.Name}).Validate() != nil {
		return myvault.Project{}, errMalformed
	}
	return myvault.Project{Name: p.Name, Description: p.Description, Default: p.IsDefault, At: at, By: p.CreatedBy}, nil
}

// Projects yields the projects that are visible to the caller, as [myvault.Session.Projects] does.
func (c *Client) Projects(ctx context.Context) iter.Seq2[myvault.Project, error] {
	l := listing{path: "/api/projects", limit: pageItems}
	return converted(pages[projectItem](ctx, c, l), projectItem.project, func(err error) error {
		return fail("list projects", myvault.Address{}, err)
	})
}

// ProjectsPage returns up to limit (1 to 1000) of the projects that Projects yields, behind the
// name after, as [myvault.Session.ProjectsPage] does. It reads those before it too.
func (c *Client) ProjectsPage(ctx context.Context, after string, limit int) (myvault.Page[myvault.Project, string], error) {
	var page myvault.Page[myvault.Project, string]
	if err := validateLimit(limit); err != nil {
		return page, fail("list projects", myvault.Address{}, err)
	}
	for p, err := range c.Projects(ctx) {
		if err != nil {
			return myvault.Page[myvault.Project, string]{}, err
		}
		if p.Name <= after {
			continue
		}
		if page.More = len(page.Items) == limit; page.More {
			break
		}
		page.Items, page.Next = append(page.Items, p), p.Name
	}
	return page, nil
}

// Project returns one registered project, as [myvault.Session.Project] does.
func (c *Client) Project(ctx context.Context, name string) (myvault.Project, error) {
	addr := myvault.Address{Project: name}
	if err := (myvault.Project{Name: name}).Validate(); err != nil {
		return myvault.Project{}, fail("get project", myvault.Address{}, err)
	}
	var found projectItem
	if _, err := c.do(ctx, read(secretPath("/api/projects", addr), nil), &found); err != nil {
		return myvault.Project{}, fail("get project", addr, err)
	}
	p, err := found.project()
	return p, fail("get project", addr, err)
}

// PutProject registers a project or changes its description, as [myvault.Session.PutProject] does.
// Without a condition these are two requests at most. The server may create secrets in a project
// that it registers.
func (c *Client) PutProject(ctx context.Context, p myvault.Project, conditions ...myvault.Condition) (myvault.Project, error) {
	condition, err := join(conditions)
	if err != nil {
		return myvault.Project{}, fail("put project", myvault.Address{}, err)
	}
	p = myvault.Project{Name: p.Name, Description: p.Description}
	if err := (myvault.Change{Op: myvault.OpPutProject, Project: p, If: condition}).Validate(); err != nil {
		return myvault.Project{}, fail("put project", myvault.Address{}, err)
	}
	made, err := c.putProject(ctx, p, condition)
	return made, fail("put project", myvault.Address{Project: p.Name}, err)
}

// putTries bounds the requests of a PutProject beside others that register and delete the project.
const putTries = 4

// putProject tries to change the project, and to register it if there is none.
func (c *Client) putProject(ctx context.Context, p myvault.Project, condition myvault.Condition) (myvault.Project, error) {
	register := condition == myvault.IfAbsent()
	for try := 1; ; try++ {
		r := change(http.MethodPatch, secretPath("/api/projects", myvault.Address{Project: p.Name}), map[string]string{"description": p.Description})
		other := myvault.ErrNotFound
		if register {
			r = change(http.MethodPost, "/api/projects", map[string]string{"name": p.Name, "description": p.Description})
			other = myvault.ErrExists
		}
		made, err := c.changeProject(ctx, r)
		if condition != (myvault.Condition{}) || try == putTries || !errors.Is(err, other) {
			return made, err
		}
		register = !register
	}
}

// changeProject sends a change of a project that answers with it.
func (c *Client) changeProject(ctx context.Context, r request) (myvault.Project, error) {
	var made projectItem
	if _, err := c.do(ctx, r, &made); err != nil {
		return myvault.Project{}, err
	}
	p, err := made.project()
	if err != nil {
		return p, errUnreadable
	}
	return p, nil
}

// SetDefaultProject makes a project the default, as [myvault.Session.SetDefaultProject] does.
func (c *Client) SetDefaultProject(ctx context.Context, name string) (myvault.Project, error) {
	if err := (myvault.Project{Name: name}).Validate(); err != nil {
		return myvault.Project{}, fail("set default project", myvault.Address{}, err)
	}
	p, err := c.setDefault(ctx, name)
	return p, fail("set default project", myvault.Address{Project: name}, err)
}

func (c *Client) setDefault(ctx context.Context, name string) (myvault.Project, error) {
	path := secretPath("/api/projects", myvault.Address{Project: name}) + "/set-default"
	return c.changeProject(ctx, change(http.MethodPut, path, nil))
}

// DeleteProject unregisters a project, as [myvault.Session.DeleteProject] does.
func (c *Client) DeleteProject(ctx context.Context, name string) error {
	if err := (myvault.Project{Name: name}).Validate(); err != nil {
		return fail("delete project", myvault.Address{}, err)
	}
	return fail("delete project", myvault.Address{Project: name}, c.deleteProject(ctx, name))
}

func (c *Client) deleteProject(ctx context.Context, name string) error {
	_, err := c.do(ctx, change(http.MethodDelete, secretPath("/api/projects", myvault.Address{Project: name}), nil), nil)
	return err
}
