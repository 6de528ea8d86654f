package openapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/tests/openapi"
)

// served gives the document as the handler answers it.
func served(t *testing.T) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/openapi.json", nil)
	r.Host = "localhost"
	world(t).ServeHTTP(w, r)
	return w.Body.Bytes()
}

func document(t *testing.T) *openapi.Document {
	t.Helper()
	d, err := openapi.Load(served(t), httpapi.Routes())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// changed gives the document with the first of old made new. It must be there.
func changed(t *testing.T, old, new string) *openapi.Document {
	t.Helper()
	text := string(served(t))
	if !strings.Contains(text, old) {
		t.Fatalf("the document does not have %s", old)
	}
	d, err := openapi.Load([]byte(strings.Replace(text, old, new, 1)), httpapi.Routes())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheDocumentNamesTheRoutesThereAre(t *testing.T) {
	is.New(t).NoErr(document(t).Walk())
}

func TestABrokenDocumentIsRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"no JSON":                      {`{`, `[`},
		"version 3.0":                  {`"openapi": "3.1.1"`, `"openapi": "3.0.3"`},
		"no title":                     {`"title": "myVault",`, ``},
		"a reference to nothing":       {`#/components/schemas/Welcome`, `#/components/schemas/Wellcome`},
		"a field that OpenAPI has not": {`"operationId": "welcome"`, `"operationIdentity": "welcome"`},
		"one operation id twice":       {`"operationId": "health"`, `"operationId": "welcome"`},
		"a name that the path has not": {`"/api/projects/{project}/set-default"`, `"/api/projects/{name}/set-default"`},
		"an example beside its schema": {`"message": "Welcome`, `"greeting": "Welcome`},
		"a type that does not exist":   {`"type": "boolean"`, `"type": "bool"`},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			text := string(served(t))
			is.True(strings.Contains(text, change[0]))
			_, err := openapi.Load([]byte(strings.Replace(text, change[0], change[1], 1)), httpapi.Routes())
			is.True(err != nil)
		})
	}
}

func TestADifferenceFromTheRoutesIsNoticed(t *testing.T) {
	is := is.New(t)
	is.True(changed(t, `"/api/whoami"`, `"/api/whoareyou"`).Walk() != nil)
	is.True(changed(t, `"name": "limit"`, `"name": "count"`).Walk() != nil)
	is.True(changed(t, `"security": []`, `"deprecated": false`).Walk() != nil)
	for name, change := range map[string]func([]httpapi.Route) []httpapi.Route{
		"a route that is not described": func(r []httpapi.Route) []httpapi.Route {
			return append(r, httpapi.Route{Method: "GET", Pattern: "/api/new"})
		},
		"a method that is not described": func(r []httpapi.Route) []httpapi.Route {
			return append(r, httpapi.Route{Method: "PUT", Pattern: "/api/whoami"})
		},
		"a route that is not served": func(r []httpapi.Route) []httpapi.Route { return r[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			d, err := openapi.Load(served(t), change(httpapi.Routes()))
			is.NoErr(err)
			is.True(d.Walk() != nil)
		})
	}
}

// TestEveryExchangeIsAsTheDocumentSays reads what the tests of httpapi put on record.
func TestEveryExchangeIsAsTheDocumentSays(t *testing.T) {
	d, all := document(t), exchanges(t)
	succeeded := make(map[string]openapi.Exchange)
	for _, e := range all {
		if err := d.Check(e); err != nil {
			t.Errorf("%s: %s %s, answered %d: %v", e.Test, e.Method, e.Target, e.Status, err)
			continue
		}
		most, known := succeeded[d.Operation(e)]
		if e.Status < 300 && (!known || len(e.Sent) > len(most.Sent)) {
			succeeded[d.Operation(e)] = e
		}
	}
	t.Logf("%d exchanges", len(all))
	for _, route := range httpapi.Routes() {
		name := route.Method + " " + route.Pattern
		t.Run("false "+name, func(t *testing.T) {
			is := is.New(t)
			e := succeeded[name]
			is.True(e.Status != 0) // an exchange that succeeded
			spoilt := 0
			for _, sent := range spoil(t, e.Sent) {
				changed := e
				changed.Sent = sent
				is.True(d.Check(changed) != nil) // a member of the answer is an object, or unknown
				spoilt++
			}
			for _, body := range spoil(t, e.Body) {
				changed := e
				changed.Body = body
				is.True(route.Pattern == "/api/secrets/test" || d.Check(changed) != nil) // the same of the request
			}
			is.True(spoilt > 0 || route.Method == "DELETE") // it has members
		})
	}
}

// exchanges reads the record; outside of CI it is made where there is none.
func exchanges(t *testing.T) []openapi.Exchange {
	t.Helper()
	path := os.Getenv("MYVAULT_EXCHANGES")
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("nothing is checked: name a new file in MYVAULT_EXCHANGES, run `go test -count=1 ./httpapi` at the root with it, then this test")
		}
		path = record(t)
	}
	is := is.New(t)
	file, err := os.Open(path)
	is.NoErr(err)
	defer file.Close()
	all, err := openapi.ReadExchanges(file)
	is.NoErr(err)
	is.True(len(all) >= 2000) // the whole suite is on record
	return all
}

// spoil gives a JSON object, or the first of an array, once with each member an object in
// place of what it is, and once with a member more. Of an object that holds an array of
// objects, the first of those is spoilt too.
func spoil(t *testing.T, text []byte) (all [][]byte) {
	t.Helper()
	var value any
	if len(text) == 0 || json.Unmarshal(text, &value) != nil {
		return nil
	}
	keep := func() {
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
					continue // the document describes itself loosely
				}
				nodes = append(nodes, member)
				node[name] = map[string]any{}
				keep()
				node[name] = member
			}
			if node["openapi"] == nil {
				node["surprise"] = 1
				keep()
				delete(node, "surprise")
			}
		}
	}
	return all
}

// record runs the tests of httpapi.
func record(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "exchanges.jsonl")
	run := exec.Command("go", "test", "-count=1", "./httpapi")
	run.Dir = "../.."
	run.Env = append(os.Environ(), "MYVAULT_EXCHANGES="+path)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("the tests of httpapi: %v\n%s", err, out)
	}
	return path
}

// exchange is one that the document allows, with changes.
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

// replace gives a change of the answer's body.
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

func TestTrueExchangesPass(t *testing.T) {
	d := document(t)
	for name, change := range map[string]func(*openapi.Exchange){
		"as it is":              func(*openapi.Exchange) {},
		"a refusal of the body": func(e *openapi.Exchange) { problem(422)(e); e.Body = []byte(`{"valeu":1}`) },
		"a status that no store gives": func(e *openapi.Exchange) {
			problem(507)(e)
			e.Injected = true
		},
		"a head":      func(e *openapi.Exchange) { e.Method, e.Body, e.Sent = "HEAD", nil, nil },
		"a whole URL": func(e *openapi.Exchange) { e.Target = "http://localhost:1" + e.Target },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.NoErr(d.Check(exchange(change)))
		})
	}
}

func TestFalseExchangesAreNoticed(t *testing.T) {
	d := document(t)
	for name, change := range map[string]func(*openapi.Exchange){
		"a member is missing":                 replace(`"version":2,`, ``),
		"a member is of another type":         replace(`"id":1`, `"id":"1"`),
		"a member that is not described":      replace(`{`, `{"tags":[],`),
		"a time in another form":              replace(`.000000Z`, `+00:00`),
		"a version 0":                         replace(`"version":2`, `"version":0`),
		"an encoding that is not described":   replace(`"value":`, `"encoding":"hex","value":`),
		"no JSON":                             replace(`{`, ``),
		"a header is missing":                 func(e *openapi.Exchange) { e.Answer.Del("ETag") },
		"a header is malformed":               func(e *openapi.Exchange) { e.Answer.Set("ETag", "i-2") },
		"a header that is not described":      func(e *openapi.Exchange) { e.Answer.Set("Location", "/") },
		"it may be cached":                    func(e *openapi.Exchange) { e.Answer.Set("Cache-Control", "public") },
		"another media type":                  func(e *openapi.Exchange) { e.Answer.Set("Content-Type", "text/plain") },
		"a status that is not described":      problem(409),
		"a problem without a form":            func(e *openapi.Exchange) { problem(404)(e); e.Sent = []byte(`{"detail":"d"}`) },
		"a problem of another type":           func(e *openapi.Exchange) { problem(404)(e); replace("about:blank", "/oops")(e) },
		"401 without a challenge":             problem(401),
		"429 without a time":                  problem(429),
		"a head with a tag that is malformed": func(e *openapi.Exchange) { e.Method, e.Body, e.Sent = "HEAD", nil, nil; e.Answer.Set("ETag", "2") },
		"304 without a tag": func(e *openapi.Exchange) {
			e.Method, e.Body, e.Sent, e.Status = "GET", nil, nil, 304
			e.Answer.Del("ETag")
		},
		"304 with a malformed tag": func(e *openapi.Exchange) {
			e.Method, e.Body, e.Sent, e.Status = "GET", nil, nil, 304
			e.Answer.Set("ETag", "2")
		},
		"204 with a body":                      func(e *openapi.Exchange) { e.Method, e.Body, e.Status = "DELETE", nil, 204; e.Answer.Del("ETag") },
		"a request that should be refused":     func(e *openapi.Exchange) { e.Body = []byte(`{"value":"v","more":1}`) },
		"a request body of another type":       func(e *openapi.Exchange) { e.Body = []byte(`{"value":7}`) },
		"no request body":                      func(e *openapi.Exchange) { e.Body = nil },
		"a body that is not declared":          func(e *openapi.Exchange) { e.Header.Set("Content-Type", "text/plain") },
		"no identity":                          func(e *openapi.Exchange) { e.Header.Del("X-Token") },
		"a reserved name":                      func(e *openapi.Exchange) { e.Target = "/api/secrets/.vault/x" },
		"a parameter that is not described":    func(e *openapi.Exchange) { e.Target += "?version=1" },
		"an unknown route that answers":        func(e *openapi.Exchange) { e.Target = "/api/secret/" },
		"a problem of no route without a form": func(e *openapi.Exchange) { e.Target, e.Status, e.Sent = "/x", 404, []byte(`{}`) },
		"a problem of no route that is no 404": func(e *openapi.Exchange) { problem(409)(e); e.Target = "/x" },
		"405 without other methods":            func(e *openapi.Exchange) { problem(405)(e); e.Method = "PUT" },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.True(d.Check(exchange(change)) != nil)
		})
	}
}

func TestALineThatIsNoExchangeIsAnError(t *testing.T) {
	is := is.New(t)
	_, err := openapi.ReadExchanges(strings.NewReader("{}\n{\"status\":"))
	is.True(err != nil)
}
