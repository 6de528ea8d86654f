package myvault

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Authentication is what a session rests on: the word of the embedding program ([Vault.As]), or the
// shared token, the client certificate or both, that a caller showed ([Vault.Login]). It holds the token's
// digest and never the token; of a certificate the identity that counted, and its end. Packages that extend the vault keep it, to let a session of another kind end when
// the one that began it would have ended. The zero Authentication is that of an embedding program.
type Authentication struct {
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

// String gives the proof as [ParseAuthentication] reads it: "embedded", or "token:" and the digest
// in hexadecimal digits, or "certificate:", the certificate's end in Unix seconds, ":" and the
// identity; or "both:", the digest, ":", and the end and identity of the certificate.
func (p Authentication) String() string {
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

// ParseAuthentication reads what [Authentication.String] wrote. Everything else is ErrInvalid.
func ParseAuthentication(text string) (Authentication, error) {
	var p Authentication
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
			return Authentication{}, fmt.Errorf("%w authentication: want the text of Authentication.String", ErrInvalid)
		}
	}
	if p.String() != text { // whatever was wrong above
		return Authentication{}, fmt.Errorf("%w authentication: want the text of Authentication.String", ErrInvalid)
	}
	return p, nil
}

// holds reports whether the policy still takes the proof for service. Who the embedding
// program vouches for needs none: a service that is not in the policy has no rights.
func (p Authentication) holds(policy *Policy, service string) bool {
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

// Authentication gives what the session rests on.
func (s *Session) Authentication() Authentication { return s.proof }

// Resume gives a session of service that rests on the proof, for which the embedding program
// vouches as in [Vault.As]. It never fails: a session whose proof does not hold is
// ErrUnauthenticated on every call.
func (v *Vault) Resume(service string, p Authentication) *Session {
	s := v.As(service)
	s.proof = p
	return s
}

// EndWhen gives a session that also ends when holds fails. It is asked at the beginning of every
// call, by many goroutines at once, and its error is that of the call: it wraps
// ErrUnauthenticated where the session has ended, and ErrUnavailable where that cannot be told.
func (s *Session) EndWhen(holds func(context.Context) error) *Session {
	bound := *s
	bound.guards = append(slices.Clip(s.guards), holds)
	return &bound
}

// Narrowed reports whether the session may do less than its service, by [Session.Restrict], or
// may end before what it rests on, by [Session.EndWhen].
func (s *Session) Narrowed() bool { return len(s.limits) > 0 || len(s.guards) > 0 }

// Ended gives the error that every call of the session would answer now because it has ended;
// nil while it has not. It is not recorded.
func (s *Session) Ended(ctx context.Context) error {
	_, err := s.stands(ctx)
	return fail("session", Address{}, err)
}

// stands gives the policy in force, or why the session may no longer do anything.
func (s *Session) stands(ctx context.Context) (*Policy, error) {
	if s.vault.closed.Load() {
		return nil, ErrClosed
	}
	for _, holds := range s.guards {
		if err := holds(ctx); err != nil {
			return nil, err
		}
	}
	// The policy is read last: what the guards had to wait for must not make it old.
	policy := s.vault.policy.Load()
	if !s.proof.holds(policy, s.service) {
		return nil, ErrUnauthenticated
	}
	return policy, nil
}
