package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
)

// canary is in place of a secret, also of one that was pasted into the wrong field.
const canary = "canary-5ecret-7f3a"

// wrongRequests carry the canary in every place of a request that can be wrong.
func wrongRequests() []struct{ method, path, body, header string } {
	return []struct{ method, path, body, header string }{
		{"GET", "/" + canary, "", ""},
		{canary, "/api/secrets", "", ""},
		{"GET", "/api/secrets/newsbot/prod/" + canary + "%00", "", ""},
		{"GET", "/api/secrets/newsbot/prod/" + canary, "", ""},
		{"GET", "/api/secrets/." + canary, "", ""},
		{"GET", "/api/secrets?" + canary + "=1", "", ""},
		{"GET", "/api/secrets?limit=" + canary, "", ""},
		{"GET", "/api/secrets?cursor=" + canary, "", ""},
		{"GET", "/api/secrets?project=%00" + canary, "", ""},
		{"GET", "/api/secrets?deleted=" + canary, "", ""},
		{"GET", "/api/secrets/newsbot/prod/db?version=" + canary, "", ""},
		{"GET", "/api/audit?since=" + canary, "", ""},
		{"GET", "/api/audit?outcome=" + canary, "", ""},
		{"GET", "/api/policy/explain?action=" + canary, "", ""},
		{"POST", "/api/secrets", canary, ""},
		{"POST", "/api/secrets", `{"` + canary + `":1}`, ""},
		{"POST", "/api/secrets", `{"value":{"` + canary + `":1}}`, ""},
		{"POST", "/api/secrets", `{"value":"` + canary + `"}`, ""},
		{"POST", "/api/secrets", `{"value":"` + canary + `","value":"` + canary + `"}`, ""},
		{"POST", "/api/secrets", `{"project":"p","path":"a\n` + canary + `","value":"v"}`, ""},
		{"POST", "/api/secrets", `{"project":"p","path":"a","value":"` + canary + `","encoding":"base64"}`, ""},
		{"POST", "/api/secrets", `{"project":"p","path":"a","value":"v","encoding":"` + canary + `"}`, ""},
		{"POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","value":"` + canary + `"}`, ""},
		{"POST", "/api/projects", `{"name":"` + canary + `\u0000"}`, ""},
		{"POST", "/api/projects", `{"name":"p","description":"\u0000` + canary + `"}`, ""},
		{"POST", "/api/versions/newsbot/prod/db", `{"op":"` + canary + `"}`, ""},
		{"POST", "/api/changes", `{"changes":[{"op":"` + canary + `","project":"p","path":"a"}]}`, ""},
		{"POST", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a","` + canary + `":1}]}`, ""},
		{"PATCH", "/api/secrets/newsbot/prod/none", `{"value":"` + canary + `"}`, ""},
		{"PATCH", "/api/secrets/newsbot/prod/db", `{"value":"` + canary + `"}`, "If-Match: \"" + canary + "\""},
		{"PATCH", "/api/secrets/newsbot/prod/db", `{"value":"` + canary + `"}`, "If-Match: " + canary},
		{"PATCH", "/api/secrets/newsbot/prod/db", `{"value":"` + canary + `"}`, "Content-Type: " + canary},
		{"GET", "/api/whoami", "", "Host: " + canary},
		{"GET", "/api/whoami", "", "X-Service: " + canary},
		{"GET", "/api/whoami", "", "X-Token: " + canary},
		{"GET", "/api/whoami", "", "X-Request-Id: a " + canary},
	}
}

func TestErrorsAndLogsNeverRepeatTheInput(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	for _, c := range wrongRequests() {
		t.Run(fmt.Sprintf("%.70q", c.method+" "+c.path+" "+c.body+" "+c.header), func(t *testing.T) {
			is := is.New(t)
			var headers []string
			if c.header != "" {
				headers = []string{c.header}
			}
			r := f.as("admin", c.method, c.path, c.body, headers...)
			is.Equal(r.status == 200, strings.HasPrefix(c.header, "X-Request-Id"))
			is.True(!strings.Contains(fmt.Sprint(r), canary)) // headers and body
			is.True(!strings.Contains(f.logs.String(), canary))
		})
	}
	for _, c := range wrongRequests() { // by one who is not known: the wrong token itself is the canary
		is := is.New(t)
		r := f.do(c.method, c.path, c.body, "X-Service: "+canary, "X-Token: "+canary)
		is.True(r.status >= 400)
		is.True(!strings.Contains(fmt.Sprint(r), canary))
	}
	is := is.New(t)
	is.True(!strings.Contains(f.logs.String(), canary))
	is.True(!strings.Contains(f.logs.String(), adminToken))
	is.True(strings.Contains(f.logs.String(), `"service":"admin"`))
}

func TestAValueIsOnlyInTheBodyThatShouldCarryIt(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	coded := base64.StdEncoding.EncodeToString([]byte(canary))
	carriers := map[string]bool{
		"POST /api/secrets":          true,
		"GET " + secretPattern:       true,
		"PATCH " + secretPattern:     true,
		"GET /api/secrets/{project}": true,
		"GET /api/secret":            true,
		"PATCH /api/secret":          true,
	}
	bodies := map[string]string{
		"POST /api/secrets":             `{"project":"newsbot","path":"prod/new","value":"` + canary + `"}`,
		"PATCH " + secretPattern:        `{"value":"` + canary + `"}`,
		"POST /api/projects":            `{"name":"other"}`,
		"POST /api/tokens":              `{"rules":["newsbot/"]}`,
		"PATCH /api/projects/{project}": `{"description":"d"}`,
		"PATCH /api/secret":             `{"value":"` + canary + `"}`,
		"POST " + versionsPattern:       `{"op":"destroy","versions":[1]}`,
		"POST /api/versions":            `{"op":"destroy","versions":[1]}`,
		"POST /api/changes":             `{"changes":[{"op":"put","project":"newsbot","path":"prod/b","value":"` + canary + `"}]}`,
	}
	f.put(map[string]string{"newsbot/prod/db": canary})
	f.put(map[string]string{"newsbot/prod/db": canary})
	for _, route := range httpapi.Routes() {
		if route.Method == "DELETE" {
			continue // last, below
		}
		key := route.Method + " " + route.Pattern
		target := sample(route.Pattern)
		if strings.HasPrefix(route.Pattern, "/api/policy/") {
			target += "?action=read&project=newsbot&path=prod/db"
		}
		r := f.as("admin", route.Method, target, bodies[key])
		is.True(r.status < 300 || r.status == 501)
		is.Equal(strings.Contains(r.body, canary), carriers[key])
		is.True(!strings.Contains(fmt.Sprint(r.header), canary))
		is.True(!strings.Contains(fmt.Sprint(r), coded))
	}
	is.Equal(f.as("admin", "DELETE", db, "").body, "")
	is.True(!strings.Contains(f.logs.String(), canary))
	trail := f.as("admin", "GET", "/api/audit", "")
	is.True(!strings.Contains(trail.body, canary))
	is.True(!strings.Contains(trail.body, adminToken))
}

func TestRequestLinesNameThePatternAndNeverThePath(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{})
	f.put(map[string]string{"newsbot/prod/db": "v"})
	is.Equal(f.as("reader", "GET", db+"?version=1", "", "X-Request-Id: r-1").status, 200)
	is.Equal(f.as("reader", "GET", "/api/secrets/newsbot/dev/hidden", "").status, 403)
	logs := f.logs.String()
	is.True(!strings.Contains(logs, "newsbot"))
	is.True(!strings.Contains(logs, "version=1"))
	for _, part := range []string{`"id":"r-1"`, `"service":"reader"`, `"method":"GET"`, `"route":"` + secretPattern + `"`, `"status":200`, `"duration_ms":`, `"remote":"`, `"size":`} {
		is.True(strings.Contains(logs, part))
	}
	is.Equal(strings.Count(logs, "\n"), 2) // one line per request
	is.Equal(f.as("reader", "HEAD", db, "").status, 200)
	is.True(strings.Contains(f.logs.String(), `"size":0`)) // nothing was sent but headers
}
