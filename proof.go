package myvault

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Proof is what a session rests on: the word of the embedding program ([Vault.As]), or the
// shared token that a caller showed ([Vault.Login]). It holds the token's digest and never the
// token. Packages that extend the vault keep it, to let a session of another kind end when
// the one that began it would have ended. The zero Proof is that of an embedding program.
type Proof struct {
	kind  proofKind
	token digest
}

type proofKind uint8

const (
	byEmbedder proofKind = iota
	byToken
)

const (
	embedderText = "embedded"
	tokenText    = "token:"
)

// String gives the proof as [ParseProof] reads it: "embedded", or "token:" and the digest
// in hexadecimal digits.
func (p Proof) String() string {
	if p.kind == byToken {
		return tokenText + hex.EncodeToString(p.token[:])
	}
	return embedderText
}

// ParseProof reads what [Proof.String] wrote. Everything else is ErrInvalid.
func ParseProof(text string) (Proof, error) {
	if text == embedderText {
		return Proof{}, nil
	}
	if hexed, found := strings.CutPrefix(text, tokenText); found {
		p := Proof{kind: byToken}
		raw, err := hex.DecodeString(hexed)
		if err == nil && copy(p.token[:], raw) == len(p.token) && p.String() == text {
			return p, nil
		}
	}
	return Proof{}, fmt.Errorf("%w proof: want what Proof.String wrote", ErrInvalid)
}

// holds reports whether the policy still takes the proof for service. Who the embedding
// program vouches for needs none: a service that is not in the policy has no rights.
func (p Proof) holds(policy *Policy, service string) bool {
	return p.kind == byEmbedder || p.kind == byToken && policy.holds(service, p.token)
}

// Proof gives what the session rests on.
func (s *Session) Proof() Proof { return s.proof }

// Resume gives a session of service that rests on the proof, for which the embedding program
// vouches as in [Vault.As]. It never fails: a session whose proof does not hold is
// ErrUnauthenticated on every call.
func (v *Vault) Resume(service string, p Proof) *Session {
	s := v.As(service)
	s.proof = p
	return s
}

// While gives a session that also ends when holds fails. It is asked at the beginning of every
// call, by many goroutines at once, and its error is that of the call: it wraps
// ErrUnauthenticated where the session has ended, and ErrUnavailable where that cannot be told.
func (s *Session) While(holds func(context.Context) error) *Session {
	bound := *s
	bound.guards = append(slices.Clip(s.guards), holds)
	return &bound
}

// Narrowed reports whether the session may do less than its service, by [Session.Restrict], or
// may end before what it rests on, by [Session.While].
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
