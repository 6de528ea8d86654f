package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// statusClientGone is logged if the client left before the response. The response is 503
// all the same: a client that closed only its own direction still reads, and would
// otherwise get net/http's 200.
const statusClientGone = 499

// gone reports whether err is because the client left.
func (c *call) gone(err error) bool {
	return c.ctx.Err() != nil && errors.Is(err, context.Canceled)
}

func badRequest(detail string) error {
	return &problem.Problem{Status: http.StatusBadRequest, Detail: detail}
}

// unprocessable returns a 422, because of a member of the body if one is named.
func unprocessable(detail string, member ...string) error {
	return &problem.Problem{Status: http.StatusUnprocessableEntity, Detail: detail, Member: strings.Join(member, "")}
}

const (
	// textUnauthenticated is the same for missing, unknown and wrong identities.
	textUnauthenticated = "missing or wrong identity: send X-Service and X-Token of an allowed service, or a live token as Authorization: Bearer"
	retrySoon           = "1"
)

// problems maps errors to problems. The first match counts: an error that wraps others
// comes before them. Without a detail it is the text of the cause, which says what to
// change and never repeats the input.
var problems = []struct {
	err error
	problem.Problem
}{
	// The error of an embedder's generator may wrap any other.
	{myvault.ErrGenerator, problem.Problem{Status: 500, Code: "generator_failed", Detail: "the value could not be generated and nothing was changed: the operator must investigate"}},
	{myvault.ErrUnknownOutcome, problem.Problem{Status: 503, Code: "outcome_unknown", Detail: "unknown outcome: the change may have been made; read before you retry"}},
	{myvault.ErrTrail, problem.Problem{Status: 503, Code: "trail_unavailable", Detail: "the trail cannot be written, so nothing was released or changed: retry later", Retry: retrySoon}},
	{myvault.ErrClosed, problem.Problem{Status: 503, Code: "shutting_down", Detail: "the vault is shutting down: retry later", Retry: retrySoon}},
	{myvault.ErrUnavailable, problem.Problem{Status: 503, Code: "store_unavailable", Detail: "the store is unavailable and nothing was changed: retry later", Retry: retrySoon}},
	{context.DeadlineExceeded, problem.Problem{Status: 503, Code: "timeout", Detail: "the store did not respond in time and nothing was changed: retry later", Retry: retrySoon}},
	{context.Canceled, problem.Problem{Status: 503, Code: "canceled", Detail: "the request was canceled and nothing was changed: retry later", Retry: retrySoon}},
	{myvault.ErrWrongKey, problem.Problem{Status: 503, Code: "wrong_key", Detail: "the store has another master key than this vault: the operator must configure the new one", Retry: retrySoon}},
	{myvault.ErrTampered, problem.Problem{Status: 500, Code: "tampered", Detail: "stored data does not authenticate: the operator must investigate"}},
	{myvault.ErrUnauthenticated, problem.Problem{Status: 401, Detail: textUnauthenticated}},
	{myvault.ErrDenied, problem.Problem{Status: 403, Detail: "denied by the policy: ask the operator for a rule"}},
	{myvault.ErrTooLarge, problem.Problem{Status: 413}},
	{myvault.ErrInvalid, problem.Problem{Status: 400}},
	{myvault.ErrNotFound, problem.Problem{Status: 404, Detail: "not found: no such live secret, version or project"}},
	{myvault.ErrExists, problem.Problem{Status: 409, Code: "exists", Detail: "it already exists: change it with PATCH"}},
	{myvault.ErrConflict, problem.Problem{Status: 409, Detail: "version conflict: read the secret and retry"}},
	{myvault.ErrDestroyed, problem.Problem{Status: 410, Detail: "the value was destroyed: write a new version"}},
	{myvault.ErrNotEmpty, problem.Problem{Status: 400, Code: "not_empty", Detail: "the project has live secrets: delete them first"}},
	{errors.ErrUnsupported, problem.Problem{Status: 501, Detail: "the store of this vault does not support this"}},
}

// problemOf returns the problem that the client sees for err.
func (c *call) problemOf(err error) *problem.Problem {
	p := newProblem(err)
	if p.Kind() == "denied" {
		p.Action = c.action.String()
	}
	if refused, ok := errors.AsType[*myvault.ChangeError](err); ok && refused.Index < len(c.changes) {
		c.addChange(p, refused)
	}
	return p
}

// addChange adds to p which change of the body was refused.
func (c *call) addChange(p *problem.Problem, refused *myvault.ChangeError) {
	of := c.changes[refused.Index]
	p.Change = &problem.Change{Index: refused.Index}
	if of.Address.Validate() == nil {
		p.Change.Address = of.Address
	}
	if p.Kind() == "denied" {
		p.Action = map[myvault.Op]myvault.Action{myvault.OpPut: myvault.Write, myvault.OpDelete: myvault.Delete}[of.Op].String()
	}
	p.Detail = fmt.Sprintf("change %d: %s", refused.Index+1, p.Detail)
}

// newProblem returns a new problem for err, from the table.
func newProblem(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		own := *p
		return &own
	}
	for _, m := range problems {
		if errors.Is(err, m.err) {
			p := m.Problem
			if p.Detail == "" {
				p.Detail = strings.ReplaceAll(cause(err).Error(), "\n", "; ")
			}
			return &p
		}
	}
	return &problem.Problem{Status: http.StatusInternalServerError}
}

// cause returns err without the operation, address and number of the change that a session
// added.
func cause(err error) error {
	if refused, ok := errors.AsType[*myvault.ChangeError](err); ok {
		return refused.Err
	}
	if wrapped, ok := errors.AsType[*myvault.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// addHeaders sets the headers of the status.
func addHeaders(p *problem.Problem, header *headers) {
	header.set("Allow", p.Allow)
	header.set("Retry-After", p.Retry)
	if p.Status == http.StatusUnauthorized {
		header.set("Www-Authenticate", `MyVault realm="myVault", Bearer realm="myVault"`)
	}
}
