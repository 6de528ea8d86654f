package httpapi_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
)

func TestWhoami(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	policy, err := myvault.ParsePolicy(with(map[string]string{"DENY_reader": "newsbot/prod/root"}))
	is.NoErr(err)
	f.vault.SetPolicy(policy)
	is.Equal(f.as("reader", "GET", "/api/whoami", "").body, `{"service":"reader","allow":["newsbot/prod/@read+list"],"deny":["newsbot/prod/root"]}`)
	is.Equal(f.as("writer", "GET", "/api/whoami", "").body, `{"service":"writer","allow":["newsbot/prod/@write+destroy"],"deny":[]}`)
}

func TestExplainAndWho(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	const question = "action=read&project=newsbot&path=prod/db"
	is.Equal(f.as("reader", "GET", "/api/policy/explain?"+question, "").body,
		`{"allowed":true,"rule":"newsbot/prod/@read+list","reason":"allowed by ALLOW_reader: newsbot/prod/@read+list"}`)
	is.Equal(f.as("admin", "GET", "/api/policy/explain?service=writer&"+question, "").body,
		`{"allowed":false,"rule":"","reason":"no rule of ALLOW_writer allows read here"}`)
	is.Equal(f.as("admin", "GET", "/api/policy/who?"+question, "").body, `{"services":["admin","reader"]}`)
	is.Equal(f.as("admin", "GET", "/api/policy/who?action=destroy&project=other&path=x", "").body, `{"services":["admin"]}`)
}

// TestQuestionWithoutParameters checks that the error names the parameters of a question.
func TestQuestionWithoutParameters(t *testing.T) {
	f := newFixture(t)
	for _, query := range []string{"", "?project=newsbot&path=x", "?action=read&path=x", "?action=read&project=newsbot"} {
		for _, route := range []string{"/api/policy/explain", "/api/policy/who"} {
			t.Run(route+query, func(t *testing.T) {
				is := is.New(t)
				a := f.as("admin", "GET", route+query, "")
				is.Equal(a.status, 400)
				is.True(strings.Contains(a.body, "missing query parameter: action, project and path are required"))
			})
		}
	}
}

// perChange is how many entries a change has in the trail.
var perChange = map[bool]int{true: 1, false: 2}[ownTrail]

func TestAnEntryOfTheTrail(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	is.Equal(f.as("reader", "HEAD", db, "", "X-Request-Id: r-7").status, 200)
	entries := f.as("admin", "GET", "/api/audit?action=read", "").array(t)
	is.Equal(len(entries), 1)
	seq := 1.0
	if !ownTrail {
		seq += float64(perChange) // they are in the same chain
	}
	at := entries[0]["at"]
	delete(entries[0], "at")
	_, err := time.Parse(time.RFC3339, at.(string))
	is.NoErr(err)
	is.Equal(entries[0], map[string]any{
		"chain": "access", "seq": seq, "service": "reader", "via": "header", "action": "read",
		"project": "newsbot", "path": "prod/db", "version": 1.0, "outcome": "ok", "count": 1.0, "request_id": "r-7",
	})
	is.Equal(len(f.as("reader", "GET", "/api/audit", "").array(t)), 0) // not for one who may not audit
}

func TestTheTrailIsFiltered(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v", "newsbot/dev/db": "v", "other/x": "v"})
	f.as("reader", "GET", db, "")
	f.as("reader", "GET", "/api/secrets/newsbot/dev/db", "")
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for query, count := range map[string]int{
		"action=write":                            3 * perChange,
		"action=write&outcome=ok":                 3,
		"action=write&project=newsbot":            2 * perChange,
		"action=write&project=newsbot&prefix=dev": 1 * perChange,
		"service=reader":                          2,
		"service=reader&outcome=ok":               1,
		"service=reader&outcome=denied":           1,
		"service=reader&since=" + future:          0,
		"service=reader&until=" + future:          2,
		"service=nobody":                          0,
	} {
		t.Run(query, func(t *testing.T) {
			is := is.New(t)
			is.Equal(len(f.as("admin", "GET", "/api/audit?"+query, "").array(t)), count)
		})
	}
}

// headed is a trail whose heads are known.
type headed struct{ myvault.Trail }

func (headed) Heads(context.Context) ([]myvault.Head, error) {
	return []myvault.Head{
		{Chain: myvault.ChainChanges, Seq: 7, At: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), MAC: []byte{0xAB, 0x01}},
		{Chain: myvault.ChainAccess},
	}, nil
}

func TestTheStateOfTheChains(t *testing.T) {
	is := is.New(t)
	s, _ := newFaulty(t)
	if ownTrail {
		s.Provider = struct {
			myvault.Provider
			headed
		}{s.Provider, headed{s.Provider.(myvault.Trail)}}
	} else {
		s.trail = headed{s.trail}
	}
	f := serveOn(t, s, httpapi.Config{})
	is.Equal(f.as("admin", "GET", "/api/audit/state", "").body,
		`[{"chain":"changes","seq":7,"at":"2026-01-02T03:04:05.000006Z","mac":"`+hex.EncodeToString([]byte{0xAB, 1})+`"},{"chain":"access","seq":0,"at":"","mac":""}]`)
}

func TestHistory(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	for range 3 {
		f.put(map[string]string{"newsbot/prod/db": "v"})
	}
	states := func(r reply) (states []any) {
		for _, v := range r.array(t) {
			states = append(states, v["state"])
			is.Equal(v["updated_by"], "admin")
		}
		return states
	}
	is.Equal(states(f.must(200, "GET", history, "")), []any{"live", "live", "live"})
	is.Equal(states(f.must(200, "POST", history, `{"op":"destroy","versions":[1]}`)), []any{"live", "live", "destroyed"})
	f.must(204, "DELETE", db, "")
	is.Equal(states(f.must(200, "GET", history, "")), []any{"deleted", "live", "destroyed"})
	is.Equal(states(f.must(200, "POST", history, `{"op":"undelete","versions":[]}`)), []any{"live", "live", "destroyed"})
	is.Equal(states(f.must(200, "POST", history, `{"op":"destroy","all":true}`)), []any{"destroyed", "destroyed", "destroyed"})
	f.must(410, "POST", history, `{"op":"undelete"}`)
}

func TestChangesAreAllOrNothing(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "one", "newsbot/prod/old": "x"})
	if !manyChanges {
		f.must(501, "POST", "/api/changes", `{"changes":[
			{"op":"put","project":"newsbot","path":"prod/db","value":"two"},
			{"op":"delete","project":"newsbot","path":"prod/old"}]}`)
		is.Equal(f.must(200, "GET", db, "").object(t)["value"], "one") // and neither was made
		f.must(200, "GET", "/api/secrets/newsbot/prod/old", "")
		return
	}
	r := f.must(200, "POST", "/api/changes", `{"changes":[
		{"op":"put","project":"newsbot","path":"prod/db","value":"dHdv","encoding":"base64","if_version":1},
		{"op":"put","project":"newsbot","path":"prod/new","value":"n","if_absent":true},
		{"op":"delete","project":"newsbot","path":"prod/old","if_version":1}]}`)
	var became []any
	for _, i := range r.array(t) {
		became = append(became, i["path"], i["version"], i["state"])
	}
	is.Equal(became, []any{"prod/db", 2.0, nil, "prod/new", 1.0, nil, "prod/old", 1.0, "deleted"})
	is.Equal(f.must(200, "GET", db, "").object(t)["value"], "two")

	f.must(409, "POST", "/api/changes", `{"changes":[
		{"op":"put","project":"newsbot","path":"prod/db","value":"three"},
		{"op":"put","project":"newsbot","path":"prod/new","value":"m","if_absent":true}]}`)
	is.Equal(f.must(200, "GET", db, "").object(t)["value"], "two")
	r = f.as("writer", "POST", "/api/changes", `{"changes":[
		{"op":"put","project":"newsbot","path":"prod/db","value":"three"},
		{"op":"put","project":"newsbot","path":"dev/db","value":"three"}]}`)
	is.Equal(r.status, 403)
	is.Equal(f.must(200, "GET", db, "").object(t)["value"], "two")
}

// TestTheStoreIsToldToTheKnownAlone, and to them only where the program says so.
func TestTheStoreIsToldToTheKnownAlone(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{Store: "a-kind-of-store"})
	is.Equal(f.as("reader", "GET", "/api/whoami", "").object(t)["store"], "a-kind-of-store")
	for _, path := range []string{"/", "/health", "/ready", "/openapi.json", "/api/whoami"} {
		r := f.do("GET", path, "")
		is.True(!strings.Contains(fmt.Sprint(r.header, r.body), "a-kind-of-store"))
	}
	_, told := newFixture(t).as("reader", "GET", "/api/whoami", "").object(t)["store"]
	is.True(!told)
	is.Equal(f.as("reader", "GET", "/api/whoami", "").object(t)["vault_api"], nil)
	f = serveOn(t, newStore(t), httpapi.Config{VaultAPI: true})
	is.Equal(f.as("reader", "GET", "/api/whoami", "").object(t)["vault_api"], true)
}
