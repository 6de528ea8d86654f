package myvault

import (
	"cmp"
	"context"
	"crypto/x509"
	"slices"
	"time"

	"github.com/myswiftagent/myvault/internal/credential"
)

// Credentials are what a caller authenticates with: a token, a client certificate, or both. They
// print as [REDACTED] and refuse to be encoded, because callers may put a token into any field.
type Credentials struct {
	redaction
	Service string // may be empty if the certificate identifies the service
	Token   string
	// VerifiedChains are the chains from the client certificate to a trusted authority, as in
	// [crypto/tls.ConnectionState]. Do not use PeerCertificates, which are not verified. The
	// certificate must be issued for client authentication and be valid now.
	VerifiedChains [][]*x509.Certificate
	Request        string // ID of the request, for the trail
	Remote         string // network address of the caller, for the trail entries of failures
}

// Login returns a session for a caller that authenticates as a service of the policy. A token or a
// certificate is enough, unless Service.CertificateAndToken requires both. If the credentials name
// a service, the certificate must be one of that service. Wrong credentials return
// ErrUnauthenticated, after the same time whether or not the service exists.
//
// The session ends when the token or the certificate's identity is removed from the policy, and
// when the certificate expires. Failures are recorded within a second. If there are many, they are
// counted in one entry within ten seconds.
func (v *Vault) Login(ctx context.Context, c Credentials) (*Session, error) {
	if v.closed.Load() {
		return nil, fail("login", Address{}, ErrClosed)
	}
	service, authentication := v.policy.Load().authenticate(c, time.Now())
	via := "header"
	if authentication.Kind&credential.Certificate != 0 || c.Token == "" && len(c.VerifiedChains) > 0 {
		via = "certificate"
	}
	if authentication.Kind == credential.Embedded {
		return nil, v.recordFailedLogin(ctx, via, c)
	}
	s := v.As(service)
	s.authentication, s.via, s.request = authentication, via, bounded(c.Request)
	return s, nil
}

// recordFailedLogin records a failed log-in later and returns the error for the caller.
func (v *Vault) recordFailedLogin(ctx context.Context, via string, c Credentials) error {
	s := &Session{vault: v, label: bounded(c.Service), via: bounded(via), request: bounded(c.Request)}
	e := s.entry("login", Address{}, 0)
	e.Remote = bounded(c.Remote)
	if v.policy.Load().services[c.Service] == nil {
		e.Service = "" // an unknown name may be a token in the wrong field
	}
	e.Outcome = OutcomeUnauthenticated
	v.recorder.recordFailureLater(ctx, e)
	return fail("login", Address{}, ErrUnauthenticated)
}

// authenticate returns the service and the authentication of a caller, which is the zero one if
// the credentials are wrong. Checking a token takes the same time in every case.
func (p *Policy) authenticate(c Credentials, now time.Time) (service string, a credential.Authentication) {
	service = c.Service
	if len(c.VerifiedChains) > 0 {
		service, a = p.identify(c, now)
	}
	g := p.services[service]
	var tokens []credential.Digest
	if g != nil {
		tokens = g.tokens
	}
	token, known := credential.MatchToken(tokens, c.Token, p.maxTokens)
	switch {
	case g == nil || !known && (g.tokenAndCertificate || a.Identity == "") || g.tokenAndCertificate && a.Identity == "":
		return service, credential.Authentication{}
	case g.tokenAndCertificate || a.Identity == "":
		a.Kind, a.Token = a.Kind|credential.Token, token
	}
	return service, a
}

// identify returns the service of a client certificate and the authentication by it. If c names a
// service, the certificate must be one of that service. Otherwise all known identities in the
// certificate must belong to the same service.
func (p *Policy) identify(c Credentials, now time.Time) (service string, a credential.Authentication) {
	leaf := credential.ClientCertificate(c.VerifiedChains, now)
	if leaf == nil || len(p.identities) == 0 {
		return c.Service, a
	}
	for _, id := range credential.Identities(leaf) {
		owner := p.identities[id]
		switch {
		case owner == "" || c.Service != "" && owner != c.Service:
		case service == "":
			service = owner
			a = credential.Authentication{Kind: credential.Certificate, Identity: id, NotAfter: leaf.NotAfter.Unix()}
		case service != owner:
			return "", credential.Authentication{}
		}
	}
	return cmp.Or(c.Service, service), a
}

// accepts reports whether the policy still accepts the authentication for service. A caller that
// the embedding program names now needs none: a service that is not in the policy has no rights.
func (p *Policy) accepts(a credential.Authentication, service string) bool {
	if a.Kind == credential.Embedded {
		return true
	}
	g := p.services[service]
	switch {
	case a.Kind == credential.ResumedEmbedded:
		return g != nil
	case g == nil || g.tokenAndCertificate && a.Kind != credential.TokenAndCertificate:
		return false
	case a.Kind&credential.Token != 0 && !slices.Contains(g.tokens, a.Token):
		return false
	}
	return a.Kind&credential.Certificate == 0 || p.identities[a.Identity] == service && !a.Expired()
}
