package live

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// RoundTripper returns a transport that adds the bearer of the current set to requests for hosts,
// each as in a URL, such as "api.example.org" or "api.example.org:8443". Other hosts do not get it,
// also if a redirect leads there, nor does plain HTTP outside of this machine. A nil base is
// [http.DefaultTransport].
//
// If the answer is 401, the secrets are read again, and if they have changed, the request is sent
// once more, unless its body cannot be.
func (l *Live[T]) RoundTripper(base http.RoundTripper, bearer func(*T) myvault.Value, hosts ...string) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport[T]{live: l, base: base, bearer: bearer, hosts: slices.Clone(hosts)}
}

type transport[T any] struct {
	live   *Live[T]
	base   http.RoundTripper
	bearer func(*T) myvault.Value
	hosts  []string
}

// RoundTrip sends a request.
func (t *transport[T]) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.trusts(r) {
		return t.base.RoundTrip(r)
	}
	set := t.live.Load()
	response, err := t.base.RoundTrip(t.with(set, r))
	if err != nil || response.StatusCode != http.StatusUnauthorized || !rewindable(r) {
		return response, err
	}
	again, ok := t.again(set, r)
	if !ok {
		return response, nil
	}
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
	_ = response.Body.Close()
	return t.base.RoundTrip(again)
}

// again returns r with a set newer than the one that was refused, or false if there is none.
func (t *transport[T]) again(refused *T, r *http.Request) (*http.Request, bool) {
	failed := t.live.Refresh(r.Context())
	if failed != nil || t.live.Load() == refused {
		return nil, false
	}
	again := t.with(t.live.Load(), r)
	if r.GetBody == nil {
		return again, true
	}
	body, err := r.GetBody()
	again.Body = body
	return again, err == nil
}

// trusts reports whether the bearer may be sent with a request.
func (t *transport[T]) trusts(r *http.Request) bool {
	ip := net.ParseIP(r.URL.Hostname())
	local := r.URL.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return (r.URL.Scheme == "https" || local) && slices.ContainsFunc(t.hosts, func(host string) bool {
		return strings.EqualFold(host, r.URL.Host)
	})
}

// with returns a copy of r with the bearer of a set.
func (t *transport[T]) with(set *T, r *http.Request) *http.Request {
	sent := r.Clone(r.Context())
	sent.Header.Set("Authorization", "Bearer "+t.bearer(set).Reveal())
	return sent
}

// rewindable reports whether the body of r can be sent again.
func rewindable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}
