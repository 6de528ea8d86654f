package myvault

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Authentication is what a session rests on: the word of the embedding program ([Vault.As]), or the
// shared token, the client certificate or both, that a caller showed ([Vault.Login]). It holds the token's
// digest and never the token; of a certificate the identity that counted, and its end. Packages that extend the vault keep it, to let a session of another kind end when
// the one that began it would have ended. The zero Authentication is that of an embedding program.
type authentication struct {
	kind     proofKind
	token    digest
	identity string // such as "dns:newsbot.internal"
	until    int64  // the end of the certificate, in Unix seconds
}

type proofKind uint8

const (
	byEmbedder proofKind = iota
	byToken
	byCertificate
	byBoth
)

const (
	embedderText    = "embedded"
	tokenText       = "token:"
	certificateText = "certificate:"
	bothText        = "both:"
)

// String gives the proof as [parseAuthentication] reads it: "embedded", or "token:" and the digest
// in hexadecimal digits, or "certificate:", the certificate's end in Unix seconds, ":" and the
// identity; or "both:", the digest, ":", and the end and identity of the certificate.
func (p authentication) String() string {
	certificate := strconv.FormatInt(p.until, 10) + ":" + p.identity
	switch p.kind {
	case byToken:
		return tokenText + hex.EncodeToString(p.token[:])
	case byCertificate:
		return certificateText + certificate
	case byBoth:
		return bothText + hex.EncodeToString(p.token[:]) + ":" + certificate
	}
	return embedderText
}

// parseAuthentication reads what [Authentication.String] wrote. Everything else is ErrInvalid.
func parseAuthentication(text string) (authentication, error) {
	var p authentication
	rest := ""
	for kind, prefix := range map[proofKind]string{byToken: tokenText, byCertificate: certificateText, byBoth: bothText} {
		if after, found := strings.CutPrefix(text, prefix); found {
			p.kind, rest = kind, after
		}
	}
	if p.kind == byToken || p.kind == byBoth {
		var hexed string
		hexed, rest, _ = strings.Cut(rest, ":")
		raw, _ := hex.DecodeString(hexed)
		copy(p.token[:], raw)
	}
	if p.kind == byCertificate || p.kind == byBoth {
		var until string
		until, p.identity, _ = strings.Cut(rest, ":")
		p.until, _ = strconv.ParseInt(until, 10, 64)
		if err := parseIdentity(p.identity); err != nil {
			return authentication{}, fmt.Errorf("%w authentication: want the text of Authentication.String", ErrInvalid)
		}
	}
	if p.String() != text { // whatever was wrong above
		return authentication{}, fmt.Errorf("%w authentication: want the text of Authentication.String", ErrInvalid)
	}
	return p, nil
}

// holds reports whether the policy still takes the proof for service. Who the embedding
// program vouches for needs none: a service that is not in the policy has no rights.
func (p authentication) holds(policy *Policy, service string) bool {
	if p.kind == byEmbedder {
		return true
	}
	g := policy.services[service]
	if g == nil || g.both && p.kind != byBoth {
		return false
	}
	token := p.kind == byCertificate || policy.holds(service, p.token)
	certificate := p.kind == byToken || policy.identities[p.identity] == service && !time.Now().After(time.Unix(p.until, 0))
	return token && certificate
}

// resume returns a session of service with that authentication.
func (v *Vault) resume(service string, a authentication) *Session {
	s := v.As(service)
	s.authentication = a
	return s
}

// stands gives the policy in force, or why the session may no longer do anything.
func (s *Session) stands(ctx context.Context) (*Policy, error) {
	if s.vault.closed.Load() {
		return nil, ErrClosed
	}
	for _, check := range s.checks {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	// The policy is read last: what the checks had to wait for must not make it old.
	policy := s.vault.policy.Load()
	if !s.authentication.holds(policy, s.service) {
		return nil, ErrUnauthenticated
	}
	return policy, nil
}
