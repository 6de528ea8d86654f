package httpapi_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// members are those of a problem besides type, title, status and detail.
func (r reply) members(t *testing.T) map[string]any {
	t.Helper()
	all := r.object(t)
	for _, name := range []string{"type", "title", "status", "detail"} {
		delete(all, name)
	}
	return all
}

const (
	newA    = `{"op":"put","project":"newsbot","path":"prod/a","value":"1"}`
	denied  = `{"op":"put","project":"newsbot","path":"dev/db","value":"1"}`
	deniedX = `{"op":"put","project":"newsbot","path":"dev/none","value":"1","if_absent":true}`
)

// TestAProblemSaysWhichChange it is with, by index, address, member and action.
func TestAProblemSaysWhichChange(t *testing.T) {
	addr := func(code string, index int, path string, more ...string) map[string]any {
		m := map[string]any{"code": code, "index": float64(index), "project": "newsbot", "path": path}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		as, changes string
		status      int
		want        map[string]any
	}{
		"conflict":   {"admin", newA + `,{"op":"delete","project":"newsbot","path":"prod/db","if_version":1}`, 409, addr("conflict", 1, "prod/db")},
		"exists":     {"admin", newA + `,` + newA + `,{"op":"put","project":"newsbot","path":"prod/db","value":"v","if_absent":true}`, 409, addr("exists", 2, "prod/db")},
		"alone":      {"admin", `{"op":"delete","project":"newsbot","path":"prod/none"}`, 404, addr("not_found", 0, "prod/none")},
		"not found":  {"admin", newA + `,{"op":"delete","project":"newsbot","path":"prod/none"},{"op":"delete","project":"newsbot","path":"prod/none2"}`, 404, addr("not_found", 1, "prod/none")},
		"denied":     {"writer", newA + `,` + denied, 403, addr("denied", 1, "dev/db", "action", "write")},
		"delete":     {"writer", newA + `,{"op":"delete","project":"newsbot","path":"prod/db"}`, 403, addr("denied", 1, "prod/db", "action", "delete")},
		"hidden":     {"writer", `{"op":"put","project":"newsbot","path":"prod/db","value":"1","if_version":9},` + deniedX, 403, addr("denied", 1, "dev/none", "action", "write")},
		"empty":      {"admin", newA + `,{"op":"put","project":"newsbot","path":"prod/b","value":""}`, 422, addr("invalid_body", 1, "prod/b", "member", "value")},
		"no value":   {"admin", `{"op":"put","project":"newsbot","path":"prod/b"}`, 422, addr("invalid_body", 0, "prod/b", "member", "value")},
		"no op":      {"admin", newA + `,{"project":"newsbot","path":"prod/b"}`, 422, addr("invalid_body", 1, "prod/b", "member", "op")},
		"time":       {"admin", `{"op":"put","project":"newsbot","path":"prod/b","value":"v","expires_at":"soon"}`, 422, addr("invalid_body", 0, "prod/b", "member", "expires_at")},
		"path":       {"admin", newA + `,{"op":"put","project":"newsbot","path":"a//b","value":"v"}`, 400, map[string]any{"code": "invalid", "index": 1.0}},
		"no path":    {"admin", `{"op":"put","project":"newsbot","value":"v"}`, 422, map[string]any{"code": "invalid_body", "index": 0.0, "member": "path"}},
		"wrong type": {"admin", newA + `,{"op":"put","project":"newsbot","path":"a","value":7}`, 422, map[string]any{"code": "invalid_body", "index": 1.0, "member": "value"}},
		"unknown":    {"admin", newA + `,{"` + canary + `":1}`, 422, map[string]any{"code": "invalid_body", "index": 1.0}},
		"no changes": {"admin", ``, 422, map[string]any{"code": "invalid_body", "member": "changes"}},
		"no object":  {"admin", newA + `,7`, 422, map[string]any{"code": "invalid_body", "index": 1.0, "member": "changes"}},
	} {
		t.Run(name, func(t *testing.T) {
			if stored := c.status == 404 || c.status == 409; stored && !manyChanges && name != "alone" {
				t.Skip("this store makes one change at a time")
			}
			is := is.New(t)
			f := newFixture(t)
			populate(t, f)
			r := f.as(c.as, "POST", "/api/changes", `{"changes":[`+c.changes+`]}`)
			is.Equal(r.status, c.status)
			checkProblem(is, r)
			is.Equal(r.members(t), c.want)
			is.Equal(f.as("admin", "GET", "/api/secrets/newsbot/prod/a", "").status, 404) // none is made
		})
	}
}

// TestADeniedChangeTellsNothing about stored secrets: the problem is the same for a secret that
// exists.
func TestADeniedChangeTellsNothing(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	populate(t, f)
	var problems []map[string]any
	for _, path := range []string{"dev/db", "dev/none"} {
		for _, condition := range []string{`,"if_absent":true`, `,"if_version":1`, `,"if_version":9`, ""} {
			change := fmt.Sprintf(`{"op":"put","project":"newsbot","path":"%s","value":"v"%s}`, path, condition)
			m := f.as("writer", "POST", "/api/changes", `{"changes":[`+newA+`,`+change+`]}`).members(t)
			is.Equal(m["path"], path)
			delete(m, "path")
			problems = append(problems, m)
		}
	}
	for _, m := range problems[1:] {
		is.True(maps.Equal(m, problems[0]))
	}
}

// TestCodesOfProblems: one for each kind, on every route, and the action that is denied.
func TestCodesOfProblems(t *testing.T) {
	f := newFixture(t)
	populate(t, f)
	for name, c := range map[string]struct {
		as, method, target, body, header string
		want                             map[string]any
	}{
		"denied read":   {"writer", "GET", db, "", "", map[string]any{"code": "denied", "action": "read"}},
		"denied write":  {"reader", "PATCH", db, `{"value":"v"}`, "", map[string]any{"code": "denied", "action": "write"}},
		"denied delete": {"reader", "DELETE", db, "", "", map[string]any{"code": "denied", "action": "delete"}},
		"denied list":   {"writer", "GET", history, "", "", map[string]any{"code": "denied", "action": "list"}},
		"destroy":       {"reader", "POST", history, `{"op":"destroy","all":true}`, "", map[string]any{"code": "denied", "action": "destroy"}},
		"undelete":      {"reader", "POST", history, `{"op":"undelete"}`, "", map[string]any{"code": "denied", "action": "write"}},
		"audit":         {"reader", "GET", "/api/policy/who?action=write&project=newsbot&path=prod/db", "", "", map[string]any{"code": "denied", "action": "audit"}},
		"origin":        {"admin", "GET", db, "", "Sec-Fetch-Site: cross-site", map[string]any{"code": "foreign_origin"}},
		"none":          {"admin", "GET", "/api/secrets/newsbot/prod/none", "", "", map[string]any{"code": "not_found"}},
		"no route":      {"admin", "GET", "/api/nothing", "", "", map[string]any{"code": "no_route"}},
		"method":        {"admin", "PUT", "/api/secrets", "", "", map[string]any{"code": "method_not_allowed"}},
		"exists":        {"admin", "POST", "/api/projects", `{"name":"newsbot"}`, "", map[string]any{"code": "exists"}},
		"not empty":     {"admin", "DELETE", "/api/projects/newsbot", "", "", map[string]any{"code": "not_empty"}},
		"conflict":      {"admin", "POST", history, `{"op":"undelete"}`, "", map[string]any{"code": "conflict"}},
		"destroyed":     {"admin", "GET", "/api/secrets/newsbot/prod/burnt?version=1", "", "", map[string]any{"code": "destroyed"}},
		"precondition":  {"admin", "DELETE", db, "", `If-Match: "x"`, map[string]any{"code": "precondition_failed"}},
		"condition":     {"admin", "GET", db, "", "Range: bytes=0-1", map[string]any{"code": "condition_not_supported"}},
		"query":         {"admin", "GET", "/api/secrets?limit=0", "", "", map[string]any{"code": "invalid"}},
		"member":        {"admin", "PATCH", db, `{}`, "", map[string]any{"code": "invalid_body", "member": "value"}},
		"versions":      {"admin", "POST", history, `{"op":"destroy","versions":["1"]}`, "", map[string]any{"code": "invalid_body", "member": "versions"}},
		"rule":          {"admin", "POST", "/api/tokens", `{"rules":["newsbot"]}`, "", map[string]any{"code": "invalid_body", "member": "rules"}},
		"no rules":      {"admin", "POST", "/api/tokens", `{}`, "", map[string]any{"code": "invalid_body", "member": "rules"}},
		"lifetime":      {"admin", "POST", "/api/tokens", `{"rules":["newsbot/"],"lifetime_seconds":0}`, "", map[string]any{"code": "invalid_body", "member": "lifetime_seconds"}},
		"long lifetime": {"admin", "POST", "/api/tokens", `{"rules":["newsbot/"],"lifetime_seconds":99999999}`, "", map[string]any{"code": "invalid_body", "member": "lifetime_seconds"}},
		"certificate":   {"admin", "POST", "/api/tokens", `{"rules":["newsbot/"],"certificate_sha256":"zz"}`, "", map[string]any{"code": "invalid_body", "member": "certificate_sha256"}},
		"not JSON":      {"admin", "PATCH", db, `{}`, "Content-Type: text/plain", map[string]any{"code": "not_json"}},
		"host":          {"admin", "GET", db, "", "Host: elsewhere.example", map[string]any{"code": "misdirected"}},
		"nobody":        {"nobody", "GET", db, "", "", map[string]any{"code": "unauthenticated"}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			r := f.as(c.as, c.method, c.target, c.body, headers...)
			checkProblem(is, r)
			is.Equal(r.members(t), c.want)
		})
	}
}

// TestDetailsThatClientsMatch: existing clients look for "not found" and "already exists".
func TestDetailsThatClientsMatch(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	const none = "/api/secrets/newsbot/prod/none"
	for _, c := range []struct {
		method, target, body string
		status               int
		contains             string
	}{
		{"GET", "/nothing", "", 404, "not found"},
		{"GET", "/api/projects/none", "", 404, "not found"},
		{"PATCH", "/api/projects/none", `{"description":"x"}`, 404, "not found"},
		{"DELETE", "/api/projects/none", "", 404, "not found"},
		{"PUT", "/api/projects/none/set-default", "", 404, "not found"},
		{"GET", none, "", 404, "not found"},
		{"GET", none + "?version=2", "", 404, "not found"},
		{"GET", "/api/secrets/newsbot/prod/db?version=9", "", 404, "not found"},
		{"PATCH", none, `{"value":"x"}`, 404, "not found"},
		{"DELETE", none, "", 404, "not found"},
		{"GET", "/api/versions/newsbot/prod/none", "", 404, "not found"},
		{"POST", "/api/versions/newsbot/prod/none", `{"op":"undelete"}`, 404, "not found"},
		{"POST", "/api/versions/newsbot/prod/none", `{"op":"destroy","all":true}`, 404, "not found"},
		{"POST", "/api/versions/newsbot/prod/db", `{"op":"destroy","versions":[9]}`, 404, "not found"},
		{"POST", "/api/changes", `{"changes":[{"op":"delete","project":"newsbot","path":"prod/none"}]}`, 404, "not found"},
		{"POST", "/api/projects", `{"name":"newsbot"}`, 409, "already exists"},
		{"POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","value":"x"}`, 409, "already exists"},
		{"POST", "/api/changes", `{"changes":[{"op":"put","project":"newsbot","path":"prod/db","value":"x","if_absent":true}]}`, 409, "already exists"},
		{"POST", "/api/changes", `{"changes":[{"op":"put","project":"newsbot","path":"prod/db","value":"x","if_version":7}]}`, 409, "version"},
		{"POST", "/api/versions/newsbot/prod/db", `{"op":"undelete"}`, 409, "version"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			is := is.New(t)
			r := f.as("admin", c.method, c.target, c.body)
			is.Equal(r.status, c.status)
			checkProblem(is, r)
			detail, _ := r.object(t)["detail"].(string)
			is.True(strings.Contains(detail, c.contains))
		})
	}
}
