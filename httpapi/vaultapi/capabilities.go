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
	if _, err := c.session.Rights(c.ctx()); err != nil { // recorded, as the question of GET /api/whoami
		return response{}, err
	}
	all := make(map[string]any)
	for _, path := range paths {
		capabilities := c.capabilities(strings.Trim(path, "/"), strings.HasSuffix(path, "/"))
		all[path] = capabilities
		if len(paths) == 1 {
			all["capabilities"] = capabilities
		}
	}
	return response{data: all, beside: all, mount: systemMount}, nil
}

// capabilities returns what the caller may do on a path below /v1/. A folder can be listed.
func (c *call) capabilities(path string, folder bool) (all []string) {
	project, rest, _ := strings.Cut(path, "/")
	noun, path, _ := strings.Cut(rest, "/")
	if isReserved(project) {
		return []string{"deny"}
	}
	addr := myvault.Address{Project: project, Path: path}
	allows := func(a myvault.Action) bool {
		return path != "" && addr.Validate() == nil && c.api.extension.Allows(c.ctx(), c.session, a, addr)
	}
	add := func(allowed bool, names ...string) {
		if allowed {
			all = append(all, names...)
		}
	}
	switch noun {
	case "data":
		add(allows(myvault.Read), "read")
		add(allows(myvault.Write), "create", "update")
		add(allows(myvault.Read) && allows(myvault.Write), "patch")
		add(allows(myvault.Delete), "delete")
	case "metadata":
		add(!folder && allows(myvault.List), "read")
		below := myvault.Prefix{Project: project, Path: path}
		if path != "" {
			below.Path += "/"
		}
		add(c.api.extension.AllowsWithin(c.ctx(), c.session, myvault.List, below), "list")
		add(allows(myvault.Write), "create", "update", "patch")
		add(allows(myvault.Destroy), "delete")
	case "subkeys":
		add(allows(myvault.Read), "read")
	case "delete":
		add(allows(myvault.Delete), "update")
	case "undelete":
		add(allows(myvault.Write) && allows(myvault.List), "update")
	case "destroy":
		add(allows(myvault.Destroy), "update")
	case "config":
		add(path == "" && c.reaches(project), "read")
	}
	if all == nil {
		return []string{"deny"}
	}
	slices.Sort(all)
	return all
}
