package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/myswiftagent/myvault/httpapi"
)

// Exchange is a request and its answer, as the tests of httpapi record them.
type Exchange struct {
	Test     string
	Injected bool // the store was made to answer what no store answers
	Method   string
	Target   string
	Header   http.Header
	Body     []byte
	Status   int
	Answer   http.Header
	Sent     []byte
}

// ReadExchanges reads JSON lines.
func ReadExchanges(r io.Reader) ([]Exchange, error) {
	var all []Exchange
	for lines := json.NewDecoder(r); ; {
		var e Exchange
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("openapi: exchange %d: %w", len(all)+1, err)
		}
		all = append(all, e)
	}
}

// probes accept any query.
var probes = []string{"/health", "/ready"}

// refusals are answers to requests that need not be as the document says: route, host,
// identity, names, query and body are checked before anything else.
var refusals = []int{400, 401, 405, 413, 415, 421, 422, 429}

// told are the headers that an answer may only have where the document says so.
var told = []string{"Allow", "ETag", "Link", "Location", "Retry-After", "WWW-Authenticate"}

// Check holds an exchange against the document: the answer in any case, and the request
// unless it was refused for its form.
func (d *Document) Check(e Exchange) error {
	path, query := split(e.Target)
	route, params, found := d.match(e.Method, path)
	if !found {
		return d.checkUnrouted(e)
	}
	input, err := d.input(e, route, params, query)
	if err != nil {
		return err
	}
	if err := d.checkAnswer(e, input); err != nil {
		return err
	}
	if slices.Contains(refusals, e.Status) {
		return nil
	}
	for name := range input.Request.URL.Query() {
		if !slices.Contains(probes, route.Pattern) && !slices.Contains(route.Query, name) {
			return fmt.Errorf("the query parameter %s is not in the document", name)
		}
	}
	return openapi3filter.ValidateRequest(context.Background(), input)
}

// Operation gives the method and pattern of the route that a request is for; "" for none.
func (d *Document) Operation(e Exchange) string {
	path, _ := split(e.Target)
	route, _, found := d.match(e.Method, path)
	if !found {
		return ""
	}
	return route.Method + " " + route.Pattern
}

// split gives the raw path and the query of a target, which may be a whole URL.
func split(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if _, rest, whole := strings.Cut(path, "://"); whole {
		at := strings.IndexByte(rest+"/", '/')
		path = rest[min(at, len(rest)):]
	}
	return path, query
}

func (d *Document) input(e Exchange, route httpapi.Route, params map[string]string, query string) (*openapi3filter.RequestValidationInput, error) {
	for name, value := range params {
		if decoded, err := url.PathUnescape(value); err == nil {
			params[name] = decoded
		}
	}
	item := d.spec.Paths.Value(pathOf(route))
	if item == nil || item.GetOperation(route.Method) == nil {
		return nil, fmt.Errorf("%s %s is not in the document", route.Method, route.Pattern)
	}
	return &openapi3filter.RequestValidationInput{
		Request: &http.Request{
			Method: route.Method, // of HEAD, GET
			URL:    &url.URL{Path: "/", RawQuery: query},
			Header: e.Header,
			Body:   io.NopCloser(bytes.NewReader(e.Body)),
		},
		PathParams: params,
		Route:      &routers.Route{Spec: d.spec, Path: pathOf(route), PathItem: item, Method: route.Method, Operation: item.GetOperation(route.Method)},
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			SkipSettingDefaults:   true,
			ExcludeResponseBody:   e.Method == http.MethodHead,
			AuthenticationFunc:    hasHeader,
		},
	}, nil
}

// hasHeader wants the header of a security scheme.
func hasHeader(_ context.Context, a *openapi3filter.AuthenticationInput) error {
	if a.SecurityScheme.Type == "http" {
		scheme, _, _ := strings.Cut(a.RequestValidationInput.Request.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, a.SecurityScheme.Scheme) {
			return fmt.Errorf("the scheme %s is missing", a.SecurityScheme.Scheme)
		}
		return nil
	}
	name := a.SecurityScheme.Name
	if a.RequestValidationInput.Request.Header.Get(name) == "" {
		return fmt.Errorf("the header %s is missing", name)
	}
	return nil
}

func (d *Document) checkAnswer(e Exchange, input *openapi3filter.RequestValidationInput) error {
	responses := input.Route.Operation.Responses
	ref := responses.Status(e.Status)
	if ref == nil && e.Injected {
		ref = responses.Default()
	}
	if ref == nil {
		return fmt.Errorf("the document has no answer %d", e.Status)
	}
	if err := checkHeaders(ref.Value, e.Answer); err != nil {
		return err
	}
	if len(ref.Value.Content) == 0 && len(e.Sent) > 0 {
		return errors.New("the answer has a body, and the document has none")
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 e.Status,
		Header:                 e.Answer,
		Body:                   io.NopCloser(bytes.NewReader(e.Sent)),
		Options:                input.Options,
	})
}

// checkHeaders wants all that the document requires, also of answers to HEAD and of 304, which
// the validator passes by, and none of those told that it does not name.
func checkHeaders(response *openapi3.Response, answer http.Header) error {
	for name, ref := range response.Headers {
		value, given := answer.Get(name), len(answer.Values(name)) > 0
		if !given && ref.Value.Required {
			return fmt.Errorf("the header %s is missing", name)
		}
		if schema := ref.Value.Schema.Value; given && schema.Type.Is("string") {
			if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
				return fmt.Errorf("the header %s: %w", name, err)
			}
		}
	}
	for _, name := range told {
		if response.Headers[name] == nil && len(answer.Values(name)) > 0 {
			return fmt.Errorf("the answer has the header %s, and the document does not name it", name)
		}
	}
	return nil
}

// checkUnrouted wants a problem: 404, or 405 with the methods that there are.
func (d *Document) checkUnrouted(e Exchange) error {
	if e.Method == http.MethodOptions && e.Status == http.StatusNoContent {
		return nil // CORS is no part of the document
	}
	if e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed {
		return fmt.Errorf("no route fits, and the answer is %d", e.Status)
	}
	if (e.Answer.Get("Allow") != "") != (e.Status == http.StatusMethodNotAllowed) {
		return errors.New("an answer 405, and no other, has the header Allow")
	}
	if e.Method == http.MethodHead {
		return nil
	}
	var problem any
	if err := json.Unmarshal(e.Sent, &problem); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	return d.spec.Components.Schemas["Problem"].Value.VisitJSON(problem, openapi3.EnableJSONSchema2020())
}
