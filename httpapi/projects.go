package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// project is a registered project.
type project struct {
	ID          uint64 `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	IsDefault   bool   `json:"is_default"`
	CreatedAt   string `json:"created_at"`
	CreatedBy   string `json:"created_by"`
}

func projectOf(p myvault.Project) project {
	return project{
		ID:          identifier(p.Name, ""),
		Name:        p.Name,
		Description: p.Description,
		IsDefault:   p.Default,
		CreatedAt:   timestamp(p.At),
		CreatedBy:   p.By,
	}
}

func (c *call) listProjects() (response, error) {
	limit, err := c.limit()
	if err != nil {
		return response{}, err
	}
	after, err := c.cursor()
	if err != nil {
		return response{}, err
	}
	page, err := c.session.ProjectsPage(c.ctx, strings.Join(after, ""), limit)
	if err != nil {
		return response{}, err
	}
	projects := make([]project, len(page.Items))
	for i, p := range page.Items {
		projects[i] = projectOf(p)
	}
	a := response{body: projects}
	if page.More {
		a.link = c.next(page.Next)
	}
	return a, nil
}

func (c *call) getProject() (response, error) {
	p, err := c.session.Project(c.ctx, c.addr.Project)
	return response{body: projectOf(p)}, err
}

func (c *call) createProject() (response, error) {
	var body struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
	}
	if err := c.decode(&body, "name and, optionally, description (strings)"); err != nil {
		return response{}, err
	}
	if body.Name == nil {
		return response{}, unprocessable("missing member name: send a string", "name")
	}
	if err := (myvault.Project{Name: *body.Name}).Validate(); err != nil {
		return response{}, err
	}
	p, err := c.register(*body.Name, body.Description)
	return response{
		status:   http.StatusCreated,
		body:     projectOf(p),
		location: "/api/projects/" + escapePath(p.Name),
	}, err
}

func (c *call) describeProject() (response, error) {
	var body struct {
		Description *string `json:"description"`
	}
	if err := c.decode(&body, "description (a string)"); err != nil {
		return response{}, err
	}
	if body.Description == nil {
		return response{}, unprocessable("missing member description: send a string, empty to remove it", "description")
	}
	p, err := c.putProject(c.addr.Project, body.Description, myvault.IfPresent())
	return response{body: projectOf(p)}, err
}

// putProject registers or changes a project. The name is valid, so ErrInvalid is of the
// description.
func (c *call) putProject(name string, description *string, condition myvault.Condition) (myvault.Project, error) {
	p, err := describedProject(name, description)
	if err == nil {
		p, err = c.session.PutProject(c.ctx, p, condition)
	}
	return p, fieldError(err, "description")
}

func describedProject(name string, description *string) (myvault.Project, error) {
	p := myvault.Project{Name: name}
	if description != nil {
		p.Description = *description
	}
	if len(p.Description) > myvault.MaxDescription {
		return p, unprocessable(fmt.Sprintf("the description has more than %d bytes: shorten it", myvault.MaxDescription), "description")
	}
	return p, nil
}

func (c *call) deleteProject() (response, error) {
	err := c.session.DeleteProject(c.ctx, c.addr.Project)
	return response{status: http.StatusNoContent}, err
}

func (c *call) setDefault() (response, error) {
	p, err := c.session.SetDefaultProject(c.ctx, c.addr.Project)
	return response{body: projectOf(p)}, err
}

// projectSecrets are created in each project that is registered, in the order of their paths.
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

// register registers a project and creates its secrets in one commit.
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
	infos, err := c.session.Apply(c.ctx, changes...)
	if err != nil {
		return p, fieldError(err, "description")
	}
	p.At, p.By = infos[1].At, infos[1].By // of the commit
	return p, nil
}
