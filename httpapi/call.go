package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// call is one request on its way through the checks, and what they found.
type call struct {
	api      *Handler
	request  *http.Request
	writer   http.ResponseWriter // for limiting the body alone
	id       string
	endpoint *endpoint
	session  *myvault.Session
	addr     myvault.Address // the names in the path
	query    url.Values
	panicked string // what to log of a panic
	stack    string // of it
	large    bool   // counts as a large request
	conn     *connection
	headers  headers    // of the answer
	segments [12]string // room for those of most paths
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	c := &call{api: h, request: r, writer: w, id: requestID(r), conn: connectionOf(r)}
	defer c.endLarge()
	a, err := c.run()
	status, size := c.write(w, a, err)
	took := time.Since(started)
	if h.observe != nil {
		h.observe(Observation{Route: c.pattern(), Method: c.knownMethod(), Status: status, Took: took, Size: size})
	}
	c.log(status, size, took, err)
}

func (c *call) ctx() context.Context { return c.request.Context() }

// run makes all checks in their order, and then what is asked for.
func (c *call) run() (a answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.recovered(p)
		}
	}()
	path := rawPath(c.request.URL)
	raw := splitPath(c.segments[:0], path)
	if c.preflight() {
		return answer{status: http.StatusNoContent}, nil
	}
	if c.endpoint, err = c.api.find(c.request.Method, raw); err != nil {
		return answer{}, err
	}
	if !c.api.hosts.allow(c.request) {
		return answer{}, &problem{status: http.StatusMisdirectedRequest, detail: "the Host header names no host of this server; the operator can allow it (AllowedHosts; MYVAULT_HOSTS of the example server)"}
	}
	if !c.api.origins.allow(c.request) && !c.endpoint.Public {
		return answer{}, &problem{status: http.StatusForbidden, detail: "the page of another site made this request; the operator can allow its origin"}
	}
	if !c.endpoint.Public {
		if c.session, err = c.login(); err != nil {
			return answer{}, err
		}
		c.conn.prove(c.service())
	}
	if c.endpoint.files {
		return c.endpoint.handle(c)
	}
	if c.addr, err = c.endpoint.address(path, raw); err != nil {
		return answer{}, err
	}
	if err = c.readQuery(); err != nil {
		return answer{}, err
	}
	if c.changes() && !c.endpoint.IfMatch && c.request.Header.Get("If-Match") != "" {
		return answer{}, badRequest("this route does not heed If-Match, so it refuses it; send the request without")
	}
	return c.endpoint.handle(c)
}

// changes reports whether the request is of a method that may change something.
func (c *call) changes() bool {
	return c.request.Method != http.MethodGet && c.request.Method != http.MethodHead
}

// recovered turns a panic into an error. What it carried may hold anything, so only the
// runtime's own texts are kept, with the stack, which shows no contents.
func (c *call) recovered(p any) error {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	c.panicked = fmt.Sprintf("panic of type %T", p)
	if e, ok := p.(runtime.Error); ok {
		c.panicked = e.Error()
	}
	c.stack = string(debug.Stack())
	return &problem{status: http.StatusInternalServerError}
}

// readQuery reads the parameters: known ones, each once and not empty.
func (c *call) readQuery() error {
	if c.request.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return badRequest("the query is malformed; encode it as application/x-www-form-urlencoded")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(c.endpoint.Query, name):
			return badRequest("a query parameter is unknown; this route takes " + c.takesQuery())
		case len(values) > 1:
			return badRequest("the query parameter " + name + " is given twice; give it once")
		case values[0] == "":
			return badRequest("the query parameter " + name + " is empty; leave it out")
		}
	}
	c.query = query
	return nil
}

func (c *call) takesQuery() string {
	if len(c.endpoint.Query) == 0 {
		return "none"
	}
	return strings.Join(c.endpoint.Query, ", ")
}
