package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
)

const db = "/api/secrets/newsbot/prod/db"

// tags returns the ETag of the live secret at db, without the version and with it.
func (f *fixture) tags(t *testing.T) (current string, of func(version int) string) {
	t.Helper()
	current = f.as("admin", "GET", db, "").header.Get("ETag")
	return current, func(version int) string { return fmt.Sprintf(`"%s-%d"`, f.vault.Incarnation(), version) }
}

func TestETagNamesIncarnationAndVersion(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	made := f.as("admin", "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","value":"one"}`)
	_, of := f.tags(t)
	is.Equal(made.header.Get("ETag"), of(1))
	is.Equal(f.as("admin", "PATCH", db, `{"value":"two"}`).header.Get("ETag"), of(2))
	is.Equal(f.as("admin", "GET", db, "").header.Get("ETag"), of(2))
	is.Equal(f.as("admin", "GET", db+"?version=1", "").header.Get("ETag"), of(1))
}

func TestIfNoneMatch(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "value"})
	current, of := f.tags(t)
	for header, status := range map[string]int{
		current:                      304,
		"W/" + current:               304,
		"*":                          304,
		" * ":                        304,
		of(2) + " , " + current:      304,
		of(2) + ",," + current + ",": 304,
		of(2):                        200,
		`"other-1"`:                  200,
		`""`:                         200,
		`"a,b"`:                      200,
		"":                           400,
		"1":                          400,
		`"open`:                      400,
		`w/"x"`:                      400,
		current + current:            400,
		"*, " + current:              400,
	} {
		t.Run(header, func(t *testing.T) {
			is := is.New(t)
			r := f.as("reader", "GET", db, "", "If-None-Match: "+header)
			is.Equal(r.status, status)
			if status == 304 {
				is.Equal(r.body, "")
				is.Equal(r.header.Get("ETag"), current)
			}
		})
	}
	t.Run("several lines", func(t *testing.T) {
		is := is.New(t)
		is.Equal(f.as("reader", "GET", db, "", "If-None-Match: "+of(2), "If-None-Match: "+current).status, 304)
	})
	t.Run("an unmodified read is a read", func(t *testing.T) {
		is := is.New(t)
		is.Equal(f.as("writer", "GET", db, "", "If-None-Match: "+current).status, 403)
		before := f.countReads(t)
		is.Equal(f.as("reader", "GET", db, "", "If-None-Match: "+current).status, 304)
		is.Equal(f.as("reader", "HEAD", db, "").status, 200)
		is.Equal(f.countReads(t), before+2)
	})
	t.Run("a missing secret matches nothing", func(t *testing.T) {
		is := is.New(t)
		is.Equal(f.as("reader", "GET", db+"/none", "", "If-None-Match: *").status, 404)
	})
}

// countReads counts the recorded reads of values.
func (f *fixture) countReads(t *testing.T) int {
	t.Helper()
	return len(f.as("admin", "GET", "/api/audit?action=read&outcome=ok", "").array(t))
}

func TestIfMatch(t *testing.T) {
	const foreign = `"0000000000000000-2"`
	for _, c := range []struct {
		name   string
		header func(of func(int) string) string
		status int // of PATCH; DELETE has 204 where PATCH has 200
	}{
		{"the current one", func(of func(int) string) string { return of(2) }, 200},
		{"any", func(func(int) string) string { return "*" }, 200},
		{"a list with it", func(of func(int) string) string { return foreign + ", " + of(2) }, 200},
		{"it twice", func(of func(int) string) string { return of(2) + "," + of(2) }, 200},
		{"an older one", func(of func(int) string) string { return of(1) }, 412},
		{"a newer one", func(of func(int) string) string { return of(3) }, 412},
		{"another incarnation", func(func(int) string) string { return foreign }, 412},
		{"weak", func(of func(int) string) string { return "W/" + of(2) }, 412},
		{"version written otherwise", func(of func(int) string) string { return strings.Replace(of(2), "-2", "-02", 1) }, 412},
		{"version zero", func(of func(int) string) string { return of(0) }, 412},
		{"version too large", func(of func(int) string) string { return of(1)[:18] + `99999999999999999999"` }, 412},
		{"empty tag", func(func(int) string) string { return `""` }, 412},
		{"several of ours", func(of func(int) string) string { return of(1) + "," + of(2) }, 400},
		{"no quotes", func(func(int) string) string { return "2" }, 400},
		{"empty", func(func(int) string) string { return "" }, 400},
		{"open quote", func(of func(int) string) string { return strings.TrimSuffix(of(2), `"`) }, 400},
		{"blank in it", func(func(int) string) string { return `"a b"` }, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			f := newFixture(t)
			f.put(map[string]string{"newsbot/prod/db": "one"})
			f.put(map[string]string{"newsbot/prod/db": "two"})
			_, of := f.tags(t)
			header := "If-Match: " + c.header(of)

			patched := f.as("admin", "PATCH", db, `{"value":"three"}`, header)
			is.Equal(patched.status, c.status)
			value := f.as("admin", "GET", db, "").object(t)["value"]
			is.Equal(value == "three", c.status == 200)
			if c.status == 200 {
				header = "If-Match: " + of(3)
			}
			deleted := f.as("admin", "DELETE", db, "", header)
			is.Equal(deleted.status == 204, c.status == 200)
			is.True(deleted.status == 204 || deleted.status == c.status)
		})
	}
}

func TestIfMatchComesAfterPolicyAndExistence(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "one", "newsbot/prod/gone": "one"})
	is.Equal(f.as("admin", "DELETE", "/api/secrets/newsbot/prod/gone", "").status, 204)
	for _, tag := range []string{"*", `"0-1"`, `"` + f.vault.Incarnation() + `-9"`} {
		for _, method := range []string{"PATCH", "DELETE"} {
			is.Equal(f.as("reader", method, db, `{"value":"v"}`, "If-Match: "+tag).status, 403)
			is.Equal(f.as("admin", method, "/api/secrets/newsbot/prod/none", `{"value":"v"}`, "If-Match: "+tag).status, 404)
			is.Equal(f.as("admin", method, "/api/secrets/newsbot/prod/gone", `{"value":"v"}`, "If-Match: "+tag).status, 404)
		}
	}
}

func TestOfTwentyPatchesOfOneVersionOneWins(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "value"})
	current, _ := f.tags(t)
	statuses := make([]int, 20)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() {
			statuses[i] = f.as("admin", "PATCH", db, fmt.Sprintf(`{"value":"by %d"}`, i), "If-Match: "+current).status
		})
	}
	group.Wait()
	won := 0
	for _, status := range statuses {
		if status == 200 {
			won++
		} else {
			is.Equal(status, 412)
		}
	}
	is.Equal(won, 1)
}

// TestEveryRouteEvaluatesAConditionOrRefusesIt: each route with each conditional header,
// well-formed and not, on one line and on several. A refused request changes nothing.
func TestEveryRouteEvaluatesAConditionOrRefusesIt(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	bodies := map[string]string{
		"POST /api/secrets": create, "PATCH " + secretPattern: `{"value":"new"}`, "PATCH /api/secret": `{"value":"new"}`,
		"POST " + versionsPattern: `{"op":"destroy","all":true}`, "POST /api/versions": `{"op":"destroy","all":true}`,
		"POST /api/changes":  `{"changes":[{"op":"delete","project":"newsbot","path":"prod/db"}]}`,
		"POST /api/projects": `{"name":"new"}`, "PATCH /api/projects/{project}": `{"description":"d"}`,
		"POST /api/tokens": `{"rules":["newsbot/"]}`,
	}
	refused := func(route httpapi.Route, headers ...string) {
		t.Helper()
		key := route.Method + " " + route.Pattern
		r := f.as("admin", route.Method, sample(route.Pattern), bodies[key], headers...)
		if r.status != 400 {
			t.Errorf("%s with %q: %d", key, headers, r.status)
			return
		}
		checkProblem(is, r)
	}
	for _, route := range httpapi.Routes() {
		for header, value := range map[string]string{
			"If-Match": `"x"`, "If-None-Match": "*", "If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT",
			"If-Unmodified-Since": "Sat, 29 Oct 1994 19:43:31 GMT", "If-Range": `"x"`, "Range": "bytes=0-1",
		} {
			if !slices.Contains(route.Conditions, header) {
				refused(route, header+": "+value)
				refused(route, header+": ")
				refused(route, header+": ", header+": "+value)
				continue
			}
			for _, malformed := range []string{"", "x", `"open`, "*, *", `"x" "y"`} {
				refused(route, header+": "+malformed)
			}
			refused(route, header+": *", header+`: "x"`) // several lines are one list
		}
	}
	is.Equal(f.as("admin", "GET", db, "").object(t)["version"], 1.0) // nothing happened
	is.Equal(len(f.as("admin", "GET", "/api/audit?action=destroy", "").array(t)), 0)
}

// TestTheRoutesThatEvaluateConditions are those that answer an ETag, and the one that creates.
func TestTheRoutesThatEvaluateConditions(t *testing.T) {
	is := is.New(t)
	evaluated := map[string][]string{}
	for _, route := range httpapi.Routes() {
		if len(route.Conditions) > 0 {
			evaluated[route.Method+" "+route.Pattern] = route.Conditions
		}
	}
	both, match := []string{"If-Match", "If-None-Match"}, []string{"If-Match"}
	is.Equal(evaluated, map[string][]string{
		"GET " + secretPattern: both, "PATCH " + secretPattern: match, "DELETE " + secretPattern: match,
		"GET /api/secret": both, "PATCH /api/secret": match, "DELETE /api/secret": match,
		"POST /api/secrets": {"If-None-Match"},
	})
}

// TestConditionsOfARead are evaluated in the order of RFC 9110 section 13.2.2.
func TestConditionsOfARead(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "value"})
	current, of := f.tags(t)
	for _, c := range []struct {
		match, noneMatch string
		status           int
	}{
		{current, "", 200},
		{"*", "", 200},
		{of(9) + ", " + current, "", 200},
		{of(9), "", 412},
		{"W/" + current, "", 412}, // strong comparison
		{current, current, 304},
		{current, "W/" + current, 304}, // weak comparison
		{current, of(9), 200},
		{of(9), current, 412}, // If-Match comes first
		{of(9), of(9), 412},
		{"*", "*", 304},
	} {
		for _, path := range []string{db, dbByQuery} {
			t.Run(c.match+" "+c.noneMatch+path[:11], func(t *testing.T) {
				is := is.New(t)
				headers := []string{"If-Match: " + c.match}
				if c.noneMatch != "" {
					headers = append(headers, "If-None-Match: "+c.noneMatch)
				}
				r := f.as("reader", "GET", path, "", headers...)
				is.Equal(r.status, c.status)
				is.Equal(strings.Contains(r.body, "value\""), c.status == 200)
				is.Equal(f.as("reader", "HEAD", path, "", headers...).status, c.status)
				is.Equal(f.as("writer", "GET", path, "", headers...).status, 403)
				is.Equal(f.as("reader", "GET", db+"/none", "", headers...).status, 404)
			})
		}
	}
}

// TestCreateTakesIfNoneMatch of any: it is what the route does anyway.
func TestCreateTakesIfNoneMatch(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.as("admin", "POST", "/api/secrets", create, `If-None-Match: "x"`).status, 400)
	is.Equal(f.as("admin", "POST", "/api/secrets", create, "If-None-Match: *").status, 201)
	is.Equal(f.as("admin", "POST", "/api/secrets", create, "If-None-Match: *").status, 409)
}

// TestIfMatchIsNeverIgnored: a condition that is not checked must not look like one that held.
func TestIfMatchIsNeverIgnored(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/api/versions/newsbot/prod/db", `{"op":"destroy","all":true}`},
		{"POST", "/api/changes", `{"changes":[{"op":"delete","project":"newsbot","path":"prod/db"}]}`},
		{"DELETE", "/api/projects/newsbot", ""},
		{"PUT", "/api/projects/newsbot/set-default", ""},
	} {
		r := f.as("admin", c.method, c.path, c.body, `If-Match: "nothing-99"`)
		is.Equal(r.status, 400) // of c.path
		is.True(strings.Contains(r.body, "If-Match"))
	}
	is.Equal(f.as("admin", "GET", db, "").status, 200) // nothing happened
}
