// Package openapi checks the OpenAPI document of the HTTP API against the handler: the document
// is valid, it has exactly the routes of the handler, requests and responses match it, and its
// examples are correct. It is a separate module, which keeps the validator out of the module
// graph of programs that embed the vault.
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

// Load parses and validates an OpenAPI 3.1 document with its examples. It then forbids additional
// members in every object schema, so that Check finds members without documentation. Clients must
// still accept additional members.
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

// CompareRoutes compares the document with the routes in both directions: method, path, query
// parameters, and whether a route is public. Load has already compared path parameters.
func (d *Document) CompareRoutes() error {
	var errs []error
	documented := make(map[string]bool)
	for _, route := range d.routes {
		name := route.Method + " " + openAPIPath(route)
		documented[name] = true
		item := d.spec.Paths.Value(openAPIPath(route))
		if item == nil || item.GetOperation(route.Method) == nil {
			errs = append(errs, fmt.Errorf("%s is not documented", name))
			continue
		}
		errs = append(errs, compare(name, route, item, item.GetOperation(route.Method)))
	}
	for path, item := range d.spec.Paths.Map() {
		for method := range item.Operations() {
			if !documented[method+" "+path] {
				errs = append(errs, fmt.Errorf("%s %s is documented but not served", method, path))
			}
		}
	}
	return errors.Join(errs...)
}

func compare(name string, route httpapi.Route, item *openapi3.PathItem, op *openapi3.Operation) error {
	var errs []error
	var names []string
	for _, p := range parameters(item, op) {
		if p.In == openapi3.ParameterInQuery {
			names = append(names, p.Name)
		}
	}
	if want, got := slices.Sorted(slices.Values(route.Query)), slices.Sorted(slices.Values(names)); !slices.Equal(want, got) {
		errs = append(errs, fmt.Errorf("%s has the query parameters %v, the document has %v", name, want, got))
	}
	if public := op.Security != nil && len(*op.Security) == 0; public != route.Public {
		errs = append(errs, fmt.Errorf("%s: public is %t, the document says %t", name, route.Public, public))
	}
	return errors.Join(errs...)
}

// openAPIPath returns the pattern of a route in OpenAPI's syntax, which has no marker for names
// that span segments.
func openAPIPath(route httpapi.Route) string {
	return strings.ReplaceAll(route.Pattern, "...}", "}")
}

// parameters returns the parameters of an operation. They override those of its path.
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

// match finds the route of a request by the raw segments of its path, as the handler does. params
// are the names in the path, still escaped.
func (d *Document) match(method, path string) (route httpapi.Route, params map[string]string, found bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, route := range d.routes {
		if params, matches := matchPattern(route.Pattern, path); matches && route.Method == method {
			return route, params, true
		}
	}
	return httpapi.Route{}, nil, false
}

func matchPattern(pattern, path string) (params map[string]string, matches bool) {
	params = make(map[string]string)
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, segment := range want {
		name := strings.Trim(segment, "{.}")
		switch {
		case i == len(got):
			return nil, false
		case strings.HasSuffix(segment, "...}"):
			params[name] = strings.Join(got[i:], "/")
			return params, true
		case strings.HasPrefix(segment, "{"):
			params[name] = got[i]
		case segment != got[i]:
			return nil, false
		}
	}
	return params, len(want) == len(got)
}
