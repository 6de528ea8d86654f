package httpapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// nextTarget returns the target of Link, "" on the last page.
func nextTarget(t *testing.T, r reply) string {
	t.Helper()
	link := r.header.Get("Link")
	if link == "" {
		return ""
	}
	target, found := strings.CutSuffix(link, `>; rel="next"`)
	if !found || target[0] != '<' {
		t.Fatalf("malformed Link: %s", link)
	}
	return target[1:]
}

// all follows Link to the end and returns the addresses in order.
func (f *fixture) all(t *testing.T, service, target string) (found []string, pages int) {
	t.Helper()
	for ; target != ""; pages++ {
		r := f.as(service, "GET", target, "")
		if r.status != 200 {
			t.Fatalf("status %d at %s: %s", r.status, target, r.body)
		}
		for _, item := range r.array(t) {
			found = append(found, fmt.Sprint(item["project"], "/", item["path"]))
		}
		target = nextTarget(t, r)
	}
	return found, pages
}

// fill makes n secrets, of which the reader may see one in ten.
func (f *fixture) fill(n int) (every, readers []string) {
	f.t.Helper()
	values := map[string]string{}
	for i := range n {
		at := fmt.Sprintf("newsbot/dev/s%05d", i)
		if i%10 == 0 {
			at = fmt.Sprintf("newsbot/prod/日 本/s%05d", i)
			readers = append(readers, at)
		}
		every = append(every, at)
		values[at] = "value"
	}
	f.put(values)
	slices.Sort(every)
	slices.Sort(readers)
	return every, readers
}

func TestListingsPageToTheEnd(t *testing.T) {
	f := newFixture(t)
	every, readers := f.fill(230)
	for _, limit := range []int{1, 7, 23, 229, 230, 231, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			is := is.New(t)
			for _, target := range []string{"/api/secrets?limit=%d", "/api/secrets?project=newsbot&limit=%d", "/api/secrets/newsbot?limit=%d"} {
				target = fmt.Sprintf(target, limit)
				found, pages := f.all(t, "admin", target)
				is.Equal(found, every)
				is.Equal(pages, (len(every)+limit-1)/limit)
				found, _ = f.all(t, "reader", target)
				is.Equal(found, readers)
			}
			found, _ := f.all(t, "reader", fmt.Sprintf("/api/secrets?project=newsbot&prefix=prod/&limit=%d", limit))
			is.Equal(found, readers)
			found, _ = f.all(t, "reader", fmt.Sprintf("/api/secrets?project=newsbot&prefix=dev&limit=%d", limit))
			is.Equal(len(found), 0)
		})
	}
}

func TestADeletedListingPagesAndTellsTheState(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	every, _ := f.fill(30)
	for _, at := range every[:10] {
		addr, err := myvault.ParseAddress(at)
		is.NoErr(err)
		is.NoErr(f.vault.As("admin").Delete(t.Context(), addr))
	}
	found, pages := f.all(t, "admin", "/api/secrets?deleted=true&limit=3")
	is.Equal(found, every[:10])
	is.Equal(pages, 4)
	is.Equal(f.as("admin", "GET", "/api/secrets?deleted=true", "").array(t)[0]["state"], "deleted")
	live := f.as("admin", "GET", "/api/secrets?deleted=false", "").array(t)
	is.Equal(len(live), 20)
	_, has := live[0]["state"]
	is.True(!has)
}

func TestPrefixesAreWholeSegments(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"p/prod": "v", "p/prod/a": "v", "p/production/b": "v", "q/prod/a": "v"})
	found, _ := f.all(t, "admin", "/api/secrets?project=p&prefix=prod")
	is.Equal(found, []string{"p/prod", "p/prod/a"})
	found, _ = f.all(t, "admin", "/api/secrets?project=p&prefix=prod/")
	is.Equal(found, []string{"p/prod/a"})
}

func TestACursorBelongsToOneListing(t *testing.T) {
	f := newFixture(t)
	f.fill(50)
	link, err := url.Parse(nextTarget(t, f.as("reader", "GET", "/api/secrets?project=newsbot&limit=2", "")))
	if err != nil {
		t.Fatal(err)
	}
	cursor := link.Query().Get("cursor")
	for name, c := range map[string]struct {
		service, target string
		status          int
	}{
		"itself":           {"reader", "/api/secrets?project=newsbot&cursor=" + cursor, 200},
		"another limit":    {"reader", "/api/secrets?limit=9&project=newsbot&cursor=" + cursor, 200},
		"another service":  {"admin", "/api/secrets?project=newsbot&cursor=" + cursor, 400},
		"another project":  {"reader", "/api/secrets?project=other&cursor=" + cursor, 400},
		"no project":       {"reader", "/api/secrets?cursor=" + cursor, 400},
		"another prefix":   {"reader", "/api/secrets?project=newsbot&prefix=prod&cursor=" + cursor, 400},
		"the deleted ones": {"reader", "/api/secrets?project=newsbot&deleted=true&cursor=" + cursor, 400},
		"the bulk read":    {"reader", "/api/secrets/newsbot?cursor=" + cursor, 400},
		"the trail":        {"reader", "/api/audit?project=newsbot&cursor=" + cursor, 400},
		"cut short":        {"reader", "/api/secrets?project=newsbot&cursor=" + cursor[:len(cursor)-4], 400},
		"padded":           {"reader", "/api/secrets?project=newsbot&cursor=" + cursor + "=", 400},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.Equal(f.as(c.service, "GET", c.target, "").status, c.status)
		})
	}
	t.Run("every changed character", func(t *testing.T) {
		is := is.New(t)
		for i := range cursor {
			changed := []byte(cursor)
			changed[i] = map[bool]byte{true: 'B', false: 'A'}[changed[i] == 'A']
			is.Equal(f.as("reader", "GET", "/api/secrets?project=newsbot&cursor="+string(changed), "").status, 400)
		}
	})
}

func TestACursorTellsNothing(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/hiddensegment/a": "v", "newsbot/hiddensegment/" + strings.Repeat("b", 100): "v", "newsbot/hiddensegment/c": "v"})
	cursors := map[int]bool{}
	target := "/api/secrets?limit=1"
	seen := map[string]bool{}
	for range 2 {
		target = nextTarget(t, f.as("admin", "GET", target, ""))
		is.True(!strings.Contains(target, "hiddensegment")) // long enough not to come by chance
		cursors[len(target)] = true
		seen[target] = true
	}
	is.Equal(len(cursors), 1) // as long for a short name as for a long one
	is.True(!seen[nextTarget(t, f.as("admin", "GET", "/api/secrets?limit=1", ""))])
}

func TestABulkReadIsPagedBySize(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	values := map[string]string{}
	for i := range 20 {
		values[fmt.Sprintf("big/s%02d", i)] = strings.Repeat("x", myvault.MaxValue)
	}
	f.put(values)
	found, pages := f.all(t, "admin", "/api/secrets/big")
	is.Equal(len(found), 20)
	is.Equal(pages, 2) // 8 MiB hold sixteen
}

func TestTheTrailPagesToTheEnd(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.fill(25)
	for range 5 {
		is.Equal(f.as("admin", "GET", "/api/secrets/newsbot/dev/s00001", "").status, 200)
	}
	seen := map[string]bool{}
	last := ""
	target := "/api/audit?project=newsbot&limit=4"
	for target != "" {
		r := f.as("admin", "GET", target, "")
		is.Equal(r.status, 200)
		for _, e := range r.array(t) {
			key := fmt.Sprint(e["chain"], e["seq"])
			is.True(!seen[key]) // twice
			seen[key] = true
			at := fmt.Sprint(e["at"])
			is.True(last == "" || at <= last) // newest first
			last = at
			is.Equal(e["project"], "newsbot")
		}
		target = nextTarget(t, r)
	}
	is.True(len(seen) >= 30) // 25 changes, 5 reads, and what listing the trail itself wrote
}
