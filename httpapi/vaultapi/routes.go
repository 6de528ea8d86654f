package vaultapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/myswiftagent/myvault"
)

// operation is what Vault understands a method as.
type operation string

const (
	opRead   operation = "read"
	opList   operation = "list"
	opWrite  operation = "write"
	opPatch  operation = "patch"
	opDelete operation = "delete"
	opOther  operation = "other"
)

// operationOf returns the operation of a request. LIST is a method of Vault. Clients that cannot
// send it use GET with list=true.
func operationOf(method string, query url.Values) operation {
	switch method {
	case http.MethodGet, http.MethodHead:
		if query.Get("list") == "true" {
			return opList
		}
		return opRead
	case "LIST":
		return opList
	case http.MethodPost, http.MethodPut:
		return opWrite
	case http.MethodPatch:
		return opPatch
	case http.MethodDelete:
		return opDelete
	}
	return opOther
}

type handler func(*call) (response, error)

// route is a path of the API, with a handler for each operation that it has.
type route struct {
	pattern  string // below /v1/; {name} is one segment, {name...} the rest, which may be empty
	public   bool   // needs no token
	handlers map[operation]handler
}

// routes are all routes. The first match counts.
var routes = []route{
	{"sys/health", true, map[operation]handler{opRead: (*call).readHealth}},
	{"sys/seal-status", true, map[operation]handler{opRead: (*call).readSealStatus}},
	{"sys/init", true, map[operation]handler{opRead: (*call).readInit}},
	{"sys/leader", true, map[operation]handler{opRead: (*call).readLeader}},
	{"sys/mounts", false, map[operation]handler{opRead: (*call).listMounts, opList: (*call).listMounts}},
	{"sys/internal/ui/mounts", false, map[operation]handler{opRead: (*call).listUIMounts}},
	{"sys/internal/ui/mounts/{path...}", false, map[operation]handler{opRead: (*call).readMount}},
	{"sys/capabilities-self", false, map[operation]handler{opWrite: (*call).readCapabilities}},
	{"sys/capabilities", false, map[operation]handler{opWrite: (*call).readCapabilities}},
	{"sys/{path...}", false, nil},
	{"auth/approle/login", true, map[operation]handler{opWrite: (*call).loginAppRole}},
	{"auth/userpass/login/{service}", true, map[operation]handler{opWrite: (*call).loginUser}},
	{"auth/cert/login", true, map[operation]handler{opWrite: (*call).loginCertificate}},
	{"auth/token/lookup-self", false, map[operation]handler{opRead: (*call).lookupSelf, opWrite: (*call).lookupSelf}},
	{"auth/token/lookup", false, map[operation]handler{opWrite: (*call).lookup}},
	{"auth/token/renew-self", false, map[operation]handler{opWrite: (*call).renewSelf}},
	{"auth/token/revoke-self", false, map[operation]handler{opWrite: (*call).revokeSelf}},
	{"auth/{method}/login", true, map[operation]handler{opWrite: (*call).loginOther}},
	{"auth/{path...}", false, nil},
	{"cubbyhole/{path...}", false, nil},
	{"identity/{path...}", false, nil},
	{"{project}/data/{path...}", false, map[operation]handler{
		opRead: (*call).readData, opWrite: (*call).writeData, opPatch: (*call).patchData, opDelete: (*call).deleteData,
	}},
	{"{project}/metadata/{path...}", false, map[operation]handler{
		opRead: (*call).readMetadata, opList: (*call).list, opWrite: (*call).writeMetadata,
		opPatch: (*call).patchMetadata, opDelete: (*call).deleteMetadata,
	}},
	{"{project}/delete/{path...}", false, map[operation]handler{opWrite: (*call).deleteVersions}},
	{"{project}/undelete/{path...}", false, map[operation]handler{opWrite: (*call).undeleteVersions}},
	{"{project}/destroy/{path...}", false, map[operation]handler{opWrite: (*call).destroyVersions}},
	{"{project}/subkeys/{path...}", false, map[operation]handler{opRead: (*call).readSubkeys}},
	{"{project}/config", false, map[operation]handler{opRead: (*call).readConfig, opWrite: (*call).writeConfig}},
	{"{project}/{path...}", false, nil},
}

// match reports whether segments are a path of r.
func (r *route) match(segments []string) bool {
	rest, more := r.pattern, true
	for i := 0; more; i++ {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		switch {
		case strings.HasSuffix(part, "...}"):
			return true
		case i >= len(segments), part[0] != '{' && part != segments[i]:
			return false
		case !more:
			return len(segments) == i+1
		}
	}
	return false
}

// namesIn returns the names of the pattern in segments, which match.
func (r *route) namesIn(segments []string) map[string]string {
	names := make(map[string]string)
	for i, part := range strings.Split(r.pattern, "/") {
		name, isName := strings.CutPrefix(part, "{")
		switch rest, all := strings.CutSuffix(name, "...}"); {
		case all:
			names[rest] = strings.Join(segments[min(i, len(segments)):], "/")
		case isName:
			names[strings.TrimSuffix(name, "}")] = segments[i]
		}
	}
	return names
}

// find returns the handler of the request. The error is that of a path or an operation that the
// API does not have; the caller must log in before it sees it.
func (c *call) find() (handler, error) {
	path := strings.TrimPrefix(c.request.URL.Path, root)
	segments := strings.Split(path, "/")
	for i := range routes {
		if !routes[i].match(segments) {
			continue
		}
		c.route, c.names = &routes[i], routes[i].namesIn(segments)
		if handle := c.route.handlers[c.op]; handle != nil {
			return handle, nil
		}
		return (*call).unsupported, nil
	}
	return nil, refuse(http.StatusNotFound, "unsupported path: use <project>/data/<path>")
}

// unsupported answers an operation that a path does not have.
func (c *call) unsupported() (response, error) {
	switch first, _, _ := strings.Cut(c.route.pattern, "/"); {
	case first == "{project}" && c.op == opList:
		return c.invalidPath(nil) // as a real Vault
	case c.route.handlers != nil:
		return response{}, refuse(http.StatusMethodNotAllowed, "1 error occurred:\n\t* unsupported operation\n\n")
	case first == "sys":
		return response{}, refuse(http.StatusMethodNotAllowed, "unsupported operation: policies, mounts and the server are "+
			"configured in myVault's settings, not by sys/")
	case first == "auth":
		return response{}, refuse(http.StatusMethodNotAllowed, "unsupported operation: services are configured in myVault's "+
			"settings; log in by approle, userpass or cert")
	case first != "{project}":
		return response{}, refuse(http.StatusNotFound, "unsupported path: myVault has KV version 2 engines only, one for each project")
	}
	return c.invalidPath(nil)
}

// address returns the address in the path.
func (c *call) address() (myvault.Address, error) {
	addr := myvault.Address{Project: c.names["project"], Path: c.names["path"]}
	if addr.Path == "" {
		return addr, myvault.ErrNotFound
	}
	return addr, addr.Validate()
}
