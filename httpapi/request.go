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
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// call is a request, with the results of the checks so far.
type call struct {
	api      *Handler
	request  *http.Request
	writer   http.ResponseWriter // only to limit the body
	id       string
	remote   string          // the network address, for the trail and the log
	ctx      context.Context // ends while there is still time to respond
	endpoint *endpoint       // noRoute until it is found
	raw      []string        // the raw segments of the path
	session  *myvault.Session
	service  string          // of the session
	addr     myvault.Address // the names in the path
	query    url.Values
	tags     map[string][]string // the entity tags of conditional headers; nil for *
	panicked string              // the text of a panic for the log
	stack    string              // of the panic
	large    bool                // it is in the room of large requests
	watching bool                // it counts as a watch
	action   myvault.Action      // that a denied caller lacks
	changes  []myvault.Change    // of the body, for problems with one of them
	conn     serve.Conn
	headers  headers // of the response
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	ctx, cancel := request.Context(r.Context())
	defer cancel()
	c := &call{api: h, request: r, writer: w, endpoint: noRoute, ctx: ctx, id: request.ID(r), remote: h.guard.Remote(r), conn: serve.ConnOf(r.Context())}
	defer c.leaveLarge()
	defer c.leaveWatch()
	a, err := c.run()
	status, size := c.write(w, a, err)
	took := time.Since(started)
	if h.observe != nil {
		h.observe(Observation{Route: c.endpoint.Pattern, Method: request.Method(r), Status: status, Took: took, Size: size})
	}
	c.log(status, size, took, err)
}

// run makes all checks in their order, and then calls the handler of the route.
func (c *call) run() (a response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.recovered(p)
		}
	}()
	c.raw = segments(c.request.URL)
	if c.api.guard.Preflight(c.request, c.writer.Header()) {
		return response{status: http.StatusNoContent}, nil
	}
	if c.endpoint, err = c.api.find(c.request.Method, c.raw); err != nil {
		return response{}, err
	}
	if !c.endpoint.probe {
		if err := c.api.guard.CheckHost(c.request); err != nil {
			return response{}, err
		}
	}
	if !c.endpoint.Public {
		if err := c.api.guard.CheckOrigin(c.request); err != nil {
			return response{}, err
		}
		if c.session, err = c.login(); err != nil {
			return response{}, err
		}
		c.service = c.session.Service()
		c.conn.Authenticated(c.service)
	}
	if err := c.readRequest(); err != nil {
		return response{}, err
	}
	c.action = c.endpoint.action
	if c.endpoint.lists {
		if err := c.enterLarge(); err != nil {
			return response{}, err
		}
	}
	return c.endpoint.handle(c)
}

// readRequest reads the names, the query and the conditions of an authenticated request.
func (c *call) readRequest() (err error) {
	if c.endpoint.files {
		return c.readConditions()
	}
	if c.addr, err = c.endpoint.address(c.raw); err != nil {
		return err
	}
	if c.request.URL.RawQuery != "" && !c.endpoint.probe {
		if err = c.readQuery(); err != nil {
			return err
		}
	}
	if c.endpoint.byQuery {
		if err = c.readAddress(); err != nil {
			return err
		}
	}
	return c.readConditions()
}

// recovered turns a panic into an error. The value of the panic may contain secrets: only
// texts of the runtime are logged, and the stack, which has no contents of strings.
func (c *call) recovered(p any) error {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	c.panicked = fmt.Sprintf("panic of type %T", p)
	if e, ok := p.(runtime.Error); ok {
		c.panicked = e.Error()
	}
	c.stack = string(debug.Stack())
	return &problem.Problem{Status: http.StatusInternalServerError}
}

// readQuery reads the query parameters. Each must be known, given once and not empty.
func (c *call) readQuery() error {
	query, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return badRequest("malformed query: encode it as application/x-www-form-urlencoded")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(c.endpoint.Query, name):
			return badRequest("unknown query parameter: this route takes " + c.knownParameters())
		case len(values) > 1:
			return badRequest("duplicate query parameter " + name + ": send it once")
		case values[0] == "":
			return badRequest("empty query parameter " + name + ": omit it")
		}
	}
	c.query = query
	return nil
}

// readAddress reads the address of a route whose address is in the query.
func (c *call) readAddress() error {
	c.addr = myvault.Address{Project: c.query.Get("project"), Path: c.query.Get("path")}
	if c.addr.Project == "" || c.addr.Path == "" {
		return badRequest("missing query parameter: project and path are required")
	}
	return c.addr.Validate()
}

func (c *call) knownParameters() string {
	if len(c.endpoint.Query) == 0 {
		return "none"
	}
	return strings.Join(c.endpoint.Query, ", ")
}

// largeBody is the size, in bytes, above which a request or a response is a large one.
const largeBody = request.LargeBody

// enterLarge waits until there is room for a large request. c then counts as one until
// leaveLarge.
func (c *call) enterLarge() error {
	if c.large {
		return nil
	}
	c.conn.Wait()
	defer c.conn.Resume()
	if err := c.api.guard.Large().Acquire(c.ctx, c.service); err != nil {
		return err
	}
	c.large = true
	return nil
}

// leaveLarge makes room for another large request.
func (c *call) leaveLarge() {
	if c.large {
		c.large = false
		c.api.guard.Large().Release(c.service)
	}
}
