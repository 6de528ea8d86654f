package openapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/tests/openapi"
)

// servedDocument returns the document that the handler serves.
func servedDocument(t *testing.T) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/openapi.json", nil)
	r.Host = "localhost"
	newHandler(t).ServeHTTP(w, r)
	return w.Body.Bytes()
}

func loadDocument(t *testing.T) *openapi.Document {
	t.Helper()
	d, err := openapi.Load(servedDocument(t), httpapi.Routes())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// changedDocument returns the document with the first occurrence of old replaced.
func changedDocument(t *testing.T, old, new string) *openapi.Document {
	t.Helper()
	text := string(servedDocument(t))
	if !strings.Contains(text, old) {
		t.Fatalf("the document does not contain %s", old)
	}
	d, err := openapi.Load([]byte(strings.Replace(text, old, new, 1)), httpapi.Routes())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentHasTheRoutesOfTheHandler(t *testing.T) {
	is.New(t).NoErr(loadDocument(t).CompareRoutes())
}

func TestABrokenDocumentIsRejected(t *testing.T) {
	for name, change := range map[string][2]string{
		"invalid JSON":                  {`{`, `[`},
		"version 3.0":                   {`"openapi": "3.1.1"`, `"openapi": "3.0.3"`},
		"no title":                      {`"title": "myVault",`, ``},
		"a reference to nothing":        {`#/components/schemas/Welcome`, `#/components/schemas/Wellcome`},
		"an unknown field":              {`"operationId": "welcome"`, `"operationIdentity": "welcome"`},
		"a duplicate operation ID":      {`"operationId": "health"`, `"operationId": "welcome"`},
		"a name missing from the path":  {`"/api/projects/{project}/set-default"`, `"/api/projects/{name}/set-default"`},
		"an example against its schema": {`"message": "Welcome`, `"greeting": "Welcome`},
		"a type that does not exist":    {`"type": "boolean"`, `"type": "bool"`},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			text := string(servedDocument(t))
			is.True(strings.Contains(text, change[0]))
			_, err := openapi.Load([]byte(strings.Replace(text, change[0], change[1], 1)), httpapi.Routes())
			is.True(err != nil)
		})
	}
}

func TestADifferenceFromTheRoutesIsFound(t *testing.T) {
	is := is.New(t)
	is.True(changedDocument(t, `"/api/whoami"`, `"/api/whoareyou"`).CompareRoutes() != nil)
	is.True(changedDocument(t, `"name": "limit"`, `"name": "count"`).CompareRoutes() != nil)
	is.True(changedDocument(t, `"security": []`, `"deprecated": false`).CompareRoutes() != nil)
	for name, change := range map[string]func([]httpapi.Route) []httpapi.Route{
		"a route that is not documented": func(r []httpapi.Route) []httpapi.Route {
			return append(r, httpapi.Route{Method: "GET", Pattern: "/api/new"})
		},
		"a method that is not documented": func(r []httpapi.Route) []httpapi.Route {
			return append(r, httpapi.Route{Method: "PUT", Pattern: "/api/whoami"})
		},
		"a route that is not served": func(r []httpapi.Route) []httpapi.Route { return r[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			d, err := openapi.Load(servedDocument(t), change(httpapi.Routes()))
			is.NoErr(err)
			is.True(d.CompareRoutes() != nil)
		})
	}
}
