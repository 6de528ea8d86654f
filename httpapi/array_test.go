package httpapi_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// TestArraysOfABodyAreReadUpToTheirLimit: a body of a mebibyte full of items takes no more
// memory than the items that there may be.
func TestArraysOfABodyAreReadUpToTheirLimit(t *testing.T) {
	for _, c := range []struct{ name, path, head, item, limit string }{
		{"changes", "/api/changes", `{"changes":[`, `{}`, "1000"},
		{"versions", "/api/versions/newsbot/prod/db", `{"op":"destroy","versions":[`, `1`, "1000"},
		{"rules", "/api/tokens", `{"rules":[`, `""`, "64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			f := newFixture(t)
			n := (1<<20 - 100) / (len(c.item) + 1)
			body := c.head + strings.Repeat(c.item+",", n) + c.item + "]}"
			r := newRequest("POST", c.path)
			r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}, "Content-Type": {"application/json"}}
			r.Body, r.ContentLength = http.NoBody, 0
			is.Equal(record(f.handler, r).Code, 400) // what is made once, is made now
			r.Body, r.ContentLength = readCloser(body), int64(len(body))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			answer := record(f.handler, r)
			runtime.ReadMemStats(&after)
			t.Logf("%d bytes allocated", after.TotalAlloc-before.TotalAlloc)
			is.True(after.TotalAlloc-before.TotalAlloc < 16<<20) // most of it for reading the body
			is.Equal(answer.Code, 422)
			is.True(strings.Contains(answer.Body.String(), c.name+" has more than "+c.limit+" items"))
			is.Equal(f.as("admin", "POST", c.path, body[:len(body)-1]).status, 400) // not well formed: that comes first
			is.Equal(f.as("admin", "POST", c.path, c.head+"null]}").status, 422)
			r2 := f.as("admin", "POST", c.path, c.head+"true]}")
			is.Equal(r2.status, 422)
			is.True(strings.Contains(r2.body, "wrong type of member /"+c.name+"/0"))
			is.True(strings.Contains(f.as("admin", "POST", c.path, c.head[:len(c.head)-1]+"{}}").body, "wrong type of member /"+c.name+":"))
		})
	}
}

func readCloser(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
