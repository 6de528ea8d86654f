package openapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/tests/openapi"
)

// TestExchangesMatchTheDocument checks the exchanges that the tests of httpapi recorded. It also
// checks that a changed copy of one exchange per route does not match.
func TestExchangesMatchTheDocument(t *testing.T) {
	d, all := loadDocument(t), exchanges(t)
	succeeded := make(map[string]openapi.Exchange)
	for _, e := range all {
		if err := d.Check(e); err != nil {
			t.Errorf("%s: %s %s, status %d: %v", e.Test, e.Method, e.Target, e.Status, err)
			continue
		}
		longest, known := succeeded[d.Operation(e)]
		stream := e.Answer.Get("Content-Type") == "text/event-stream" // its events are no JSON
		if e.Status < 300 && !stream && (!known || len(e.Sent) > len(longest.Sent)) {
			succeeded[d.Operation(e)] = e
		}
	}
	t.Logf("%d exchanges", len(all))
	for _, route := range httpapi.Routes() {
		name := route.Method + " " + route.Pattern
		t.Run("changed "+name, func(t *testing.T) {
			is := is.New(t)
			e := succeeded[name]
			is.True(e.Status != 0) // an exchange succeeded
			mutants := 0
			for _, sent := range mutations(t, e.Sent) {
				changed := e
				changed.Sent = sent
				is.True(d.Check(changed) != nil) // a member of the response is an object, or unknown
				mutants++
			}
			for _, body := range mutations(t, e.Body) {
				changed := e
				changed.Body = body
				is.True(route.Pattern == "/api/secrets/test" || d.Check(changed) != nil) // same for the request
			}
			is.True(mutants > 0 || route.Method == "DELETE") // the response has members
		})
	}
}

// exchanges reads the recorded exchanges. Outside CI it records them if there is no recording.
func exchanges(t *testing.T) []openapi.Exchange {
	t.Helper()
	path := os.Getenv("MYVAULT_EXCHANGES")
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no exchanges: set MYVAULT_EXCHANGES to a new file, run `go test -count=1 ./httpapi` in the root, then this test")
		}
		path = recordExchanges(t)
	}
	is := is.New(t)
	file, err := os.Open(path)
	is.NoErr(err)
	defer file.Close()
	all, err := openapi.ReadExchanges(file)
	is.NoErr(err)
	is.True(len(all) >= 2000) // the whole suite was recorded
	return all
}

// mutations returns changed copies of a JSON text. In each copy, an object has one member replaced
// by an empty object, or one unknown member. Of an array, only the first element is changed.
func mutations(t *testing.T, text []byte) (all [][]byte) {
	t.Helper()
	var value any
	if len(text) == 0 || json.Unmarshal(text, &value) != nil {
		return nil
	}
	add := func() {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	for nodes := []any{value}; len(nodes) > 0; nodes = nodes[1:] {
		switch node := nodes[0].(type) {
		case []any:
			if len(node) > 0 {
				nodes = append(nodes, node[0])
			}
		case map[string]any:
			for name, member := range node {
				if node["openapi"] != nil && name != "openapi" {
					continue // the schema of the document itself has no details
				}
				nodes = append(nodes, member)
				node[name] = map[string]any{}
				add()
				node[name] = member
			}
			if node["openapi"] == nil {
				node["surprise"] = 1
				add()
				delete(node, "surprise")
			}
		}
	}
	return all
}

// recordExchanges runs the tests of httpapi.
func recordExchanges(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "exchanges.jsonl")
	run := exec.Command("go", "test", "-count=1", "./httpapi")
	run.Dir = "../.."
	run.Env = append(os.Environ(), "MYVAULT_EXCHANGES="+path)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("go test ./httpapi: %v\n%s", err, out)
	}
	return path
}

// exchange returns a changed copy of an exchange that matches the document.
func exchange(change func(*openapi.Exchange)) openapi.Exchange {
	e := openapi.Exchange{
		Method: "PATCH",
		Target: "/api/secrets/newsbot/prod/db",
		Header: http.Header{"X-Service": {"a"}, "X-Token": {"t"}, "Content-Type": {"application/json"}, "If-Match": {`"i-1"`}},
		Body:   []byte(`{"value":"v"}`),
		Status: 200,
		Answer: http.Header{"Cache-Control": {"no-store"}, "X-Request-Id": {"r"}, "Etag": {`"i-2"`}, "Content-Type": {"application/json"}},
		Sent:   []byte(`{"id":1,"project":"newsbot","path":"prod/db","value":"v","version":2,"updated_at":"2026-01-31T12:00:00.000000Z","updated_by":"a"}`),
	}
	change(&e)
	return e
}

// replace returns a change of the response body.
func replace(old, new string) func(*openapi.Exchange) {
	return func(e *openapi.Exchange) { e.Sent = bytes.Replace(e.Sent, []byte(old), []byte(new), 1) }
}

func problem(status int) func(*openapi.Exchange) {
	return func(e *openapi.Exchange) {
		e.Status = status
		e.Answer.Del("ETag")
		e.Answer.Set("Content-Type", "application/problem+json")
		e.Sent, _ = json.Marshal(map[string]any{"type": "about:blank", "title": "t", "status": status, "detail": "d", "code": "internal"})
	}
}

func TestCorrectExchangesPass(t *testing.T) {
	d := loadDocument(t)
	for name, change := range map[string]func(*openapi.Exchange){
		"unchanged":       func(*openapi.Exchange) {},
		"a rejected body": func(e *openapi.Exchange) { problem(422)(e); e.Body = []byte(`{"valeu":1}`) },
		"an injected status": func(e *openapi.Exchange) {
			problem(507)(e)
			e.Injected = true
		},
		"HEAD":            func(e *openapi.Exchange) { e.Method, e.Body, e.Sent = "HEAD", nil, nil },
		"an absolute URL": func(e *openapi.Exchange) { e.Target = "http://localhost:1" + e.Target },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.NoErr(d.Check(exchange(change)))
		})
	}
}

func TestWrongExchangesAreFound(t *testing.T) {
	d := loadDocument(t)
	for name, change := range map[string]func(*openapi.Exchange){
		"a member is missing":                replace(`"version":2,`, ``),
		"a member is of another type":        replace(`"id":1`, `"id":"1"`),
		"a member that is not documented":    replace(`{`, `{"tags":[],`),
		"a time in another form":             replace(`.000000Z`, `+00:00`),
		"a version 0":                        replace(`"version":2`, `"version":0`),
		"an encoding that is not documented": replace(`"value":`, `"encoding":"hex","value":`),
		"invalid JSON":                       replace(`{`, ``),
		"a header is missing":                func(e *openapi.Exchange) { e.Answer.Del("ETag") },
		"a header is malformed":              func(e *openapi.Exchange) { e.Answer.Set("ETag", "i-2") },
		"a header that is not documented":    func(e *openapi.Exchange) { e.Answer.Set("Location", "/") },
		"a cacheable response":               func(e *openapi.Exchange) { e.Answer.Set("Cache-Control", "public") },
		"another media type":                 func(e *openapi.Exchange) { e.Answer.Set("Content-Type", "text/plain") },
		"a status that is not documented":    problem(409),
		"a problem without status":           func(e *openapi.Exchange) { problem(404)(e); e.Sent = []byte(`{"detail":"d"}`) },
		"a problem of another type":          func(e *openapi.Exchange) { problem(404)(e); replace("about:blank", "/oops")(e) },
		"401 without a challenge":            problem(401),
		"429 without Retry-After":            problem(429),
		"HEAD with a malformed tag":          func(e *openapi.Exchange) { e.Method, e.Body, e.Sent = "HEAD", nil, nil; e.Answer.Set("ETag", "2") },
		"304 without a tag": func(e *openapi.Exchange) {
			e.Method, e.Body, e.Sent, e.Status = "GET", nil, nil, 304
			e.Answer.Del("ETag")
		},
		"304 with a malformed tag": func(e *openapi.Exchange) {
			e.Method, e.Body, e.Sent, e.Status = "GET", nil, nil, 304
			e.Answer.Set("ETag", "2")
		},
		"204 with a body":                    func(e *openapi.Exchange) { e.Method, e.Body, e.Status = "DELETE", nil, 204; e.Answer.Del("ETag") },
		"a request that should be rejected":  func(e *openapi.Exchange) { e.Body = []byte(`{"value":"v","more":1}`) },
		"a request body of another type":     func(e *openapi.Exchange) { e.Body = []byte(`{"value":7}`) },
		"no request body":                    func(e *openapi.Exchange) { e.Body = nil },
		"a body that is not declared":        func(e *openapi.Exchange) { e.Header.Set("Content-Type", "text/plain") },
		"no identity":                        func(e *openapi.Exchange) { e.Header.Del("X-Token") },
		"a reserved name":                    func(e *openapi.Exchange) { e.Target = "/api/secrets/.vault/x" },
		"a parameter that is not documented": func(e *openapi.Exchange) { e.Target += "?version=1" },
		"200 without a route":                func(e *openapi.Exchange) { e.Target = "/api/secret/" },
		"an empty problem without a route":   func(e *openapi.Exchange) { e.Target, e.Status, e.Sent = "/x", 404, []byte(`{}`) },
		"409 without a route":                func(e *openapi.Exchange) { problem(409)(e); e.Target = "/x" },
		"405 without Allow":                  func(e *openapi.Exchange) { problem(405)(e); e.Method = "PUT" },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.True(d.Check(exchange(change)) != nil)
		})
	}
}

func TestInvalidExchangesAreRejected(t *testing.T) {
	is := is.New(t)
	_, err := openapi.ReadExchanges(strings.NewReader("{}\n{\"status\":"))
	is.True(err != nil)
}
