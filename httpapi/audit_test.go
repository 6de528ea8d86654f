package httpapi_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// TestAuditOverManyEntries: every filter finds its entries among many others, over pages that
// may be empty, each once and the newest first.
func TestAuditOverManyEntries(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/rare": "v", "newsbot/prod/often": "v", "newsbot/prod/rarely/below": "v"})
	svc := f.vault.As("reader")
	get := func(path string) error {
		_, err := svc.Get(t.Context(), myvault.Address{Project: "newsbot", Path: path})
		return err
	}
	start := time.Now()
	for range 3 {
		is.NoErr(get("prod/rare"))
	}
	middle := time.Now().Add(time.Millisecond)
	time.Sleep(2 * time.Millisecond)
	for range 4_500 { // several pages
		is.NoErr(get("prod/often"))
	}
	stamp := func(t time.Time) string { return url.QueryEscape(t.UTC().Format(time.RFC3339Nano)) }
	for query, want := range map[string]int{
		"project=newsbot&prefix=prod/rare&action=read": 3,
		"project=newsbot&action=read&service=reader":   4_503,
		"service=nobody": 0,
		"project=newsbot&prefix=prod/rare&service=admin&action=read":                   0,
		"project=newsbot&prefix=prod/rare&outcome=ok&action=read":                      3,
		"project=newsbot&prefix=prod/rare&outcome=denied":                              0,
		"action=read&service=reader&since=" + stamp(start) + "&until=" + stamp(middle): 3,
		"action=read&service=reader&since=" + stamp(middle):                            4_500,
		"action=read&service=reader&until=" + stamp(start):                             0,
	} {
		found, seen := 0, map[string]bool{}
		last := ""
		for target := "/api/audit?limit=1000&" + query; target != ""; {
			r := f.as("admin", "GET", target, "")
			is.Equal(r.status, 200)
			for _, e := range r.array(t) {
				id := fmt.Sprint(e["chain"], e["seq"])
				at := fmt.Sprint(e["at"])
				if seen[id] || last != "" && at > last {
					t.Fatalf("%s: %s twice, or newer than the one before", query, id)
				}
				seen[id], last = true, at
				found++
			}
			target, _, _ = strings.Cut(strings.TrimPrefix(r.header.Get("Link"), "<"), ">")
		}
		if found != want {
			t.Errorf("%s: %d entries, want %d", query, found, want)
		}
	}
}

// TestActionsOfTheTrailAreTold where a filter has none of them, and in the document of the API.
func TestActionsOfTheTrailAreTold(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	_, described, found := strings.Cut(f.do("GET", "/openapi.json", "").body, "Only this action: ")
	is.True(found)
	described, _, _ = strings.Cut(described, "\"")
	r := f.as("admin", "GET", "/api/audit?action=raed", "")
	is.Equal(r.status, 400)
	checkProblem(is, r)
	is.True(!strings.Contains(r.body, "raed"))
	actions := regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(described, -1)
	is.True(len(actions) > 20)
	_, known, _ := strings.Cut(r.body, "want one of ")
	is.Equal(strings.Count(known, ", "), len(actions)-1) // no other
	for _, found := range actions {
		action := found[1]
		is.True(strings.Contains(r.body, " "+action))
		is.Equal(f.as("admin", "GET", "/api/audit?action="+action, "").status, 200)
	}
	is.Equal(f.as("reader", "GET", "/api/audit?action=raed", "").status, 400) // even for callers that see no entry
}

// TestTimesOfQueriesAreStrict in every parameter that is one.
func TestTimesOfQueriesAreStrict(t *testing.T) {
	f := newFixture(t)
	for _, target := range []string{
		"/api/audit?since=", "/api/audit?until=", "/api/secrets?expires_before=", "/api/secrets?rotate_before=", "/api/usage?unused_since=",
	} {
		for text, status := range map[string]int{
			"2099-01-01T00:00:00Z": 200, "2099-01-01T00:00:00.5-01:00": 200,
			"2099-01-01T0:00:00Z": 400, "2099-01-01T00:00:00,5Z": 400, "2099-01-01t00:00:00Z": 400, "2099-01-01T00:00:00%2B24:00": 400,
			"0000-01-01T00:00:00Z": 400, "9999-12-31T23:59:59-01:00": 400,
		} {
			t.Run(target+text, func(t *testing.T) {
				is := is.New(t)
				r := f.as("admin", "GET", target+text, "")
				if strings.HasPrefix(target, "/api/usage") && r.status == 501 {
					t.Skip("this store keeps no trail")
				}
				is.Equal(r.status, status)
			})
		}
	}
}

// TestADestroyTellsItsVersions: all that it named, where the store is the trail of its changes.
func TestADestroyTellsItsVersions(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	for range 5 {
		f.put(map[string]string{"newsbot/prod/db": "v"})
	}
	for _, body := range []string{`{"op":"destroy","versions":[4,2,1]}`, `{"op":"destroy","all":true}`} {
		is.Equal(f.as("admin", "POST", history, body).status, 200)
	}
	r := f.as("admin", "GET", "/api/audit?action=destroy&outcome=ok", "")
	told := regexp.MustCompile(`"destroyed":(\[.*?\])`).FindAllStringSubmatch(r.body, -1)
	if !ownTrail {
		is.Equal(len(told), 0)
		return
	}
	is.Equal(len(told), 2)
	is.Equal(told[0][1], `[{"first":1,"last":5}]`)
	is.Equal(told[1][1], `[{"first":1,"last":2},{"first":4,"last":4}]`)
	is.True(!strings.Contains(f.as("admin", "GET", "/api/audit?action=write", "").body, "destroyed"))
}
