package vaultapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// mount describes a project as the mount of a KV version 2 engine.
type mount struct {
	Accessor    string            `json:"accessor"`
	Config      mountConfig       `json:"config"`
	Description string            `json:"description"`
	Local       bool              `json:"local"`
	Options     map[string]string `json:"options"`
	Path        string            `json:"path,omitempty"`
	SealWrap    bool              `json:"seal_wrap"`
	Type        string            `json:"type"`
	UUID        string            `json:"uuid"`
}

type mountConfig struct {
	DefaultLease int  `json:"default_lease_ttl"`
	NoCache      bool `json:"force_no_cache"`
	MaxLease     int  `json:"max_lease_ttl"`
}

func mountOf(p myvault.Project) mount {
	sum := sha256.Sum256([]byte(p.Name))
	return mount{
		Accessor: "kv_" + hex.EncodeToString(sum[:4]), Description: p.Description, Type: "kv",
		Options: map[string]string{"version": "2"}, // clients want a string
	}
}

// Types of mounts in answers.
const (
	kvEngine    = "kv"
	systemMount = "system"
	tokenMount  = "token"
)

// allActions are the actions of which a caller needs one in a project to know that it is a mount.
var allActions = []myvault.Action{
	myvault.Read, myvault.Write, myvault.Delete, myvault.List, myvault.Destroy, myvault.Audit,
}

// reaches reports whether the caller may do anything in a project, by the rules alone.
func reaches(allowed *myvault.Permissions, project string) bool {
	return project != "" && slices.ContainsFunc(allActions, func(a myvault.Action) bool {
		return allowed.AllowWithin(a, myvault.Prefix{Project: project})
	})
}

// authorizeProject returns nil if the caller reaches the project of the request. Otherwise it
// records that a was denied.
func (c *call) authorizeProject(a myvault.Action) error {
	project := c.names["project"]
	allowed, err := c.permissions()
	if err != nil || reaches(allowed, project) {
		return err
	}
	return c.api.extension.RecordDenied(c.ctx, c.session, a, project)
}

// readMount answers what engine is behind a path: clients ask before they read. The rules alone
// decide: a project that the caller reaches is a mount, whether or not it is registered.
func (c *call) readMount() (response, error) {
	name, _, _ := strings.Cut(c.names["path"], "/")
	p, err := c.session.Project(c.ctx, name)
	switch {
	case errors.Is(err, myvault.ErrDenied), errors.Is(err, myvault.ErrInvalid), isReserved(name):
		return response{}, refuse(http.StatusForbidden, "preflight capability check returned 403, please ensure client's "+
			"policies grant access to the path")
	case errors.Is(err, myvault.ErrNotFound):
		p.Name = name
	case err != nil:
		return response{}, err
	}
	m := mountOf(p)
	m.Path = name + "/"
	return response{data: m}, nil
}

// isReserved reports whether a project of that name cannot be a mount, as Vault has its own there.
func isReserved(project string) bool {
	switch project {
	case "sys", "auth", "cubbyhole", "identity":
		return true
	}
	return false
}

// mounts returns the registered projects that the caller sees.
func (c *call) mounts() (map[string]any, error) {
	all := make(map[string]any)
	for p, err := range c.session.Projects(c.ctx) {
		if err != nil {
			return nil, err
		}
		if !isReserved(p.Name) {
			all[p.Name+"/"] = mountOf(p)
		}
	}
	return all, nil
}

// listMounts answers with the projects, in the envelope and beside it.
func (c *call) listMounts() (response, error) {
	all, err := c.mounts()
	return response{data: all, beside: all, mount: systemMount}, err
}

func (c *call) listUIMounts() (response, error) {
	all, err := c.mounts()
	methods := map[string]any{}
	for name, about := range map[string]string{"token/": "token based credentials"} {
		methods[name] = map[string]any{"type": strings.TrimSuffix(name, "/"), "description": about, "options": nil}
	}
	return response{data: map[string]any{"secret": all, "auth": methods}}, err
}

// config are the settings of every mount.
type config struct {
	CASRequired        bool   `json:"cas_required"`
	DeleteVersionAfter string `json:"delete_version_after"`
	MaxVersions        uint64 `json:"max_versions"`
}

// maxInt32 is the answer of a mount without a limit of versions: Vault's clients read 0 as 10.
const maxInt32 = 1<<31 - 1

func (c *call) readConfig() (response, error) {
	if err := c.authorizeProject(myvault.Read); err != nil {
		return response{}, err
	}
	return response{data: config{DeleteVersionAfter: "0s", MaxVersions: maxInt32}, mount: kvEngine}, nil
}

func (c *call) writeConfig() (response, error) {
	if err := c.authorizeProject(myvault.Write); err != nil {
		return response{}, err
	}
	return response{}, refuse(http.StatusMethodNotAllowed, "unsupported operation: mounts of myVault have no settings; "+
		"set cas_required in the metadata of a secret")
}
