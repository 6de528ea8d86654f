package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// pageRows are about the parameters of pages, and of prefixes and versions.
var pageRows = []row{
	{"GET /api/projects", "admin", "/api/projects?limit=1", "", 200, ""},
	{"GET /api/projects", "admin", "/api/projects?limit=1001", "", 400, ""},
	{"GET /api/projects", "admin", "/api/projects?cursor=x", "", 400, ""},
	{"GET /api/projects", "admin", "/api/projects?prefix=new", "", 400, ""},
	{"GET /api/secrets/{project}", "reader", "/api/secrets/newsbot?prefix=prod/", "", 200, ""},
	{"GET /api/secrets/{project}", "reader", "/api/secrets/newsbot?prefix=/prod", "", 400, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/prod/ashes?version=2", "", 410, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/prod/ashes?version=1", "", 404, ""},
	{"GET " + secretPattern, "reader", "/api/secrets/newsbot/prod/ashes", "", 404, ""},
	{"GET " + versionsPattern, "reader", history + "?limit=1", "", 200, ""},
	{"GET " + versionsPattern, "reader", history + "?limit=0", "", 400, ""},
	{"GET " + versionsPattern, "reader", history + "?cursor=x", "", 400, ""},
	{"GET /api/tokens", "reader", "/api/tokens?limit=1", "", 200, ""},
	{"GET /api/tokens", "reader", "/api/tokens?limit=0", "", 400, ""},
	{"GET /api/tokens", "reader", "/api/tokens?cursor=x", "", 400, ""},
}

// gather follows Link to the end and returns a member of each item.
func (f *fixture) gather(t *testing.T, service, target, member string) (found []string, pages int) {
	t.Helper()
	for ; target != ""; pages++ {
		r := f.as(service, "GET", target, "")
		if r.status != 200 {
			t.Fatalf("status %d at %s: %s", r.status, target, r.body)
		}
		for _, item := range r.array(t) {
			found = append(found, fmt.Sprint(item[member]))
		}
		target = nextTarget(t, r)
	}
	return found, pages
}

func TestProjectsPageToTheEnd(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	want := []string{"newsbot"}
	for n := range 20 {
		name := fmt.Sprintf("p%02d", n)
		f.as("admin", "POST", "/api/projects", `{"name":"`+name+`"}`)
		want = append(want, name)
	}
	for limit, pages := range map[int]int{1: 21, 4: 6, 20: 2, 21: 1, 1000: 1} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			is := is.New(t)
			found, n := f.gather(t, "admin", fmt.Sprintf("/api/projects?limit=%d", limit), "name")
			is.Equal(found, want)
			is.Equal(n, pages)
			found, n = f.gather(t, "reader", fmt.Sprintf("/api/projects?limit=%d", limit), "name")
			is.Equal(found, []string{"newsbot"}) // the hidden ones make no further page
			is.Equal(n, 1)
		})
	}
}

func TestHistoriesPageToTheEnd(t *testing.T) {
	f := newFixture(t)
	var want []string
	for n := range 9 {
		f.put(map[string]string{"newsbot/prod/db": "v", "newsbot/prod/key": "v"})
		want = append(want, fmt.Sprint(9-n))
	}
	for limit, pages := range map[int]int{1: 9, 2: 5, 8: 2, 9: 1, 1000: 1} {
		for _, target := range []string{history + "?", "/api/versions?project=newsbot&path=prod/db&"} {
			t.Run(fmt.Sprint(limit, target[:13]), func(t *testing.T) {
				is := is.New(t)
				found, n := f.gather(t, "reader", fmt.Sprintf("%slimit=%d", target, limit), "version")
				is.Equal(found, want)
				is.Equal(n, pages)
			})
		}
	}
	t.Run("a cursor belongs to one history", func(t *testing.T) {
		is := is.New(t)
		next := nextTarget(t, f.as("reader", "GET", history+"?limit=2", ""))
		is.Equal(f.as("reader", "GET", strings.Replace(next, "prod/db", "prod/key", 1), "").status, 400)
		next = nextTarget(t, f.as("reader", "GET", "/api/versions?project=newsbot&path=prod/db&limit=2", ""))
		is.Equal(f.as("reader", "GET", strings.Replace(next, "prod%2Fdb", "prod%2Fkey", 1), "").status, 400)
	})
}

// TestChangingAHistoryAnswersAPage of it, with the Link to older versions.
func TestChangingAHistoryAnswersAPage(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	for range 1003 {
		f.put(map[string]string{"newsbot/prod/db": "v"})
	}
	r := f.as("admin", "POST", history, `{"op":"destroy","versions":[1]}`)
	is.Equal(r.status, 200)
	is.Equal(len(r.array(t)), 1000)
	found, _ := f.gather(t, "admin", nextTarget(t, r), "state")
	is.Equal(found, []string{"live", "live", "destroyed"})
}

func TestTokensPageToTheEnd(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	minted := map[string]bool{}
	for range 7 {
		r := f.as("reader", "POST", "/api/tokens", `{"rules":["newsbot/prod/"]}`)
		minted[fmt.Sprint(r.object(t)["id"])] = true
	}
	all, _ := f.gather(t, "reader", "/api/tokens", "id")
	is.Equal(len(all), 7)
	for limit, pages := range map[int]int{1: 7, 3: 3, 7: 1} {
		found, n := f.gather(t, "reader", fmt.Sprintf("/api/tokens?limit=%d", limit), "id")
		is.Equal(found, all)
		is.Equal(n, pages)
	}
	next := nextTarget(t, f.as("reader", "GET", "/api/tokens?limit=3", ""))
	is.Equal(f.as("reader", "DELETE", "/api/tokens/"+all[2], "").status, 204) // the token that the cursor names may end
	found, _ := f.gather(t, "reader", next, "id")
	is.Equal(found, all[3:])
	is.True(minted[found[0]])
}

// TestABulkReadOfAPrefix has, and records, nothing but what it selects.
func TestABulkReadOfAPrefix(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod": "v", "newsbot/prod/db": "v", "newsbot/prod/key": "v", "newsbot/production/db": "v", "newsbot/dev/db": "v"})
	for target, want := range map[string][]string{
		"/api/secrets/newsbot?prefix=prod/":          {"newsbot/prod/db", "newsbot/prod/key"},
		"/api/secrets/newsbot?prefix=prod":           {"newsbot/prod", "newsbot/prod/db", "newsbot/prod/key"},
		"/api/secrets/newsbot?prefix=prod%2F":        {"newsbot/prod/db", "newsbot/prod/key"},
		"/api/secrets/newsbot?prefix=prod/&limit=1":  {"newsbot/prod/db", "newsbot/prod/key"},
		"/api/secrets/newsbot?prefix=prod/key":       {"newsbot/prod/key"},
		"/api/secrets/newsbot?prefix=prod/key/":      nil,
		"/api/secrets/newsbot?prefix=none/&limit=10": nil,
	} {
		before := f.countReads(t)
		found, _ := f.all(t, "admin", target)
		slices.Sort(found)
		is.Equal(found, want)
		is.Equal(f.countReads(t)-before, len(want)) // one entry for each
	}
}
