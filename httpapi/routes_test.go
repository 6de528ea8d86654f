package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
)

// row is one request and the status it must have.
type row struct {
	route  string // "METHOD pattern"
	as     string // a service, or "" for none
	target string
	body   string
	status int
	header string // of the request
}

const secretPattern = "/api/secrets/{project}/{path...}"
const versionsPattern = "/api/versions/{project}/{path...}"

const create = `{"project":"newsbot","path":"prod/new","value":"v"}`

// rows are requests to a vault that holds newsbot/prod/db (version 2), newsbot/dev/db,
// newsbot/prod/gone (deleted), newsbot/prod/burnt (version 1 destroyed, 2 live) and
// newsbot/prod/ashes (version 1 live, 2 destroyed).
var rows = slices.Concat([]row{
	{"GET /", "", "/", "", 200, ""},
	{"GET /health", "", "/health", "", 200, ""},
	{"GET /ready", "", "/ready", "", 200, ""},
	{"GET /openapi.json", "", "/openapi.json", "", 200, ""},
	{"GET /api/projects", "reader", "/api/projects", "", 200, ""},
	{"POST /api/projects", "admin", "/api/projects", `{"name":"new","description":"what for"}`, 201, ""},
	{"POST /api/projects", "admin", "/api/projects", `{"name":"newsbot"}`, 409, ""},
	{"POST /api/projects", "reader", "/api/projects", `{"name":"new"}`, 403, ""},
	{"POST /api/projects", "admin", "/api/projects", `{"name":".vault"}`, 400, ""},
	{"POST /api/projects", "admin", "/api/projects", `{"name":"a/b"}`, 400, ""},
	{"POST /api/projects", "admin", "/api/projects", `{}`, 422, ""},
	{"POST /api/projects", "admin", "/api/projects", `{"name":"new","description":"a\u0007b"}`, 422, ""},
	{"POST /api/projects", "admin", "/api/projects", `{"name":"new","description":` + quote(strings.Repeat("x", 1025)) + `}`, 422, ""},
	{"GET /api/projects/{project}", "reader", "/api/projects/newsbot", "", 200, ""},
	{"GET /api/projects/{project}", "reader", "/api/projects/other", "", 403, ""},
	{"GET /api/projects/{project}", "admin", "/api/projects/none", "", 404, ""},
	{"GET /api/projects/{project}", "admin", "/api/projects/.vault", "", 400, ""},
	{"GET /api/projects/{project}", "admin", "/api/projects/", "", 400, ""},
	{"PATCH /api/projects/{project}", "admin", "/api/projects/newsbot", `{"description":"d"}`, 200, ""},
	{"PATCH /api/projects/{project}", "admin", "/api/projects/none", `{"description":"d"}`, 404, ""},
	{"PATCH /api/projects/{project}", "reader", "/api/projects/newsbot", `{"description":"d"}`, 403, ""},
	{"PATCH /api/projects/{project}", "admin", "/api/projects/newsbot", `{}`, 422, ""},
	{"PATCH /api/projects/{project}", "admin", "/api/projects/newsbot", `{"name":"other"}`, 422, ""},
	{"DELETE /api/projects/{project}", "admin", "/api/projects/empty", "", 204, ""},
	{"DELETE /api/projects/{project}", "admin", "/api/projects/newsbot", "", 400, ""},
	{"DELETE /api/projects/{project}", "admin", "/api/projects/none", "", 404, ""},
	{"DELETE /api/projects/{project}", "reader", "/api/projects/newsbot", "", 403, ""},
	{"PUT /api/projects/{project}/set-default", "admin", "/api/projects/newsbot/set-default", "", 200, ""},
	{"PUT /api/projects/{project}/set-default", "admin", "/api/projects/none/set-default", "", 404, ""},
	{"PUT /api/projects/{project}/set-default", "reader", "/api/projects/newsbot/set-default", "", 403, ""},
	{"GET /api/secrets", "reader", "/api/secrets", "", 200, ""},
	{"GET /api/secrets", "reader", "/api/secrets?project=other", "", 200, ""},
	{"GET /api/secrets", "reader", "/api/secrets?project=newsbot&prefix=prod/&deleted=true&limit=5", "", 200, ""},
	{"GET /api/secrets", "reader", "/api/secrets?prefix=prod", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?project=newsbot&prefix=/prod", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?project=.vault", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?project=", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?deleted=yes", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?limit=0", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?limit=1001", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?limit=1&limit=2", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?surprise=1", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?limit=1;project=x", "", 400, ""},
	{"GET /api/secrets", "reader", "/api/secrets?cursor=AAAA", "", 400, ""},
	{"POST /api/secrets", "admin", "/api/secrets", create, 201, ""},
	{"POST /api/secrets", "writer", "/api/secrets", create, 201, ""},
	{"POST /api/secrets", "reader", "/api/secrets", create, 403, ""},
	{"POST /api/secrets", "admin", "/api/secrets", `{"project":"newsbot","path":"prod/db","value":"v"}`, 409, ""},
	{"POST /api/secrets", "admin", "/api/secrets", `{"project":"newsbot","path":"prod/gone","value":"v"}`, 201, ""},
	{"POST /api/secrets", "admin", "/api/secrets", create, 201, "If-None-Match: *"},
	{"POST /api/secrets/test", "reader", "/api/secrets/test", "", 200, ""},
	{"POST /api/secrets/test", "reader", "/api/secrets/test", `{"anything":`, 200, ""},
	{"GET /api/secrets/{project}", "reader", "/api/secrets/newsbot", "", 200, ""},
	{"GET /api/secrets/{project}", "writer", "/api/secrets/other", "", 200, ""},
	{"GET /api/secrets/{project}", "reader", "/api/secrets/newsbot?limit=x", "", 400, ""},
	{"GET /api/secrets/{project}", "reader", "/api/secrets/.vault", "", 400, ""},
	{"GET " + secretPattern, "reader", db, "", 200, ""},
	{"GET " + secretPattern, "reader", db + "?version=1", "", 200, ""},
	{"GET " + secretPattern, "reader", db + "?version=9", "", 404, ""},
	{"GET " + secretPattern, "reader", db + "?version=0", "", 400, ""},
	{"GET " + secretPattern, "reader", db + "?version=-1", "", 400, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/prod/burnt?version=1", "", 410, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/prod/gone", "", 404, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/prod/none", "", 404, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/dev/db", "", 403, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/dev/none", "", 403, ""},
	{"GET " + secretPattern, "writer", db, "", 403, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/.vault/x", "", 400, ""},
	{"PATCH " + secretPattern, "admin", db, `{"value":"new"}`, 200, ""},
	{"PATCH " + secretPattern, "writer", "/api/secrets/newsbot/prod/none", `{"value":"new"}`, 404, ""},
	{"PATCH " + secretPattern, "reader", db, `{"value":"new"}`, 403, ""},
	{"PATCH " + secretPattern, "admin", db, `{"value":"new","version":1}`, 422, ""},
	{"DELETE " + secretPattern, "admin", db, "", 204, ""},
	{"DELETE " + secretPattern, "admin", "/api/secrets/newsbot/prod/none", "", 404, ""},
	{"DELETE " + secretPattern, "admin", "/api/secrets/newsbot/prod/gone", "", 404, ""},
	{"DELETE " + secretPattern, "reader", db, "", 403, ""},
}, laterRows, queryRows, pageRows, watchRows)

const history = "/api/versions/newsbot/prod/db"

// stateOfTheChains is the answer of a trail that has chains, or has none.
var stateOfTheChains = map[bool]int{true: 200, false: 501}[hasHeads]

// laterRows are the routes that the Python service did not have.
var laterRows = []row{
	{"GET " + versionsPattern, "reader", history, "", 200, ""},
	{"GET " + versionsPattern, "reader", "/api/versions/newsbot/prod/gone", "", 200, ""},
	{"GET " + versionsPattern, "reader", "/api/versions/newsbot/prod/none", "", 404, ""},
	{"GET " + versionsPattern, "writer", history, "", 403, ""},
	{"GET " + versionsPattern, "admin", "/api/versions/newsbot/", "", 400, ""},
	{"POST " + versionsPattern, "admin", "/api/versions/newsbot/prod/gone", `{"op":"undelete"}`, 200, ""},
	{"POST " + versionsPattern, "writer", "/api/versions/newsbot/prod/gone", `{"op":"undelete"}`, 204, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"undelete"}`, 409, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","versions":[1]}`, 200, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","all":true}`, 200, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","versions":[9]}`, 404, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy"}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","versions":[]}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","all":false}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","all":true,"versions":[1]}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","versions":[0]}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"destroy","versions":["1"]}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"undelete","versions":[1]}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{"op":"burn"}`, 422, ""},
	{"POST " + versionsPattern, "admin", history, `{}`, 422, ""},
	{"POST " + versionsPattern, "reader", history, `{"op":"destroy","all":true}`, 403, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a","value":"v"}]}`, 200, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"delete","project":"newsbot","path":"prod/db","if_version":1}]}`, 409, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"delete","project":"newsbot","path":"prod/none"}]}`, 404, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"put","project":"newsbot","path":"prod/db","value":"v","if_absent":true}]}`, 409, ""},
	{"POST /api/changes", "reader", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a","value":"v"}]}`, 403, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[]}`, 422, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a//b","value":"v"}]}`, 400, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a"}]}`, 422, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"move","project":"p","path":"a"}]}`, 422, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"project":"p","path":"a"}]}`, 422, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"delete","project":"p","path":"a","value":"v"}]}`, 422, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a","value":"v","if_version":0}]}`, 422, ""},
	{"POST /api/changes", "admin", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a","value":"v","if_version":1,"if_absent":true}]}`, 422, ""},
	{"GET /api/whoami", "reader", "/api/whoami", "", 200, ""},
	{"GET /api/whoami", "reader", "/api/whoami?x=1", "", 400, ""},
	{"GET /api/policy/explain", "reader", "/api/policy/explain?action=read&project=newsbot&path=prod/db", "", 200, ""},
	{"GET /api/policy/explain", "reader", "/api/policy/explain?service=writer&action=read&project=newsbot&path=prod/db", "", 403, ""},
	{"GET /api/policy/explain", "admin", "/api/policy/explain?service=writer&action=read&project=newsbot&path=prod/db", "", 200, ""},
	{"GET /api/policy/explain", "admin", "/api/policy/explain?action=peek&project=newsbot&path=prod/db", "", 400, ""},
	{"GET /api/policy/explain", "admin", "/api/policy/explain?action=read&project=newsbot", "", 400, ""},
	{"GET /api/policy/who", "admin", "/api/policy/who?action=write&project=newsbot&path=prod/db", "", 200, ""},
	{"GET /api/policy/who", "reader", "/api/policy/who?action=write&project=newsbot&path=prod/db", "", 403, ""},
	{"GET /api/policy/who", "admin", "/api/policy/who", "", 400, ""},
	{"GET /api/audit", "admin", "/api/audit?project=newsbot&prefix=prod&service=admin&action=write&outcome=ok&since=2020-01-01T00:00:00Z&until=2099-01-01T00:00:00Z&limit=2", "", 200, ""},
	{"GET /api/audit", "reader", "/api/audit", "", 200, ""},
	{"GET /api/audit", "admin", "/api/audit?outcome=good", "", 400, ""},
	{"GET /api/audit", "admin", "/api/audit?action=good", "", 400, ""},
	{"GET /api/audit", "admin", "/api/audit?since=yesterday", "", 400, ""},
	{"GET /api/audit", "admin", "/api/audit?until=2020-01-01", "", 400, ""},
	{"GET /api/audit", "admin", "/api/audit?limit=-1", "", 400, ""},
	{"GET /api/audit", "admin", "/api/audit?prefix=prod", "", 400, ""},
	{"GET /api/audit", "admin", "/api/audit?cursor=x", "", 400, ""},
	{"GET /api/usage", "admin", "/api/usage?project=newsbot&prefix=prod&unused_since=2099-01-01T00:00:00Z&limit=2", "", 200, ""},
	{"GET /api/usage", "reader", "/api/usage", "", 200, ""},
	{"GET /api/usage", "admin", "/api/usage?unused_since=yesterday", "", 400, ""},
	{"GET /api/tokens", "reader", "/api/tokens", "", 200, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot/prod/@read","common/"],"lifetime_seconds":60}`, 201, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot/"],"certificate_sha256":"` + strings.Repeat("aB", 32) + `"}`, 201, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{}`, 422, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":[]}`, 422, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot"]}`, 422, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot/"],"lifetime_seconds":0}`, 422, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot/"],"lifetime_seconds":-1}`, 422, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot/"],"lifetime_seconds":4000000}`, 422, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot/"],"certificate_sha256":"ab"}`, 422, ""},
	{"POST /api/tokens", "reader", "/api/tokens", `{"rules":["newsbot/"],"service":"admin"}`, 422, ""},
	{"DELETE /api/tokens/{id}", "reader", "/api/tokens/reader.1.1", "", 404, ""},
	{"DELETE /api/tokens/{id}", "reader", "/api/tokens/admin.1.1", "", 404, ""},
	{"DELETE /api/tokens/{id}", "reader", "/api/tokens/..", "", 404, ""},
	{"DELETE /api/tokens/{id}", "reader", "/api/tokens/a%2Fb", "", 400, ""},
	{"GET /api/audit/state", "admin", "/api/audit/state", "", stateOfTheChains, ""},
	{"GET /api/audit/state", "reader", "/api/audit/state", "", 403, ""},
}

// populate makes what rows expect.
func populate(t *testing.T, f *fixture) {
	t.Helper()
	is := is.New(t)
	for _, at := range []string{"newsbot/prod/db", "newsbot/prod/db", "newsbot/dev/db", "newsbot/prod/gone", "newsbot/prod/burnt", "newsbot/prod/burnt", "newsbot/prod/ashes", "newsbot/prod/ashes"} {
		f.put(map[string]string{at: "value of " + at})
	}
	is.Equal(f.as("admin", "DELETE", "/api/secrets/newsbot/prod/gone", "").status, 204)
	is.Equal(f.as("admin", "POST", "/api/versions/newsbot/prod/burnt", `{"op":"destroy","versions":[1]}`).status, 200)
	is.Equal(f.as("admin", "POST", "/api/versions/newsbot/prod/ashes", `{"op":"destroy","versions":[2]}`).status, 200)
	is.Equal(f.as("admin", "POST", "/api/projects", `{"name":"empty"}`).status, 201)
}

func TestEveryRouteAnswersAsTheTableSays(t *testing.T) {
	for _, row := range rows {
		method, pattern, _ := strings.Cut(row.route, " ")
		name := strings.ReplaceAll(fmt.Sprintf("%s %d %s %.60s", method, row.status, row.target, row.body), "/", "_")
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for its own store
			is := is.New(t)
			f := newFixture(t)
			populate(t, f)
			headers := []string{}
			if row.header != "" {
				headers = append(headers, row.header)
			}
			var r reply
			if row.as == "" {
				r = f.do(method, row.target, row.body, headers...)
			} else {
				r = f.as(row.as, method, row.target, row.body, headers...)
			}
			is.Equal(r.status, row.status)
			if r.status >= 400 {
				checkProblem(is, r)
			}
			checkHeaders(is, r)
			logged := func() bool { return strings.Contains(f.logs.String(), `"route":`+quote(pattern)) }
			is.True(eventually(logged)) // by its pattern, after the answer
		})
	}
}

// checkHeaders holds every answer to the headers of all.
func checkHeaders(is *is.I, r reply) {
	is.Helper()
	is.Equal(r.header.Get("Cache-Control"), "no-store")
	is.Equal(r.header.Get("X-Content-Type-Options"), "nosniff")
	is.Equal(r.header.Get("Referrer-Policy"), "no-referrer")
	is.True(strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'"))
	is.True(r.header.Get("X-Request-Id") != "")
	is.Equal(r.header.Get("Access-Control-Allow-Origin"), "")
}

func TestEveryRouteHasRows(t *testing.T) {
	tested, denied := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		tested[row.route] = true
		denied[row.route] = denied[row.route] || row.status == 403
	}
	// These omit entries that the caller may not see, and answer 200.
	always := []string{"GET /api/projects", "GET /api/secrets", "GET /api/secrets/{project}", "POST /api/secrets/test", "GET /api/whoami", "GET /api/audit", "GET /api/usage",
		"GET /api/tokens", "POST /api/tokens", "DELETE /api/tokens/{id}"} // a token does no more than its service may
	for _, route := range httpapi.Routes() {
		t.Run(route.Method+" "+route.Pattern, func(t *testing.T) {
			is := is.New(t)
			key := route.Method + " " + route.Pattern
			is.True(tested[key])                                                 // no row in the table of requests
			is.True(denied[key] || route.Public || slices.Contains(always, key)) // no row that is denied
			delete(tested, key)
		})
	}
	is := is.New(t)
	is.Equal(len(tested), 0) // rows of routes that do not exist
}

func TestEveryRouteButThePublicOnesNeedsAnIdentity(t *testing.T) {
	f := newFixture(t)
	for _, route := range httpapi.Routes() {
		t.Run(route.Method+" "+route.Pattern, func(t *testing.T) {
			is := is.New(t)
			r := f.do(route.Method, sample(route.Pattern), "")
			is.Equal(r.status == http.StatusUnauthorized, !route.Public)
			if !route.Public {
				checkProblem(is, r)
			}
		})
	}
}

func TestKnownPathsAnswerOtherMethodsWith405(t *testing.T) {
	f := newFixture(t)
	methods := map[string][]string{}
	for _, route := range httpapi.Routes() {
		path := sample(route.Pattern)
		methods[path] = append(methods[path], route.Method)
	}
	methods["/api/secrets/test"] = append(methods["/api/secrets/test"], "GET") // the bulk read of a project of that name
	for path, known := range methods {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SPILL"} {
			if slices.Contains(known, method) {
				continue
			}
			t.Run(method+" "+path, func(t *testing.T) {
				is := is.New(t)
				r := f.do(method, path, "") // without identity
				is.Equal(r.status, 405)
				checkProblem(is, r)
				checkHeaders(is, r)
				want := slices.Clone(known)
				if slices.Contains(want, "GET") {
					want = append(want, "HEAD")
				}
				slices.Sort(want)
				is.Equal(r.header.Get("Allow"), strings.Join(want, ", "))
			})
		}
	}
}

func TestUnknownRoutesAre404WithoutIdentity(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/nothing", "/health/", "/api", "/api/", "/api/secret/", "/API/secrets", "/api/%73ecrets", "/api/projects/p/set-default/x", "//api/secrets", "/./health"} {
		t.Run(path, func(t *testing.T) {
			is := is.New(t)
			r := f.do("GET", path, "")
			is.Equal(r.status, 404)
			checkProblem(is, r)
		})
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	f := newFixture(t)
	populate(t, f)
	for _, route := range httpapi.Routes() {
		if route.Method != "GET" {
			continue
		}
		t.Run(route.Pattern, func(t *testing.T) {
			is := is.New(t)
			get := f.as("admin", "GET", sample(route.Pattern), "")
			head := f.as("admin", "HEAD", sample(route.Pattern), "")
			is.Equal(head.status, get.status)
			is.Equal(head.body, "")
			is.Equal(head.header.Get("ETag"), get.header.Get("ETag"))
			is.Equal(head.header.Get("Content-Type"), get.header.Get("Content-Type"))
		})
	}
}
