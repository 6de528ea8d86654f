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

// Exchange is a request and its response, as recorded by the tests of httpapi.
type Exchange struct {
	Test     string // that recorded it
	Injected bool   // the error comes from a fake store; real stores never return it
	Method   string
	Target   string
	Header   http.Header // of the request
	Body     []byte      // of the request
	Status   int
	Answer   http.Header // of the response
	Sent     []byte      // body of the response
}

func init() {
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.RegisteredBodyDecoder("text/plain"))
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

// probePaths accept any query.
var probePaths = []string{"/health", "/ready"}

// rejectionStatuses are the statuses of requests that need not match the document.
var rejectionStatuses = []int{400, 401, 405, 413, 415, 421, 422, 429}

// documentedHeaders are the headers that a response may have only if the document lists them.
var documentedHeaders = []string{"Allow", "ETag", "Link", "Location", "Retry-After", "WWW-Authenticate"}

// Check checks an exchange against the document: always the response, and the request unless it was
// rejected as malformed.
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
	if slices.Contains(rejectionStatuses, e.Status) {
		return nil
	}
	for name := range input.Request.URL.Query() {
		if !slices.Contains(probePaths, route.Pattern) && !slices.Contains(route.Query, name) {
			return fmt.Errorf("query parameter %s: not documented", name)
		}
	}
	return openapi3filter.ValidateRequest(context.Background(), input)
}

// Operation returns the method and pattern of the exchange's route, or "" if it has none.
func (d *Document) Operation(e Exchange) string {
	path, _ := split(e.Target)
	route, _, found := d.match(e.Method, path)
	if !found {
		return ""
	}
	return route.Method + " " + route.Pattern
}

// split returns the raw path and the query of a target, which may be an absolute URL.
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
	item := d.spec.Paths.Value(openAPIPath(route))
	if item == nil || item.GetOperation(route.Method) == nil {
		return nil, fmt.Errorf("%s %s is not documented", route.Method, route.Pattern)
	}
	return &openapi3filter.RequestValidationInput{
		Request: &http.Request{
			Method: route.Method, // GET for HEAD
			URL:    &url.URL{Path: "/", RawQuery: query},
			Header: e.Header,
			Body:   io.NopCloser(bytes.NewReader(e.Body)),
		},
		PathParams: params,
		Route:      &routers.Route{Spec: d.spec, Path: openAPIPath(route), PathItem: item, Method: route.Method, Operation: item.GetOperation(route.Method)},
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			SkipSettingDefaults:   true,
			ExcludeResponseBody:   e.Method == http.MethodHead,
			AuthenticationFunc:    hasHeader,
		},
	}, nil
}

// hasHeader checks that the request has the header of a security scheme.
func hasHeader(_ context.Context, a *openapi3filter.AuthenticationInput) error {
	if a.SecurityScheme.Type == "http" {
		scheme, _, _ := strings.Cut(a.RequestValidationInput.Request.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, a.SecurityScheme.Scheme) {
			return fmt.Errorf("authorization scheme %s: missing", a.SecurityScheme.Scheme)
		}
		return nil
	}
	name := a.SecurityScheme.Name
	if a.RequestValidationInput.Request.Header.Get(name) == "" {
		return fmt.Errorf("header %s: missing", name)
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
		return fmt.Errorf("status %d: not documented", e.Status)
	}
	if err := checkHeaders(ref.Value, e.Answer); err != nil {
		return err
	}
	if len(ref.Value.Content) == 0 && len(e.Sent) > 0 {
		return errors.New("response has a body, which is not documented")
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 e.Status,
		Header:                 e.Answer,
		Body:                   io.NopCloser(bytes.NewReader(e.Sent)),
		Options:                input.Options,
	})
}

// checkHeaders checks that the response has all headers that the document requires, and none of
// documentedHeaders that it does not list. The validator skips 304 and responses to HEAD.
func checkHeaders(response *openapi3.Response, answer http.Header) error {
	for name, ref := range response.Headers {
		value, given := answer.Get(name), len(answer.Values(name)) > 0
		if !given && ref.Value.Required {
			return fmt.Errorf("header %s: missing", name)
		}
		if schema := ref.Value.Schema.Value; given && schema.Type.Is("string") {
			if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
				return fmt.Errorf("header %s: %w", name, err)
			}
		}
	}
	for _, name := range documentedHeaders {
		if response.Headers[name] == nil && len(answer.Values(name)) > 0 {
			return fmt.Errorf("header %s: not documented", name)
		}
	}
	return nil
}

// checkUnrouted checks the response to a request without a route: a problem with the status 404, or
// 405 with the allowed methods.
func (d *Document) checkUnrouted(e Exchange) error {
	if e.Method == http.MethodOptions && e.Status == http.StatusNoContent {
		return nil // the document does not cover CORS
	}
	if e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed {
		return fmt.Errorf("status %d for a request without a route", e.Status)
	}
	if (e.Answer.Get("Allow") != "") != (e.Status == http.StatusMethodNotAllowed) {
		return errors.New("header Allow: want it for 405 only")
	}
	if e.Method == http.MethodHead {
		return nil
	}
	var problem any
	if err := json.Unmarshal(e.Sent, &problem); err != nil {
		return fmt.Errorf("response is not JSON: %w", err)
	}
	return d.spec.Components.Schemas["Problem"].Value.VisitJSON(problem, openapi3.EnableJSONSchema2020())
}
