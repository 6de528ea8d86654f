package httpapi_test

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/internal/listing"
	"github.com/myswiftagent/myvault/tokens"
)

var update = flag.Bool("update", false, "write the committed listings anew")

// right is the right on newsbot/prod/db that a route needs.
type right struct {
	route  string // "METHOD pattern"
	about  string // the operation, if the route has several
	rule   string // with nothing but this it is allowed; "" for no identity
	less   string // with nothing but this it is not; "" for no identity
	target string
	body   string
}

const (
	everything = "*/@read+write+delete+list+destroy+audit"
	elsewhere  = "other/@read+write+delete+list+destroy+audit"
)

// without returns a rule for all actions but one.
func without(action string) string {
	return strings.Replace(strings.Replace(everything, action+"+", "", 1), "+"+action, "", 1)
}

// rights has at least one row for each route; one without fails below.
var rights = []right{
	{"GET /", "", "", "", "/", ""},
	{"GET /health", "", "", "", "/health", ""},
	{"GET /ready", "", "", "", "/ready", ""},
	{"GET /openapi.json", "", "", "", "/openapi.json", ""},
	{"GET /api/projects", "", "newsbot/any@read", elsewhere, "/api/projects", ""},
	{"POST /api/projects", "", "new/any@write", without("write"), "/api/projects", `{"name":"new"}`},
	{"GET /api/projects/{project}", "", "newsbot/any@read", elsewhere, "/api/projects/newsbot", ""},
	{"PATCH /api/projects/{project}", "", "newsbot/any@write", without("write"), "/api/projects/newsbot", `{"description":"d"}`},
	{"DELETE /api/projects/{project}", "", "empty/@delete", without("delete"), "/api/projects/empty", ""},
	{"PUT /api/projects/{project}/set-default", "", "*/any@write", without("write"), "/api/projects/newsbot/set-default", ""},
	{"GET /api/secrets", "", "newsbot/prod/db@list", without("list"), "/api/secrets", ""},
	{"POST /api/secrets", "", "newsbot/prod/new@write", without("write"), "/api/secrets", `{"project":"newsbot","path":"prod/new","value":"v"}`},
	{"POST /api/secrets", "generate", "newsbot/prod/new@write", without("write"), "/api/secrets", `{"project":"newsbot","path":"prod/new","generate":{}}`},
	{"POST /api/secrets/test", "", elsewhere, "", "/api/secrets/test", ""},
	{"GET /api/secrets/{project}", "its `read`", "newsbot/prod/db@read+list", without("read"), "/api/secrets/newsbot", ""},
	{"GET /api/secrets/{project}", "its `list`", "newsbot/prod/db@read+list", without("list"), "/api/secrets/newsbot", ""},
	{"GET " + secretPattern, "", "newsbot/prod/db@read", without("read"), "/api/secrets/newsbot/prod/db", ""},
	{"PATCH " + secretPattern, "", "newsbot/prod/db@write", without("write"), "/api/secrets/newsbot/prod/db", `{"value":"v"}`},
	{"PATCH " + secretPattern, "generate", "newsbot/prod/db@write", without("write"), "/api/secrets/newsbot/prod/db", `{"generate":{}}`},
	{"DELETE " + secretPattern, "", "newsbot/prod/db@delete", without("delete"), "/api/secrets/newsbot/prod/db", ""},
	{"GET /api/secret", "", "newsbot/prod/db@read", without("read"), dbByQuery, ""},
	{"PATCH /api/secret", "", "newsbot/prod/db@write", without("write"), dbByQuery, `{"value":"v"}`},
	{"DELETE /api/secret", "", "newsbot/prod/db@delete", without("delete"), dbByQuery, ""},
	{"GET /api/versions", "", "newsbot/prod/db@list", without("list"), "/api/versions?project=newsbot&path=prod/db", ""},
	{"POST /api/versions", "undelete", "newsbot/prod/gone@write", without("write"), "/api/versions?project=newsbot&path=prod/gone", `{"op":"undelete"}`},
	{"POST /api/versions", "destroy", "newsbot/prod/db@destroy", without("destroy"), "/api/versions?project=newsbot&path=prod/db", `{"op":"destroy","all":true}`},
	{"GET " + versionsPattern, "", "newsbot/prod/db@list", without("list"), "/api/versions/newsbot/prod/db", ""},
	{"POST " + versionsPattern, "undelete", "newsbot/prod/gone@write", without("write"), "/api/versions/newsbot/prod/gone", `{"op":"undelete"}`},
	{"POST " + versionsPattern, "destroy", "newsbot/prod/db@destroy", without("destroy"), "/api/versions/newsbot/prod/db", `{"op":"destroy","all":true}`},
	{"POST " + versionsPattern, "destroy, and see it", "newsbot/prod/db@destroy+list", without("destroy"), "/api/versions/newsbot/prod/db", `{"op":"destroy","all":true}`},
	{"POST /api/changes", "put", "newsbot/prod/db@write", without("write"), "/api/changes", `{"changes":[{"op":"put","project":"newsbot","path":"prod/db","value":"v"}]}`},
	{"POST /api/changes", "delete", "newsbot/prod/db@delete", without("delete"), "/api/changes", `{"changes":[{"op":"delete","project":"newsbot","path":"prod/db"}]}`},
	{"GET /api/whoami", "", elsewhere, "", "/api/whoami", ""},
	{"GET /api/policy/explain", "itself", elsewhere, "", "/api/policy/explain?action=read&project=newsbot&path=prod/db", ""},
	{"GET /api/policy/explain", "another", "newsbot/prod/db@audit", without("audit"), "/api/policy/explain?service=root&action=read&project=newsbot&path=prod/db", ""},
	{"GET /api/policy/who", "", "newsbot/prod/db@audit", without("audit"), "/api/policy/who?action=read&project=newsbot&path=prod/db", ""},
	{"GET /api/audit", "", "newsbot/prod/db@audit", without("audit"), "/api/audit", ""},
	{"GET /api/usage", "", "newsbot/prod/db@audit", without("audit"), "/api/usage", ""},
	{"GET /api/tokens", "", elsewhere, "", "/api/tokens", ""},
	{"POST /api/tokens", "", elsewhere, "", "/api/tokens", `{"rules":["newsbot/@read"]}`},
	{"DELETE /api/tokens/{id}", "its own", elsewhere, "", "/api/tokens/svc.0.1", ""},
	{"GET /api/audit/state", "", "*/@audit", without("audit"), "/api/audit/state", ""},
}

// TestRightsOfEveryRoute calls each route with just the rule that it needs, and with everything
// but that. The statuses are the table in docs/rights.md; -update writes it.
func TestRightsOfEveryRoute(t *testing.T) {
	public := make(map[string]bool)
	rowless := make(map[string]bool)
	for _, route := range httpapi.Routes() {
		public[route.Method+" "+route.Pattern] = route.Public
		rowless[route.Method+" "+route.Pattern] = true
	}
	lines := []string{"| Route | allowed with just | answer | with everything but that |", "| --- | --- | --- | --- |"}
	for _, r := range rights {
		delete(rowless, r.route)
		isPublic, known := public[r.route]
		allowed, denied := ask(t, r, r.rule), ask(t, r, r.less)
		passed := strings.HasPrefix(allowed, "2") && !strings.HasSuffix(allowed, "nothing")
		refused := strings.HasPrefix(denied, "40") || strings.HasSuffix(denied, "nothing")
		if !known || !passed || refused == isPublic {
			t.Errorf("%s %s: %s with %s, and %s with %s", r.route, r.about, allowed, r.rule, denied, r.less)
		}
		lines = append(lines, r.line(allowed, denied))
	}
	for route := range rowless {
		t.Errorf("%s has no row", route)
	}
	listing.Check(t, "../docs/rights.md", "routes", strings.Join(lines, "\n"), *update)
}

// line writes a row of the table.
func (r right) line(allowed, denied string) string {
	name, rule := "`"+r.route+"`", "`"+r.rule+"`"
	if r.about != "" {
		name += " " + r.about
	}
	switch {
	case r.rule == "":
		rule = "no identity"
	case r.less == "":
		rule, denied = "any identity", denied+" without one"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", name, rule, allowed, denied)
}

// ask sends the request of a row as a service that has only the rule, or without an
// identity if the row has none.
func ask(t *testing.T, row right, rule string) string {
	t.Helper()
	method, _, _ := strings.Cut(row.route, " ")
	r := httptest.NewRequest(method, row.target, strings.NewReader(row.body))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/json")
	if rule != "" {
		r.Header.Set("X-Service", "svc")
		r.Header.Set("X-Token", readerToken)
	}
	w := record(allowing(t, cmp.Or(rule, elsewhere)), r)
	switch {
	case w.Body.String() == "[]\n":
		return fmt.Sprintf("%d, shows nothing", w.Code)
	case row.route == "GET /api/audit/state" && w.Code == stateOfTheChains:
		return "200; 501 where the trail has no MACs"
	}
	return strconv.Itoa(w.Code)
}

// allowing returns a vault in which svc has one rule.
func allowing(t *testing.T, rule string) http.Handler {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "svc,root",
		"TOKEN_svc":        readerToken,
		"TOKEN_root":       adminToken,
		"ALLOW_svc":        rule,
		"ALLOW_root":       everything,
	})
	is.NoErr(err)
	vault, err := newStore(t).vault(policy, myvault.ReadsStrict)
	is.NoErr(err)
	t.Cleanup(func() { is.NoErr(vault.Close()) })
	root := vault.As("root")
	for _, path := range []string{"prod/db", "prod/gone"} {
		_, err = root.Put(t.Context(), myvault.Address{Project: "newsbot", Path: path}, myvault.Text("v"))
		is.NoErr(err)
	}
	is.NoErr(root.Delete(t.Context(), myvault.Address{Project: "newsbot", Path: "prod/gone"}))
	_, err = root.PutProject(t.Context(), myvault.Project{Name: "empty"})
	is.NoErr(err)
	issuer, err := tokens.New(vault, tokens.Config{MaxPerService: 1})
	is.NoErr(err)
	_, err = issuer.Mint(t.Context(), vault.As("svc"), tokens.Grant{Rules: []myvault.Rule{mustRule(t, "*/")}})
	is.NoErr(err) // svc.0.1, in the only place
	issuer, err = tokens.New(vault, tokens.Config{})
	is.NoErr(err)
	handler, err := httpapi.New(vault, httpapi.Config{Tokens: issuer})
	is.NoErr(err)
	return handler
}

func mustRule(t *testing.T, text string) myvault.Rule {
	t.Helper()
	rule, err := myvault.ParseRule(text)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}
