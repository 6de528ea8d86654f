package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault"
)

// statusClientGone stands in logs where the client left before there was an answer. It is
// answered 503 all the same: a client that closed only its own direction still reads, and without
// an answer it would get net/http's 200.
const statusClientGone = 499

// gone reports whether err is that the client left.
func (c *call) gone(err error) bool {
	return c.ctx().Err() != nil && errors.Is(err, context.Canceled)
}

// problem is an error as the client sees it (RFC 9457).
type problem struct {
	status int
	detail string // what to do; "": the status text alone
	allow  string // for 405
	retry  string // seconds after which a retry makes sense; "": nothing is said
}

func (p *problem) Error() string { return p.detail }

func badRequest(detail string) error {
	return &problem{status: http.StatusBadRequest, detail: detail}
}

func unprocessable(detail string) error {
	return &problem{status: http.StatusUnprocessableEntity, detail: detail}
}

const (
	// textUnauthenticated is the same for missing, unknown and wrong identities.
	textUnauthenticated = "the identity is missing or wrong; send X-Service and X-Token of an allowed service, or a live token as Authorization: Bearer"
	retrySoon           = "1"
)

// meanings is the one table from errors to problems. The first that matches counts, so what
// can wrap others stands before them. Without a detail the cause's own text is given, which
// says what to change and never repeats the input.
var meanings = []struct {
	err error
	problem
}{
	// What a generator of the embedding program gives says nothing of the store or the caller.
	{myvault.ErrGenerator, problem{status: 500, detail: "the value could not be generated, so nothing was changed; the operator of this vault must look at it"}},
	{myvault.ErrUnknownOutcome, problem{status: 503, detail: "the change may or may not have happened; read before trying again"}},
	{myvault.ErrTrail, problem{status: 503, detail: "the trail cannot be written, so nothing was released or changed; try again later", retry: retrySoon}},
	{myvault.ErrClosed, problem{status: 503, detail: "the vault is shutting down; try again later", retry: retrySoon}},
	{myvault.ErrUnavailable, problem{status: 503, detail: "the store does not answer now; nothing was changed, try again later", retry: retrySoon}},
	{context.DeadlineExceeded, problem{status: 503, detail: "the store did not answer in time; nothing was changed, try again later", retry: retrySoon}},
	{context.Canceled, problem{status: 503, detail: "the request was cancelled and nothing was changed; try again later", retry: retrySoon}},
	{myvault.ErrWrongKey, problem{status: 503, detail: "the store has another master key than this vault; its operator must give it the new one", retry: retrySoon}},
	{myvault.ErrTampered, problem{status: 500, detail: "stored data does not authenticate; the operator of this vault must look at it"}},
	{myvault.ErrUnauthenticated, problem{status: 401, detail: textUnauthenticated}},
	{myvault.ErrDenied, problem{status: 403, detail: "the policy does not allow this; ask the operator for a rule"}},
	{myvault.ErrTooLarge, problem{status: 413}},
	{myvault.ErrInvalid, problem{status: 400}},
	{myvault.ErrNotFound, problem{status: 404, detail: "not found: no live secret, version or project has that name; check it, or create it"}},
	{myvault.ErrExists, problem{status: 409, detail: "it already exists; change it with PATCH"}},
	{myvault.ErrConflict, problem{status: 409, detail: "its version is not the expected one; read it and try again"}},
	{myvault.ErrDestroyed, problem{status: 410, detail: "the value was destroyed and cannot come back; make a new version"}},
	{myvault.ErrNotEmpty, problem{status: 400, detail: "the project still has live secrets; delete them first"}},
	{errors.ErrUnsupported, problem{status: 501, detail: "the store behind this vault cannot do this; ask the operator for one that can"}},
}

// problemOf gives what the client sees of err.
func (c *call) problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	for _, m := range meanings {
		if errors.Is(err, m.err) {
			p := m.problem
			if p.detail == "" {
				p.detail = strings.ReplaceAll(cause(err).Error(), "\n", "; ")
			}
			return &p
		}
	}
	return &problem{status: http.StatusInternalServerError}
}

// cause leaves out the operation and address that a session put before an error.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*myvault.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// addHeaders sets the headers that belong to the status.
func (p *problem) addHeaders(header *headers) {
	header.set("Allow", p.allow)
	header.set("Retry-After", p.retry)
	if p.status == http.StatusUnauthorized {
		header.set("Www-Authenticate", `MyVault realm="myVault", Bearer realm="myVault"`)
	}
}

// body gives the problem as JSON. Clients of the Python service read the string detail.
func (p *problem) body() []byte {
	title := http.StatusText(p.status)
	detail := p.detail
	if detail == "" {
		detail = title
	}
	// Four members of plain text: this cannot fail.
	body, _ := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", title, p.status, detail})
	return append(body, '\n')
}
