package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/myswiftagent/myvault"
)

// unanswered returns the failure of a request without an answer. Connected tells whether the
// request may have been sent.
func (c *Client) unanswered(ctx context.Context, err error, connected bool) *attemptError {
	if ended := ctx.Err(); ended != nil {
		return &attemptError{err: ended, unknown: connected}
	}
	failed := &attemptError{unknown: connected, retry: true}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		failed.retry, failed.unknown = false, false
	}
	failed.err = fmt.Errorf("%w: %s", myvault.ErrUnavailable, c.describe(err))
	return failed
}

// describe returns a text for the error of a transport. It knows the errors that repeat nothing of
// the exchange: others may quote what a broken server echoed.
func (c *Client) describe(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", c.timeout)
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return operation.Error()
	}
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return untrusted.Error()
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return unknown.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed before the answer was complete"
	}
	return "the server does not answer as an HTTP server"
}

// contextError returns the error of a context that err wraps, or nil.
func contextError(err error) error {
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	return nil
}

// problem is an error of the API.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Index  *int   `json:"index"`
}

// kinds are the errors of a session, by the codes of problems.
var kinds = map[string]error{
	"busy":                    myvault.ErrUnavailable,
	"canceled":                myvault.ErrUnavailable,
	"condition_not_supported": errors.ErrUnsupported,
	"conflict":                myvault.ErrConflict,
	"denied":                  myvault.ErrDenied,
	"destroyed":               myvault.ErrDestroyed,
	"exists":                  myvault.ErrExists,
	"foreign_origin":          myvault.ErrDenied,
	"generator_failed":        myvault.ErrGenerator,
	"internal":                myvault.ErrUnavailable,
	"invalid":                 myvault.ErrInvalid,
	"invalid_body":            myvault.ErrInvalid,
	"method_not_allowed":      errors.ErrUnsupported,
	"misdirected":             myvault.ErrInvalid,
	"no_route":                errors.ErrUnsupported,
	"not_empty":               myvault.ErrNotEmpty,
	"not_found":               myvault.ErrNotFound,
	"not_json":                myvault.ErrInvalid,
	"not_supported":           errors.ErrUnsupported,
	"outcome_unknown":         myvault.ErrUnknownOutcome,
	"precondition_failed":     myvault.ErrConflict,
	"shutting_down":           myvault.ErrUnavailable,
	"stale_position":          myvault.ErrStalePosition,
	"store_unavailable":       myvault.ErrUnavailable,
	"tampered":                myvault.ErrTampered,
	"timeout":                 myvault.ErrUnavailable,
	"too_large":               myvault.ErrTooLarge,
	"too_many_failures":       myvault.ErrUnauthenticated,
	"too_many_watches":        myvault.ErrUnavailable,
	"trail_unavailable":       myvault.ErrTrail,
	"unauthenticated":         myvault.ErrUnauthenticated,
	"wrong_key":               myvault.ErrWrongKey,
}

// refusal is an answer of the API, with its text in place of the shorter one of its kind.
type refusal struct {
	kind   error
	text   string
	change *int // the index of the change that is refused
}

func (r *refusal) Error() string { return r.text }

func (r *refusal) Unwrap() error { return r.kind }

// refused returns the failure of a request with an answer that is no success. If values is set, its
// text is not used.
func refused(response *http.Response, content []byte, values bool, secrets []string) *attemptError {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var p problem
	if kind != "application/problem+json" || decode(content, &p) != nil || kinds[p.Code] == nil {
		return foreign(response)
	}
	if values {
		p.Detail = ""
	}
	err := &refusal{kind: kinds[p.Code], text: text(p, secrets), change: p.Index}
	retry := errors.Is(err, myvault.ErrUnavailable) || errors.Is(err, myvault.ErrTrail)
	return &attemptError{err: err, retry: retry, after: retryAfter(response.Header), unknown: errors.Is(err, myvault.ErrUnknownOutcome) || p.Code == "internal"}
}

// foreign returns the failure of a request that a proxy answered, or another server than that of
// a vault. What it says about names must not be believed.
func foreign(response *http.Response) *attemptError {
	failed := &attemptError{after: retryAfter(response.Header)}
	status := response.StatusCode
	switch {
	case status/100 == 3:
		failed.err = fmt.Errorf("%w: the server redirects, which is not followed; use its final address", myvault.ErrUnavailable)
		return failed
	case status == http.StatusTooManyRequests:
		failed.retry = true
	case status >= 500:
		failed.retry, failed.unknown = true, true
	default:
		failed.unknown = true
	}
	failed.err = fmt.Errorf("%w: status %d, not by a vault", myvault.ErrUnavailable, status)
	return failed
}

// explained are the errors whose text says more than their kind.
var explained = []error{myvault.ErrInvalid, myvault.ErrTooLarge, errors.ErrUnsupported}

// maxDetail is the size of the longest text that is taken from an answer, in bytes.
const maxDetail = 512

// text returns the text of a refusal. That of the server is used if it is harmless.
func text(p problem, secrets []string) string {
	kind := kinds[p.Code]
	detail := p.Detail
	if p.Index != nil {
		_, detail, _ = strings.Cut(detail, ": ")
	}
	echoes := slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(detail, s) })
	control := strings.ContainsFunc(detail, func(r rune) bool { return !unicode.IsPrint(r) })
	switch {
	case !slices.Contains(explained, kind) || detail == "" || len(detail) > maxDetail || echoes || control:
		return kind.Error()
	case strings.HasPrefix(detail, kind.Error()):
		return detail
	}
	return kind.Error() + ": " + detail
}
