package httpapi_test

import (
	"strings"
	"testing"

	"github.com/matryer/is"
)

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
