package vaultapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// refusal is an error that has its status.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, text string) error { return &refusal{status, text} }

// Texts that clients match.
const (
	// Vault Agent logs in again if it finds "invalid token".
	textInvalidToken = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"
	textNoToken      = "permission denied"

	textDenied   = "1 error occurred:\n\t* permission denied\n\n"
	textConflict = "check-and-set parameter did not match the current version"
	textUnknown  = "unknown outcome: the change may have been made; read before you retry"
)

// answers maps errors to answers. The first match counts: an error that wraps others comes before
// them. Clients repeat a 5xx, so it means that nothing was changed. Without a text it is that of
// the cause, which never repeats the input.
var answers = []struct {
	err    error
	status int
	text   string
}{
	{errInternal, 500, "internal error"},
	{myvault.ErrUnknownOutcome, 409, textUnknown},
	{myvault.ErrTrail, 503, "the trail cannot be written, so nothing was released or changed: retry later"},
	{myvault.ErrClosed, 503, "the vault is shutting down: retry later"},
	{myvault.ErrUnavailable, 503, "the store is unavailable and nothing was changed: retry later"},
	{context.DeadlineExceeded, 503, "the store did not respond in time and nothing was changed: retry later"},
	{context.Canceled, 503, "the request was canceled and nothing was changed: retry later"},
	{myvault.ErrWrongKey, 503, "the store has another master key than this vault"},
	{myvault.ErrTampered, 500, "stored data does not authenticate: the operator must investigate"},
	{myvault.ErrUnauthenticated, 403, textInvalidToken},
	{myvault.ErrDenied, 403, textDenied},
	{myvault.ErrTooLarge, 413, ""},
	{myvault.ErrInvalid, 400, ""},
	{myvault.ErrNotFound, 404, ""},
	{myvault.ErrDestroyed, 404, ""},
	{myvault.ErrExists, 400, textConflict},
	{myvault.ErrConflict, 400, textConflict},
	{errors.ErrUnsupported, 400, "the store of this vault does not support this"},
}

// responseOf returns the answer of err.
func (c *call) responseOf(err error) response {
	status, text := c.answerOf(err)
	if status == http.StatusNotFound && text == "" {
		return failed(status)
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Retry != "" {
		c.writer.Header().Set("Retry-After", p.Retry)
	}
	return failed(status, text)
}

// answerOf returns the status and the text of err.
func (c *call) answerOf(err error) (status int, text string) {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status, r.text
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p.Status, p.Detail
	}
	status, text = http.StatusInternalServerError, "internal error"
	for _, a := range answers {
		if errors.Is(err, a.err) {
			status, text = a.status, a.text
			if text == "" && status != http.StatusNotFound {
				text = strings.ReplaceAll(cause(err).Error(), "\n", "; ")
			}
			break
		}
	}
	if text == textInvalidToken && c.identity.presented == "" {
		text = textNoToken
	}
	if text == "internal error" && c.changes() {
		status, text = http.StatusConflict, textUnknown // a 5xx would be repeated
	}
	c.unknown = text == textUnknown
	return status, text
}

// failed returns the answer with errors.
func failed(status int, texts ...string) response {
	if texts == nil {
		texts = []string{}
	}
	return response{status: status, plain: struct {
		Errors []string `json:"errors"`
	}{texts}}
}

// cause returns err without the operation and address that a session added.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*myvault.Error](err); ok {
		return wrapped.Err
	}
	return err
}
