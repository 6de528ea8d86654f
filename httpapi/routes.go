package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// Route is a route of the API. A GET route also answers HEAD, which is recorded as the same
// read.
type Route struct {
	Method  string
	Pattern string   // as in [http.ServeMux]: {name} is one segment, {path...} all further ones
	Query   []string // the query parameters, each at most once
	Public  bool     // needs no identity
	// Conditions are the conditional headers of RFC 9110 that the route evaluates. It
	// answers others with 400.
	Conditions []string
}

// Routes returns the routes of the API. The caller owns the slice.
func Routes() []Route {
	var routes []Route
	for _, e := range endpoints() {
		routes = append(routes, e.Route)
	}
	return routes
}

// endpoint is a Route with its handler.
type endpoint struct {
	Route
	literals []string // the segments of the pattern; anyName for a name
	rest     bool     // the last segment matches all further ones
	project  int      // the index of the segment with the project; -1: the pattern has no address
	lists    bool     // the response is a page of stored items
	handle   func(*call) (response, error)
	probe    bool           // for load balancers, which cannot choose the Host header or the query
	files    bool           // the rest of the path names a file, not an address
	byQuery  bool           // the address is in the query parameters project and path
	action   myvault.Action // the right that a 403 names; 0: it depends on the request
}

// endpoints returns the table of routes. They are matched on the raw path by endpoint.matches:
// http.ServeMux decodes, cleans and redirects a path before a handler can refuse a name in it.
func endpoints() []endpoint {
	const secret = "/api/secrets/{project}/{path...}"
	const history = "/api/versions/{project}/{path...}"
	return []endpoint{
		public("/", (*call).welcome),
		probe("/health", (*call).healthy),
		probe("/ready", (*call).readiness),
		public("/openapi.json", (*call).describe),
		on("GET", "/api/projects", (*call).listProjects, "limit", "cursor"),
		on("POST", "/api/projects", (*call).createProject).named(myvault.Write),
		on("GET", "/api/projects/{project}", (*call).getProject),
		on("PATCH", "/api/projects/{project}", (*call).describeProject).named(myvault.Write),
		on("DELETE", "/api/projects/{project}", (*call).deleteProject).named(myvault.Delete),
		on("PUT", "/api/projects/{project}/set-default", (*call).setDefault).named(myvault.Write),
		on("GET", "/api/secrets", (*call).listSecrets, "project", "prefix", "deleted", "expires_before", "rotate_before", "limit", "cursor"),
		on("POST", "/api/secrets", (*call).createSecret).named(myvault.Write).evaluates("If-None-Match"),
		on("POST", "/api/secrets/test", (*call).testIdentity),
		on("GET", "/api/secrets/{project}", (*call).readProject, "prefix", "limit", "cursor"),
		on("GET", secret, (*call).getSecret, "version").named(myvault.Read).evaluates("If-Match", "If-None-Match"),
		on("PATCH", secret, (*call).updateSecret).named(myvault.Write).evaluates("If-Match"),
		on("DELETE", secret, (*call).deleteSecret).named(myvault.Delete).evaluates("If-Match"),
		byQuery("GET", "/api/secret", (*call).getSecret, "version").named(myvault.Read).evaluates("If-Match", "If-None-Match"),
		byQuery("PATCH", "/api/secret", (*call).updateSecret).named(myvault.Write).evaluates("If-Match"),
		byQuery("DELETE", "/api/secret", (*call).deleteSecret).named(myvault.Delete).evaluates("If-Match"),
		on("GET", history, (*call).listVersions, "limit", "cursor").named(myvault.List),
		on("POST", history, (*call).changeVersions),
		byQuery("GET", "/api/versions", (*call).listVersions, "limit", "cursor").named(myvault.List),
		byQuery("POST", "/api/versions", (*call).changeVersions),
		on("POST", "/api/changes", (*call).applyChanges),
		on("GET", "/api/whoami", (*call).whoami),
		on("GET", "/api/policy/explain", (*call).explain, "service", "action", "project", "path").named(myvault.Audit),
		on("GET", "/api/policy/who", (*call).who, "action", "project", "path").named(myvault.Audit),
		on("GET", "/api/audit", (*call).listTrail,
			"project", "prefix", "service", "action", "outcome", "since", "until", "limit", "cursor"),
		on("GET", "/api/audit/state", (*call).trailState).named(myvault.Audit),
		on("GET", "/api/usage", (*call).listUsage, "project", "prefix", "unused_since", "limit", "cursor"),
		on("GET", "/api/tokens", (*call).listTokens, "limit", "cursor"),
		on("POST", "/api/tokens", (*call).mintToken),
		on("DELETE", "/api/tokens/"+tokenID, (*call).revokeToken),
	}
}

// tokenID is the segment of a pattern that names a token, and no project.
const tokenID = "{id}"

// anyName is a segment of a compiled pattern that matches any name.
const anyName = "{}"

func on(method, pattern string, handle func(*call) (response, error), query ...string) endpoint {
	e := endpoint{Route: Route{Method: method, Pattern: pattern, Query: query}, project: -1, handle: handle}
	e.lists = slices.Contains(query, "limit")
	e.literals = strings.Split(pattern[1:], "/")
	for i, segment := range e.literals {
		if !strings.HasPrefix(segment, "{") {
			continue
		}
		e.literals[i] = anyName
		e.rest = strings.HasSuffix(segment, "...}")
		if e.project < 0 && segment != tokenID {
			e.project = i
		}
	}
	return e
}

// byQuery returns a route whose address is in the query, for clients that encode the
// slashes of a path parameter.
func byQuery(method, pattern string, handle func(*call) (response, error), query ...string) endpoint {
	e := on(method, pattern, handle, append([]string{"project", "path"}, query...)...)
	e.byQuery = true
	return e
}

// named sets the right that a 403 names. It grants and checks nothing: the session does.
func (e endpoint) named(a myvault.Action) endpoint {
	e.action = a
	return e
}

func (e endpoint) evaluates(headers ...string) endpoint {
	e.Conditions = headers
	return e
}

func public(pattern string, handle func(*call) (response, error)) endpoint {
	e := on(http.MethodGet, pattern, handle)
	e.Public = true
	return e
}

func probe(pattern string, handle func(*call) (response, error)) endpoint {
	e := public(pattern, handle)
	e.probe = true
	return e
}

// matches reports whether the pattern matches the raw segments of a path. A name may still
// be empty or malformed: that is checked once the caller is authenticated.
func (e *endpoint) matches(raw []string) bool {
	if len(raw) != len(e.literals) && (!e.rest || len(raw) < len(e.literals)) {
		return false
	}
	for i, want := range e.literals {
		if want != anyName && want != raw[i] {
			return false
		}
	}
	return true
}

// noRoute is the endpoint of a path or method that has none.
var noRoute = &endpoint{}

// find returns the endpoint for a method and the raw segments of a path. The error is a
// 404, or a 405 with the methods that the path has, with noRoute.
func (h *Handler) find(method string, raw []string) (*endpoint, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allowed []string
	for i := range h.endpoints {
		e := &h.endpoints[i]
		if !e.matches(raw) {
			continue
		}
		if e.Method == method {
			return e, nil
		}
		allowed = append(allowed, e.Method)
		if e.Method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	if allowed == nil {
		return noRoute, &problem.Problem{Status: http.StatusNotFound, Code: "no_route", Detail: "not found: no such route; see /openapi.json"}
	}
	slices.Sort(allowed)
	return noRoute, &problem.Problem{
		Status: http.StatusMethodNotAllowed,
		Detail: "method not allowed: see the Allow header",
		Allow:  strings.Join(allowed, ", "),
	}
}
