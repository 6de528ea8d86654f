// Package request has what the handlers of both APIs do with every request: its ID, its time
// limit, its body and its line in the log.
package request

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"strings"

	"github.com/myswiftagent/myvault/httpapi/serve"
)

// maxID is the size limit of a client's request ID.
const maxID = 64

// ID returns the X-Request-Id that the client sent if it is fit for logs, else a random one.
func ID(r *http.Request) string {
	given := r.Header["X-Request-Id"]
	if len(given) == 1 && given[0] != "" && len(given[0]) <= maxID && !strings.ContainsFunc(given[0], unfitForID) {
		return given[0]
	}
	return rand.Text()
}

func unfitForID(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}

// Method returns the method, or "other": the log must not contain texts of strangers.
func Method(r *http.Request) string {
	switch m := r.Method; m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return m
	}
	return "other"
}

// Context returns a context that ends shortly before the server's write timeout. Later a
// response could no longer be sent; the rest of the time is for reporting that.
func Context(ctx context.Context) (context.Context, context.CancelFunc) {
	server, ok := ctx.Value(http.ServerContextKey).(*http.Server)
	if !ok || server.WriteTimeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, server.WriteTimeout-server.WriteTimeout/10)
}

// minToken is the length in bytes from which a token is valid beyond loopback.
// [httpapi.CheckPolicy] does not know the length of a token that the policy holds as its digest.
const minToken = 16

// Token returns the presented token, or "" if it is too short for the address of the request.
// "" is never valid, and takes as long to check as any wrong token.
func Token(r *http.Request, presented string) string {
	if len(presented) < minToken && serve.Exposed(r) {
		return ""
	}
	return presented
}

// Certificate returns the verified client certificate of the connection, or nil.
func Certificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}
