// Package client uses a vault over its HTTP API, with the methods of [myvault.Session] and the
// same errors.
//
//	vault, err := client.New(client.Config{
//		Address: "https://vault.example.org",
//		Service: "newsbot",
//		Token:   myvault.Text(token),
//	})
//	secret, err := vault.Get(ctx, myvault.Address{Project: "newsbot", Path: "prod/db"})
//
// A caller authenticates with the token of its service, with a capability token (package tokens),
// or with a client certificate in Config.TLS.
//
// # Errors
//
// Every error of a method is a [*myvault.Error]. [errors.Is] matches it as that of a session. If
// the server cannot be reached, it is ErrUnavailable. A change that was sent and not answered is
// ErrUnknownOutcome. No error contains a token, a value or the query of a URL.
//
// # Retries
//
// A read is repeated if the server does not answer, or if it answers 429, 502, 503 or 504. A
// change is repeated if nothing of it was sent, or if the server says that nothing was changed.
// After an unknown outcome only a Put with [myvault.IfVersion] is repeated: versions are never
// reused, so it cannot be made twice. If the repetition is refused, the outcome stays unknown.
//
// # Outages
//
// With Config.Cache the client keeps the values that it read in an encrypted file. Get answers
// from it while the server does not. See [Cache].
package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// Config configures a Client. Address and an identity are required.
type Config struct {
	// Address is the URL of the server, such as https://vault.example.org. A path is the prefix of
	// the API. An http address must be one of this machine, unless Plaintext is set.
	Address string
	// Service is the service of the caller. It is required with Token and with Cache. A capability
	// token or a client certificate may identify the service without it.
	Service string
	// Token is the shared token of the service. Its service is sent with it.
	Token myvault.Value
	// Bearer is a capability token.
	Bearer myvault.Value
	// Credentials returns the current token before each request, in place of Token and Bearer. It
	// may be called by many goroutines. Nil: Token or Bearer are used.
	Credentials func(context.Context) (Credentials, error)
	// TLS has the authorities of the server and the client certificate. Nil: the authorities of
	// the system, and no client certificate.
	TLS *tls.Config
	// Plaintext allows an http address of another machine. Everyone on the way can then read the
	// token and all values.
	Plaintext bool
	// Timeout is the limit of one attempt. 0: 10 seconds.
	Timeout time.Duration
	// Attempts is how often a request is sent at most. 0: 4. 1: it is never repeated.
	Attempts int
	// Cache keeps values for outages. Nil: there is none.
	Cache *Cache
}

// Credentials are one of two tokens. With neither, the client certificate is the identity.
type Credentials struct {
	Token  myvault.Value // the shared token of Config.Service
	Bearer myvault.Value // a capability token
}

// The defaults of a Config.
const (
	defaultTimeout  = 10 * time.Second
	defaultAttempts = 4
)

// Client is a service using a vault over HTTP. Make one with [New]; it is safe for concurrent use.
type Client struct {
	base     string // the URL of the server without a slash at the end
	config   Config
	http     *http.Client
	timeout  time.Duration
	attempts int
	cache    *cache // nil: none
}

// New returns a client. It sends nothing. ErrInvalid for a Config that cannot work, and the errors
// of [crypto.ReadKeyFile] for a key file of Cache.
func New(config Config) (*Client, error) {
	base, err := config.check()
	if err != nil {
		return nil, err
	}
	if config.Credentials == nil {
		fixed := Credentials{Token: config.Token, Bearer: config.Bearer}
		config.Credentials = func(context.Context) (Credentials, error) { return fixed, nil }
	}
	c := &Client{
		base: base, config: config, http: &http.Client{Transport: transport(config.TLS), CheckRedirect: noRedirect},
		timeout: cmp.Or(config.Timeout, defaultTimeout), attempts: cmp.Or(config.Attempts, defaultAttempts),
	}
	if config.Cache != nil {
		if c.cache, err = openCache(*config.Cache, base, config); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Close closes idle connections. The client can still be used.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Service returns Config.Service.
func (c *Client) Service() string { return c.config.Service }

// noRedirect keeps redirects from being followed: the credentials would go with them.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport returns a transport that uses no proxy. A compressed answer is an error, because its
// size could not be bounded while it is received.
func transport(config *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: config.Clone(), TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
	}
}

// check returns the base of all URLs, or the fault of the config.
func (c Config) check() (string, error) {
	if c.Service != "" {
		if err := myvault.ValidateService(c.Service); err != nil {
			return "", fmt.Errorf("client: %w", err)
		}
	}
	tokens := 0
	for _, given := range []bool{c.Token.Len() > 0, c.Bearer.Len() > 0, c.Credentials != nil} {
		if given {
			tokens++
		}
	}
	switch {
	case tokens > 1:
		return "", invalid("Token, Bearer and Credentials exclude each other")
	case tokens == 0 && !c.hasCertificate():
		return "", invalid("an identity is missing: set Token, Bearer, Credentials or a client certificate in TLS")
	case c.Token.Len() > 0 && c.Service == "":
		return "", invalid("Token needs Service")
	case c.Timeout < 0 || c.Attempts < 0:
		return "", invalid("Timeout and Attempts cannot be negative")
	}
	return c.baseURL()
}

func (c Config) hasCertificate() bool {
	return c.TLS != nil && (len(c.TLS.Certificates) > 0 || c.TLS.GetClientCertificate != nil)
}

// baseURL returns Address without a slash at the end. Errors do not repeat it: it may hold a
// password.
func (c Config) baseURL() (string, error) {
	u, err := url.Parse(c.Address)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return "", invalid("Address is not a URL such as https://vault.example.org")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", invalid("Address takes a host, a port and a path only")
	case u.Scheme == "http" && !c.Plaintext && !isLoopback(u.Hostname()):
		return "", invalid("Address would send the token in plain text: use https, or set Plaintext")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + strings.TrimRight(u.EscapedPath(), "/"), nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func invalid(text string) error { return fmt.Errorf("client: %w config: %s", myvault.ErrInvalid, text) }

// fail wraps err for the caller, once; nil stays nil.
func fail(op string, addr myvault.Address, err error) error {
	if err == nil {
		return nil
	}
	if wrapped, ok := errors.AsType[*myvault.Error](err); ok {
		return wrapped
	}
	return &myvault.Error{Op: op, Address: addr, Err: err}
}
