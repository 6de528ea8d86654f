package vaultapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// call is a request, with the results of the checks so far.
type call struct {
	api      *Handler
	request  *http.Request
	writer   http.ResponseWriter
	ctx      context.Context
	id       string
	from     string // the network address, once it is determined
	op       operation
	route    *route
	names    map[string]string // of the pattern
	query    url.Values
	identity identity
	session  *myvault.Session
	large    bool
	failure  string // the text of a panic, for the log
	unknown  bool   // the outcome is
	stack    string
	conn     serve.Conn
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	ctx, cancel := request.Context(r.Context())
	defer cancel()
	c := &call{api: h, request: r, writer: w, ctx: ctx, id: request.ID(r), conn: serve.ConnOf(r.Context())}
	defer c.leaveLarge()
	a, err := c.run()
	status, size := c.write(a, err)
	took := time.Since(started)
	if h.config.Observe != nil {
		h.config.Observe(httpapi.Observation{Route: c.pattern(), Method: request.Method(r), Status: status, Took: took, Size: size})
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
	g := c.api.config.Guard
	if g.Preflight(c.request, c.writer.Header()) {
		return response{status: http.StatusNoContent}, nil
	}
	if err := cmp.Or(g.CheckHost(c.request), g.CheckOrigin(c.request), c.refuseHeaders()); err != nil {
		return response{}, err
	}
	if c.query, err = url.ParseQuery(c.request.URL.RawQuery); err != nil {
		return response{}, refuse(http.StatusBadRequest, "malformed query")
	}
	c.op = operationOf(c.request.Method, c.query)
	handle, missing := c.find()
	if c.route == nil || !c.route.public {
		if err := c.login(); err != nil {
			return response{}, err
		}
	}
	if missing != nil {
		return response{}, missing
	}
	return handle(c)
}

// refuseHeaders refuses requests whose caller would otherwise believe that its response is wrapped,
// or that it uses a namespace.
func (c *call) refuseHeaders() error {
	header := c.request.Header
	if ttl := header.Get("X-Vault-Wrap-TTL"); ttl != "" && ttl != "0" && ttl != "0s" {
		return refuse(http.StatusBadRequest, "response wrapping is not supported by myVault: send the request without a wrap TTL")
	}
	if namespace := strings.Trim(header.Get("X-Vault-Namespace"), "/"); namespace != "" && namespace != "root" {
		return refuse(http.StatusBadRequest, "namespaces are not supported by myVault: use a project, and no namespace")
	}
	return nil
}

// recovered turns a panic into an error. The value of the panic may contain secrets: only texts of
// the runtime are logged, and the stack, which has no contents of strings.
func (c *call) recovered(p any) error {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	c.failure = fmt.Sprintf("panic of type %T", p)
	if e, ok := p.(runtime.Error); ok {
		c.failure = e.Error()
	}
	c.stack = string(debug.Stack())
	return errInternal
}

// errInternal is the error of a request that panicked.
var errInternal = errors.New("internal error")

// changes reports whether the request may change something.
func (c *call) changes() bool { return c.op != opRead && c.op != opList }

// action returns the right that the operation needs, for the trail.
func (c *call) action() myvault.Action {
	switch c.op {
	case opList:
		return myvault.List
	case opDelete:
		return myvault.Delete
	case opWrite, opPatch:
		return myvault.Write
	}
	return myvault.Read
}

// remote returns the network address that the request came from.
func (c *call) remote() string {
	if c.from == "" {
		c.from = c.api.config.Guard.Remote(c.request)
	}
	return c.from
}

// enterLarge waits until there is room for a large request. c then counts as one until
// leaveLarge.
func (c *call) enterLarge() error {
	if c.large {
		return nil
	}
	c.conn.Wait()
	defer c.conn.Resume()
	if err := c.api.config.Guard.Large().Acquire(c.ctx, c.service()); err != nil {
		return err
	}
	c.large = true
	return nil
}

// leaveLarge makes room for another large request.
func (c *call) leaveLarge() {
	if c.large {
		c.large = false
		c.api.config.Guard.Large().Release(c.service())
	}
}

// log logs this request, or counts it as a repeated record. It logs a service only if it has
// authenticated, and the cause of a 5xx, which the client does not see.
func (c *call) log(status, size int, took time.Duration, err error) {
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError, c.unknown:
		level = slog.LevelError
	case c.route != nil && c.route.pattern == "sys/health":
		level = slog.LevelDebug
	}
	if !c.api.config.Logger.Enabled(c.ctx, level) {
		return
	}
	method := request.Method(c.request)
	if c.request.Method == "LIST" {
		method = "LIST"
	}
	c.api.requests.Write(c.ctx, request.Record{
		Level: level, Service: c.service(), Method: method, Route: c.pattern(), Status: status, Cause: c.causeText(err),
		ID: c.id, Remote: c.remote(), Took: took, Size: size, Stack: c.stack,
	})
}

// causeText returns the cause of a failed request for the log.
func (c *call) causeText(err error) string {
	switch {
	case c.failure != "":
		return c.failure
	case err == nil:
		return ""
	}
	return cause(err).Error() // without the address
}

// pattern returns the pattern of the route, or "" if none matches.
func (c *call) pattern() string {
	if c.route == nil {
		return ""
	}
	return root + c.route.pattern
}
