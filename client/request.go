package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault"
)

// The limits of an answer, in bytes. A page of values has up to 8 MiB of them, and JSON may write
// a byte as six.
const (
	maxAnswer = 4 << 20
	maxPage   = 64 << 20
)

// request is a request to the API.
type request struct {
	method  string
	path    string // escaped
	query   url.Values
	body    any // nil: none
	limit   int64
	public  bool     // sent without an identity
	secrets []string // values in the body, which no error may repeat
	values  bool     // the answer has values, so nothing of it may be in an error
	// repeatable: the request may be repeated even if the server received it. Else a request that
	// was sent and not answered is ErrUnknownOutcome.
	repeatable bool
	// conditional: as a change that cannot be made twice it may be repeated, but if it is then
	// refused, its outcome is unknown.
	conditional bool
}

// read returns a request that changes nothing.
func read(path string, query url.Values) request {
	return request{method: http.MethodGet, path: path, query: query, limit: maxAnswer, repeatable: true}
}

// change returns a request that changes something.
func change(method, path string, body any) request {
	return request{method: method, path: path, body: body, limit: maxAnswer}
}

// attempt sends r once.
func (c *Client) attempt(ctx context.Context, r request, body []byte, into any) (http.Header, *attemptError) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	message, secrets, err := c.message(traced, r, body)
	if err != nil {
		return nil, &attemptError{err: err}
	}
	response, err := c.http.Do(message)
	if err != nil {
		return nil, c.unanswered(ctx, err, connected.Load())
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, r.limit+1))
	defer clear(content)
	if err != nil {
		return nil, c.unanswered(ctx, err, true)
	}
	if response.StatusCode/100 != 2 {
		return nil, refused(response, content, r.values, secrets)
	}
	if int64(len(content)) > r.limit || into != nil && decode(content, into) != nil {
		return nil, &attemptError{err: fmt.Errorf("%w: the answer is malformed or too large", myvault.ErrUnavailable), unknown: true}
	}
	return response.Header, nil
}

// decode decodes an answer. Members may be added to the API, so unknown ones are ignored.
func decode(content []byte, into any) error {
	if o, ok := into.(*optional); ok {
		if len(content) == 0 {
			return nil
		}
		into = o.into
	}
	return json.Unmarshal(content, into)
}

// optional decodes an answer that may have no body.
type optional struct{ into any }

// message returns the message of r, with the secrets in it that no error may repeat.
func (c *Client) message(ctx context.Context, r request, body []byte) (*http.Request, []string, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	m, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: this cannot be sent to the server", myvault.ErrInvalid)
	}
	m.Header.Set("User-Agent", "myvault-client")
	m.Header.Set("Accept-Encoding", "identity")
	if body != nil {
		m.Header.Set("Content-Type", "application/json")
	}
	if r.public {
		return m, nil, nil
	}
	secrets, err := c.authenticate(ctx, m)
	return m, append(secrets, r.secrets...), err
}

// authenticate adds the identity of the caller to a message, and returns its tokens.
func (c *Client) authenticate(ctx context.Context, m *http.Request) ([]string, error) {
	credentials, err := c.config.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: Config.Credentials failed: %w", myvault.ErrUnauthenticated, err)
	}
	token, bearer := credentials.Token.Reveal(), credentials.Bearer.Reveal()
	if strings.ContainsFunc(token+bearer, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return nil, fmt.Errorf("%w: the token contains a control character, such as a newline", myvault.ErrInvalid)
	}
	switch {
	case bearer != "":
		m.Header.Set("Authorization", "Bearer "+bearer)
		return []string{bearer}, nil
	case c.config.Service != "":
		m.Header.Set("X-Service", c.config.Service)
	}
	if token != "" {
		m.Header.Set("X-Token", token)
		return []string{token}, nil
	}
	return nil, nil
}

// secretPath returns the escaped path of an address below a route.
func secretPath(route string, addr myvault.Address) string {
	segments := strings.Split(addr.String(), "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return route + "/" + strings.Join(segments, "/")
}
