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
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// call is one request on its way through the checks, and what they found.
type call struct {
	api      *Handler
	request  *http.Request
	writer   http.ResponseWriter // for limiting the body alone
	id       string
	from     string          // the network address, once it is known
	context  context.Context // of the request; ends while there is still time to answer
	endpoint *endpoint
	session  *myvault.Session
	addr     myvault.Address // the names in the path
	query    url.Values
	panicked string // what to log of a panic
	stack    string // of it
	large    bool   // counts as a large request
	action   myvault.Action
	changes  []myvault.Change // those of the body, for problems with one of them
	conn     *serve.Conn
	headers  headers    // of the answer
	segments [12]string // room for those of most paths
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	ctx, cancel := untilUnanswerable(r.Context())
	defer cancel()
	c := &call{api: h, request: r, writer: w, context: ctx, id: requestID(r), conn: serve.ConnOf(r.Context())}
	defer c.endLarge()
	a, err := c.run()
	status, size := c.write(w, a, err)
	took := time.Since(started)
	if h.observe != nil {
		h.observe(Observation{Route: c.pattern(), Method: c.knownMethod(), Status: status, Took: took, Size: size})
	}
	c.log(status, size, took, err)
}

// untilUnanswerable ends shortly before the server's write time-out, so that work stops when
// an answer could no longer be sent, and the rest of the time suffices to report that.
func untilUnanswerable(ctx context.Context) (context.Context, context.CancelFunc) {
	server, ok := ctx.Value(http.ServerContextKey).(*http.Server)
	if !ok || server.WriteTimeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, server.WriteTimeout-server.WriteTimeout/10)
}

func (c *call) ctx() context.Context { return c.context }

// run makes all checks in their order, and then what is asked for.
func (c *call) run() (a response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.recovered(p)
		}
	}()
	path := rawPath(c.request.URL)
	raw := splitPath(c.segments[:0], path)
	if c.api.guard.Preflight(c.request, c.writer.Header()) {
		return response{status: http.StatusNoContent}, nil
	}
	if c.endpoint, err = c.api.find(c.request.Method, raw); err != nil {
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
	}
	if !c.endpoint.Public {
		if c.session, err = c.login(); err != nil {
			return response{}, err
		}
		c.conn.Authenticated(c.service())
	}
	if err := c.readRequest(path, raw); err != nil {
		return response{}, err
	}
	c.action = c.endpoint.action
	if c.endpoint.lists() {
		if err := c.takeLarge(); err != nil {
			return response{}, err
		}
	}
	return c.endpoint.handle(c)
}

// readRequest reads the names, the query and the conditions of a request whose caller is known.
func (c *call) readRequest(path string, raw []string) (err error) {
	if c.endpoint.files {
		return c.checkConditions()
	}
	if c.addr, err = c.endpoint.address(path, raw); err != nil {
		return err
	}
	if err = c.readQuery(); err != nil {
		return err
	}
	if c.endpoint.byQuery {
		if err = c.readAddress(); err != nil {
			return err
		}
	}
	return c.checkConditions()
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
	return &problem.Problem{Status: http.StatusInternalServerError}
}

// readQuery reads the parameters: known ones, each once and not empty.
func (c *call) readQuery() error {
	if c.request.URL.RawQuery == "" || c.endpoint.probe {
		return nil
	}
	query, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return badRequest("malformed query: encode it as application/x-www-form-urlencoded")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(c.endpoint.Query, name):
			return badRequest("unknown query parameter: this route takes " + c.takesQuery())
		case len(values) > 1:
			return badRequest("duplicate query parameter " + name + ": send it once")
		case values[0] == "":
			return badRequest("empty query parameter " + name + ": omit it")
		}
	}
	c.query = query
	return nil
}

// readAddress reads the address of a route that has it in its query.
func (c *call) readAddress() error {
	c.addr = myvault.Address{Project: c.query.Get("project"), Path: c.query.Get("path")}
	if c.addr.Project == "" || c.addr.Path == "" {
		return badRequest("missing query parameter: project and path are required")
	}
	return c.addr.Validate()
}

func (c *call) takesQuery() string {
	if len(c.endpoint.Query) == 0 {
		return "none"
	}
	return strings.Join(c.endpoint.Query, ", ")
}

// Limits of what large requests keep in memory, together: a body has up to 1 MiB, and its parts
// are copied some times when it is whole; a page of values has up to 8 MiB.
const (
	largeBody    = 64 << 10 // bytes; so much of any body is read at once
	bodiesAtOnce = 32       // that are on their way
	largeAtOnce  = 16       // that are answered
)

// takeLarge waits until few enough large requests are under way; this one then counts until it is
// answered.
func (c *call) takeLarge() error {
	if c.large {
		return nil
	}
	c.conn.Wait()
	defer c.conn.Resume()
	if err := c.api.large.Enter(c.ctx(), c.service()); err != nil {
		return err
	}
	c.large = true
	return nil
}

// endLarge makes room for another one.
func (c *call) endLarge() {
	if c.large {
		c.large = false
		c.api.large.Leave(c.service())
	}
}
