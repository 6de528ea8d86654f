// Package openapi holds the OpenAPI document of the HTTP API to what the handler does: that it
// is valid, that it names exactly the routes there are, that requests and answers are as it
// says, and that its examples are true. It is a module of its own, so that the validator
// does not reach the module graph of those who embed the vault.
package openapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/myswiftagent/myvault/httpapi"
)

// Document is a valid OpenAPI 3.1 document, with the routes that it must describe.
type Document struct {
	spec   *openapi3.T
	routes []httpapi.Route
}

// Load reads a document and validates it, its examples included: an error says where it is
// not valid. What it uses makes it invalid as OpenAPI 3.0. Objects that answers are made of are then closed, so that a member
// which no schema names is noticed, though clients must accept more.
func Load(text []byte, routes []httpapi.Route) (*Document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	if err := spec.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	for _, schema := range spec.Components.Schemas {
		if s := schema.Value; s.Type.Is("object") && s.AdditionalProperties.Has == nil {
			s.WithoutAdditionalProperties()
		}
	}
	return &Document{spec: spec, routes: routes}, nil
}

// Walk compares the document with the routes, both ways: method, path, query parameters,
// and whether an identity is needed. That the names in a path have parameters is part of being valid.
func (d *Document) Walk() error {
	var wrong []error
	described := make(map[string]bool)
	for _, route := range d.routes {
		name := route.Method + " " + pathOf(route)
		described[name] = true
		item := d.spec.Paths.Value(pathOf(route))
		if item == nil || item.GetOperation(route.Method) == nil {
			wrong = append(wrong, fmt.Errorf("%s is not in the document", name))
			continue
		}
		wrong = append(wrong, compare(name, route, item, item.GetOperation(route.Method)))
	}
	for path, item := range d.spec.Paths.Map() {
		for method := range item.Operations() {
			if !described[method+" "+path] {
				wrong = append(wrong, fmt.Errorf("%s %s is in the document and not served", method, path))
			}
		}
	}
	return errors.Join(wrong...)
}

func compare(name string, route httpapi.Route, item *openapi3.PathItem, op *openapi3.Operation) error {
	var wrong []error
	var names []string
	for _, p := range parameters(item, op) {
		if p.In == openapi3.ParameterInQuery {
			names = append(names, p.Name)
		}
	}
	if want, is := slices.Sorted(slices.Values(route.Query)), slices.Sorted(slices.Values(names)); !slices.Equal(want, is) {
		wrong = append(wrong, fmt.Errorf("%s takes the query parameters %v, and the document says %v", name, want, is))
	}
	if public := op.Security != nil && len(*op.Security) == 0; public != route.Public {
		wrong = append(wrong, fmt.Errorf("%s: the document is wrong about whether it needs an identity", name))
	}
	return errors.Join(wrong...)
}

// pathOf writes the pattern of a route as OpenAPI does, which has nothing for a name that
// spans segments.
func pathOf(route httpapi.Route) string {
	return strings.ReplaceAll(route.Pattern, "...}", "}")
}

// parameters gives those of an operation, which win over those of its path.
func parameters(item *openapi3.PathItem, op *openapi3.Operation) []*openapi3.Parameter {
	byName := make(map[string]*openapi3.Parameter)
	for _, ref := range slices.Concat(item.Parameters, op.Parameters) {
		byName[ref.Value.In+" "+ref.Value.Name] = ref.Value
	}
	var all []*openapi3.Parameter
	for _, key := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[key])
	}
	return all
}

// match finds the route of a request by the raw segments of its path, as the handler does;
// params are the names in the path as the client wrote them.
func (d *Document) match(method, path string) (route httpapi.Route, params map[string]string, found bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, route := range d.routes {
		if params, fits := fit(route.Pattern, path); fits && route.Method == method {
			return route, params, true
		}
	}
	return httpapi.Route{}, nil, false
}

func fit(pattern, path string) (params map[string]string, fits bool) {
	params = make(map[string]string)
	want, is := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, segment := range want {
		name := strings.Trim(segment, "{.}")
		switch {
		case i == len(is):
			return nil, false
		case strings.HasSuffix(segment, "...}"):
			params[name] = strings.Join(is[i:], "/")
			return params, true
		case strings.HasPrefix(segment, "{"):
			params[name] = is[i]
		case segment != is[i]:
			return nil, false
		}
	}
	return params, len(want) == len(is)
}
