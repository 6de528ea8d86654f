package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	code   string // "": that of the status in statusCodes
	detail string // what to do; "": the status text alone
	member string // of the body, that is wrong; "": none, or unknown
	action string // that the policy denies; "": none
	change *change
	allow  string // for 405
	retry  string // seconds after which a retry makes sense; "": nothing is said
}

// change is the one of several changes that a problem is with.
type change struct {
	index int
	addr  myvault.Address // zero if it is malformed
}

// statusCodes are the codes of problems that are the only one of their status, or the usual one.
var statusCodes = map[int]string{
	http.StatusBadRequest:            "invalid",
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "denied",
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusConflict:              "conflict",
	http.StatusGone:                  "destroyed",
	http.StatusPreconditionFailed:    "precondition_failed",
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "not_json",
	http.StatusMisdirectedRequest:    "misdirected",
	http.StatusUnprocessableEntity:   "invalid_body",
	http.StatusTooManyRequests:       "too_many_failures",
	http.StatusInternalServerError:   "internal",
	http.StatusNotImplemented:        "not_supported",
	http.StatusServiceUnavailable:    "busy",
}

func (p *problem) Error() string { return p.detail }

func badRequest(detail string) error {
	return &problem{status: http.StatusBadRequest, detail: detail}
}

// unprocessable refuses a body, because of a member if one is named.
func unprocessable(detail string, member ...string) error {
	return &problem{status: http.StatusUnprocessableEntity, detail: detail, member: strings.Join(member, "")}
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
	{myvault.ErrGenerator, problem{status: 500, code: "generator_failed", detail: "the value could not be generated, so nothing was changed; the operator of this vault must look at it"}},
	{myvault.ErrUnknownOutcome, problem{status: 503, code: "outcome_unknown", detail: "the change may or may not have happened; read before trying again"}},
	{myvault.ErrTrail, problem{status: 503, code: "trail_unavailable", detail: "the trail cannot be written, so nothing was released or changed; try again later", retry: retrySoon}},
	{myvault.ErrClosed, problem{status: 503, code: "shutting_down", detail: "the vault is shutting down; try again later", retry: retrySoon}},
	{myvault.ErrUnavailable, problem{status: 503, code: "store_unavailable", detail: "the store does not answer now; nothing was changed, try again later", retry: retrySoon}},
	{context.DeadlineExceeded, problem{status: 503, code: "timeout", detail: "the store did not answer in time; nothing was changed, try again later", retry: retrySoon}},
	{context.Canceled, problem{status: 503, code: "canceled", detail: "the request was cancelled and nothing was changed; try again later", retry: retrySoon}},
	{myvault.ErrWrongKey, problem{status: 503, code: "wrong_key", detail: "the store has another master key than this vault; its operator must give it the new one", retry: retrySoon}},
	{myvault.ErrTampered, problem{status: 500, code: "tampered", detail: "stored data does not authenticate; the operator of this vault must look at it"}},
	{myvault.ErrUnauthenticated, problem{status: 401, detail: textUnauthenticated}},
	{myvault.ErrDenied, problem{status: 403, detail: "the policy does not allow this; ask the operator for a rule"}},
	{myvault.ErrTooLarge, problem{status: 413}},
	{myvault.ErrInvalid, problem{status: 400}},
	{myvault.ErrNotFound, problem{status: 404, detail: "not found: no live secret, version or project has that name; check it, or create it"}},
	{myvault.ErrExists, problem{status: 409, code: "exists", detail: "it already exists; change it with PATCH"}},
	{myvault.ErrConflict, problem{status: 409, detail: "its version is not the expected one; read it and try again"}},
	{myvault.ErrDestroyed, problem{status: 410, detail: "the value was destroyed and cannot come back; make a new version"}},
	{myvault.ErrNotEmpty, problem{status: 400, code: "not_empty", detail: "the project still has live secrets; delete them first"}},
	{errors.ErrUnsupported, problem{status: 501, detail: "the store behind this vault cannot do this; ask the operator for one that can"}},
}

// problemOf gives what the client sees of err.
func (c *call) problemOf(err error) *problem {
	p := meaningOf(err)
	p.code = cmp.Or(p.code, statusCodes[p.status])
	if p.code == "denied" {
		p.action = c.action.String()
	}
	if refused, ok := errors.AsType[*myvault.ChangeError](err); ok && refused.Index < len(c.changes) {
		c.blame(p, refused)
	}
	return p
}

// blame adds to a problem which of the changes in the body it is with.
func (c *call) blame(p *problem, refused *myvault.ChangeError) {
	of := c.changes[refused.Index]
	p.change = &change{index: refused.Index}
	if of.Address.Validate() == nil {
		p.change.addr = of.Address
	}
	if p.code == "denied" {
		p.action = map[myvault.Op]myvault.Action{myvault.OpPut: myvault.Write, myvault.OpDelete: myvault.Delete}[of.Op].String()
	}
	p.detail = fmt.Sprintf("change %d: %s", refused.Index+1, p.detail)
}

// meaningOf returns a new problem for err, from the table.
func meaningOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		own := *p
		return &own
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

// cause leaves out the operation, address and number of the change that a session put before an
// error.
func cause(err error) error {
	if refused, ok := errors.AsType[*myvault.ChangeError](err); ok {
		return refused.Err
	}
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
	members := struct {
		Type    string `json:"type"`
		Title   string `json:"title"`
		Status  int    `json:"status"`
		Detail  string `json:"detail"`
		Code    string `json:"code"`
		Member  string `json:"member,omitempty"`
		Action  string `json:"action,omitempty"`
		Index   *int   `json:"index,omitzero"`
		Project string `json:"project,omitempty"`
		Path    string `json:"path,omitempty"`
	}{Type: "about:blank", Title: title, Status: p.status, Detail: detail, Code: p.code, Member: p.member, Action: p.action}
	if p.change != nil {
		members.Index, members.Project, members.Path = &p.change.index, p.change.addr.Project, p.change.addr.Path
	}
	// Plain text and numbers: this cannot fail.
	body, _ := json.Marshal(members)
	return append(body, '\n')
}
