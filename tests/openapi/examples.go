package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Case is an example of the document: a request and the response of the same name.
type Case struct {
	Name    string // operation and example
	Request *http.Request
	Status  int
	Answer  any // the JSON value of the response, nil if it has no body
}

// Cases returns the examples of every operation. Examples of parameters, body and response with the
// same name form one case. A required parameter without an example of that name uses its only
// example. If no response has the name of a request, the response without a body is expected. An
// operation without named examples has one case, with status 200.
func (d *Document) Cases() ([]Case, error) {
	var cases []Case
	for _, path := range slices.Sorted(maps.Keys(d.spec.Paths.Map())) {
		item := d.spec.Paths.Value(path)
		for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
			op := item.GetOperation(method)
			answers, err := answersOf(item, op)
			if err != nil {
				return nil, err
			}
			for _, c := range answers {
				if c.Request, err = request(method, path, c.Name, item, op); err != nil {
					return nil, fmt.Errorf("openapi: %s %s: %w", op.OperationID, c.Name, err)
				}
				c.Name = op.OperationID + " " + c.Name
				cases = append(cases, c)
			}
		}
	}
	return cases, nil
}

// answersOf returns a case for each name. Its Request is not set yet.
func answersOf(item *openapi3.PathItem, op *openapi3.Operation) ([]Case, error) {
	var cases []Case
	requested, answered, empty := requestNames(item, op), map[string]bool{}, 0
	for _, code := range slices.Sorted(maps.Keys(op.Responses.Map())) {
		status, err := strconv.Atoi(code)
		if err != nil {
			continue // default
		}
		response := op.Responses.Value(code).Value
		if len(response.Content) == 0 && status == http.StatusNoContent {
			empty = status
		}
		for _, media := range response.Content {
			for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
				answered[name] = true
				cases = append(cases, Case{Name: name, Status: status, Answer: media.Examples[name].Value.Value})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(requested)) {
		if answered[name] {
			continue
		}
		if empty == 0 {
			return nil, fmt.Errorf("openapi: %s %s: no response example of this name", op.OperationID, name)
		}
		cases = append(cases, Case{Name: name, Status: empty})
	}
	if len(cases) == 0 {
		cases = []Case{{Status: http.StatusOK}}
	}
	return cases, nil
}

// requestNames returns the names of the examples of parameters and body.
func requestNames(item *openapi3.PathItem, op *openapi3.Operation) map[string]bool {
	names := make(map[string]bool)
	for _, p := range parameters(item, op) {
		for name := range p.Examples {
			names[name] = true
		}
	}
	if op.RequestBody != nil {
		for _, media := range op.RequestBody.Value.Content {
			for name := range media.Examples {
				names[name] = true
			}
		}
	}
	return names
}

// request builds the request of a case.
func request(method, path, name string, item *openapi3.PathItem, op *openapi3.Operation) (*http.Request, error) {
	query, header := url.Values{}, http.Header{}
	for _, p := range parameters(item, op) {
		value, given := p.Example, p.Required
		if e := p.Examples[name]; e != nil {
			value, given = e.Value.Value, true
		}
		if !given {
			continue
		}
		if value == nil {
			return nil, fmt.Errorf("parameter %s: no example of this name", p.Name)
		}
		text := fmt.Sprint(value)
		switch p.In {
		case openapi3.ParameterInPath:
			path = strings.ReplaceAll(path, "{"+p.Name+"}", strings.ReplaceAll(url.PathEscape(text), "%2F", "/"))
		case openapi3.ParameterInQuery:
			query.Set(p.Name, text)
		default:
			header.Set(p.Name, text)
		}
	}
	var body []byte
	if op.RequestBody != nil {
		e := op.RequestBody.Value.Content["application/json"].Examples[name]
		if e == nil {
			return nil, errors.New("body: no example of this name")
		}
		var err error
		if body, err = json.Marshal(e.Value.Value); err != nil {
			return nil, err
		}
		header.Set("Content-Type", "application/json")
	}
	r := httptest.NewRequest(method, path+"?"+query.Encode(), bytes.NewReader(body))
	r.Host, r.Header = "localhost", header
	return r, nil
}

// varyingMembers are the members that differ between runs.
var varyingMembers = []string{"at", "created_at", "updated_at", "known_since", "issued_at", "expires_at", "seq", "request_id", "token", "cursor"}

// Equal reports whether two JSON values are equal, except for varyingMembers.
func Equal(a, b any) bool {
	x, errA := json.Marshal(normalize(a))
	y, errB := json.Marshal(normalize(b))
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

func normalize(v any) any {
	switch v := v.(type) {
	case map[string]any:
		members := make(map[string]any)
		for name, member := range v {
			if slices.Contains(varyingMembers, name) {
				member = fmt.Sprintf("%T", member)
			}
			members[name] = normalize(member)
		}
		return members
	case []any:
		elements := make([]any, len(v))
		for i := range v {
			elements[i] = normalize(v[i])
		}
		return elements
	}
	return v
}
