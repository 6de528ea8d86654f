package httpapi_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
)

// usage reads all pages of /api/usage and returns the last reader of each secret.
func (f *fixture) usage(t *testing.T, service, query string) map[string]string {
	t.Helper()
	is := is.New(t)
	by := make(map[string]string)
	for target := "/api/usage?" + query; target != ""; {
		r := f.as(service, "GET", target, "")
		is.Equal(r.status, 200)
		var items []struct {
			Project, Path string
			ReadBy        string `json:"last_read_by"`
			ReadAt        string `json:"last_read_at"`
			Since         string `json:"known_since"`
		}
		is.NoErr(json.Unmarshal([]byte(r.body), &items))
		for _, i := range items {
			by[i.Project+"/"+i.Path] = i.ReadBy
			is.Equal(i.ReadAt == "", i.ReadBy == "")
			is.True(i.Since != "")
		}
		target, _, _ = strings.Cut(strings.TrimPrefix(r.header.Get("Link"), "<"), ">")
	}
	return by
}

// TestUsage lists last reads in pages, and can omit secrets that were read.
func TestUsage(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	secrets := []string{"newsbot/prod/used-a", "newsbot/prod/used-b", "newsbot/prod/used-c"}
	for _, s := range secrets {
		project, path, _ := strings.Cut(s, "/")
		is.Equal(f.as("admin", "POST", "/api/secrets", `{"project":"`+project+`","path":"`+path+`","value":"v"}`).status, 201)
	}
	is.Equal(f.as("admin", "GET", "/api/secrets/newsbot/prod/used-a", "").status, 200)
	is.Equal(f.as("admin", "GET", "/api/secrets/newsbot/prod/used-none", "").status, 404)
	all := f.usage(t, "admin", "project=newsbot&prefix=prod/&limit=1")
	is.Equal(all["newsbot/prod/used-a"], "admin")
	is.Equal(all["newsbot/prod/used-b"], "")
	_, there := all["newsbot/prod/used-none"]
	is.True(!there)
	now := url.QueryEscape(time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	is.Equal(len(f.usage(t, "admin", "project=newsbot&prefix=prod/&unused_since="+now)), len(all))
	past := url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	unused := f.usage(t, "admin", "project=newsbot&prefix=prod/&unused_since="+past)
	is.Equal(len(unused), len(all)-1) // all but the one that was read
	for _, query := range []string{"unused_since=yesterday", "limit=0", "limit=1001", "cursor=x", "project=a/b", "since=" + now, "prefix=x"} {
		is.Equal(f.as("admin", "GET", "/api/usage?"+query, "").status, 400) // the query
	}
}
