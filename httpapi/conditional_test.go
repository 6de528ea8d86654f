package httpapi_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"
)

const db = "/api/secrets/newsbot/prod/db"

// tags gives the ETag of the live secret at db, and what tells its versions apart.
func (f *fixture) tags(t *testing.T) (current string, of func(version int) string) {
	t.Helper()
	current = f.as("admin", "GET", db, "").header.Get("ETag")
	return current, func(version int) string { return fmt.Sprintf(`"%s-%d"`, f.vault.Incarnation(), version) }
}

func TestETagNamesIncarnationAndVersion(t *testing.T) {
	is := is.New(t)
	f := serve(t)
	made := f.as("admin", "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","value":"one"}`)
	_, of := f.tags(t)
	is.Equal(made.header.Get("ETag"), of(1))
	is.Equal(f.as("admin", "PATCH", db, `{"value":"two"}`).header.Get("ETag"), of(2))
	is.Equal(f.as("admin", "GET", db, "").header.Get("ETag"), of(2))
	is.Equal(f.as("admin", "GET", db+"?version=1", "").header.Get("ETag"), of(1))
}

func TestIfNoneMatch(t *testing.T) {
	f := serve(t)
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
			f := serve(t)
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
	f := serve(t)
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
	f := serve(t)
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

// TestIfMatchIsNeverIgnored: a condition that is not checked must not look like one that held.
func TestIfMatchIsNeverIgnored(t *testing.T) {
	is := is.New(t)
	f := serve(t)
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
