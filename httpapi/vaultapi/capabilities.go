package vaultapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

// maxPaths is the largest number of paths in one question.
const maxPaths = 100

// readCapabilities answers what the caller may do on paths, in Vault's words and by the rules
// alone. It says nothing of other tokens.
func (c *call) readCapabilities() (response, error) {
	var body struct {
		Token string                `json:"token"`
		Path  string                `json:"path"`
		Paths request.Array[string] `json:"paths"`
	}
	body.Paths.Max = maxPaths
	if err := c.decode(&body); err != nil {
		return response{}, err
	}
	if body.Token != "" && body.Token != c.identity.presented {
		return response{}, refuse(http.StatusForbidden, "permission denied: myVault shows the capabilities of the caller's own token only")
	}
	paths := body.Paths.Items
	if body.Path != "" {
		paths = append(paths, body.Path)
	}
	if len(paths) == 0 {
		return response{}, refuse(http.StatusBadRequest, "paths must be supplied")
	}
	if _, err := c.session.Rights(c.ctx); err != nil { // recorded, as the question of GET /api/whoami
		return response{}, err
	}
	allowed, err := c.permissions()
	if err != nil {
		return response{}, err
	}
	all := make(map[string]any)
	for _, path := range paths {
		capabilities := capabilitiesOf(allowed, strings.Trim(path, "/"), strings.HasSuffix(path, "/"))
		all[path] = capabilities
		if len(paths) == 1 {
			all["capabilities"] = capabilities
		}
	}
	return response{data: all, beside: all, mount: systemMount}, nil
}

// permissions returns what the caller may do now. It fails if that cannot be found out: no answer
// then says that something is not allowed.
func (c *call) permissions() (*myvault.Permissions, error) {
	return c.api.extension.Permissions(c.ctx, c.session)
}

// needs are the actions for the capabilities of a noun; all of a row are needed for its names.
var needs = map[string][]struct {
	actions myvault.Action
	names   []string
}{
	"data": {
		{myvault.Read, []string{"read"}},
		{myvault.Write, []string{"create", "update"}},
		{myvault.Read | myvault.Write, []string{"patch"}},
		{myvault.Delete, []string{"delete"}},
	},
	"metadata": {
		{myvault.List, []string{"read"}},
		{myvault.Write, []string{"create", "update", "patch"}},
		{myvault.Destroy, []string{"delete"}},
	},
	"subkeys":  {{myvault.Read, []string{"read"}}},
	"delete":   {{myvault.Delete, []string{"update"}}},
	"undelete": {{myvault.Write | myvault.List, []string{"update"}}},
	"destroy":  {{myvault.Destroy, []string{"update"}}},
}

// capabilitiesOf returns what the caller may do on a path below /v1/. A folder can be listed.
func capabilitiesOf(allowed *myvault.Permissions, path string, folder bool) (all []string) {
	project, rest, _ := strings.Cut(path, "/")
	noun, path, _ := strings.Cut(rest, "/")
	if isReserved(project) {
		return []string{"deny"}
	}
	addr := myvault.Address{Project: project, Path: path}
	for _, need := range needs[noun] {
		readsFolder := folder && noun == "metadata" && need.actions == myvault.List
		if addr.Validate() == nil && allowed.Allow(need.actions, addr) && !readsFolder {
			all = append(all, need.names...)
		}
	}
	below := myvault.Prefix{Project: project, Path: path}
	if path != "" {
		below.Path += "/"
	}
	switch {
	case noun == "metadata" && allowed.AllowWithin(myvault.List, below):
		all = append(all, "list")
	case noun == "config" && path == "" && reaches(allowed, project):
		all = append(all, "read")
	}
	if all == nil {
		return []string{"deny"}
	}
	slices.Sort(all)
	return all
}
