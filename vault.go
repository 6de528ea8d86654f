// Package myvault is a secrets vault that Go services embed.
//
// A [Vault] is a [Provider] (where secrets live) under a [Policy] (who may do what), with
// a trail (who did what). Providers are packages of their own: providers/memory,
// providers/sqlite (a local encrypted store) and others.
//
// # Opening
//
//	policy, err := myvault.NewPolicy(myvault.Service{Name: "newsbot", Allow: rules})
//	vault, err := myvault.New(provider, policy, myvault.Config{})
//	defer vault.Close()
//
// A policy comes from Go values as here, or from a .env with [ReadEnv] and [ParsePolicy].
//
// # Acting as a service
//
// A Vault has no way to a secret itself. The embedding program vouches for a caller with
// [Vault.As], or lets it prove itself with [Vault.Login]; both give a [Session]:
//
//	s := vault.As("newsbot")
//	info, err := s.Put(ctx, addr, myvault.Text("hunter2"), myvault.IfAbsent())
//	secret, err := s.Get(ctx, addr)
//	use(secret.Value.Reveal())
//
// Every call of a session asks the policy in force and is recorded in the trail: no entry,
// no value; no entry, no change.
//
// # Addresses, versions, values
//
// An [Address] is a project and a path, such as newsbot/prod/db. Every Put makes the next
// [Version]; a number is never used twice. Delete marks, Undelete clears the mark,
// Destroy removes values for good. A [Value] prints as [REDACTED] and refuses to be encoded.
//
// # Errors
//
// Every error is an [*Error] that wraps one of the Err... values; match it with [errors.Is].
// The text says what to do and never holds a secret.
//
// # What may change
//
// Until version 1.0 names may change with a line in CHANGELOG.md. Provider is what stores
// implement: methods will not be added to it; new capabilities are further interfaces.
package myvault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Vault is a provider under a policy, with a trail. It has no way to a secret itself:
// [Vault.As] and [Vault.Login] give a [Session], which asks the policy and writes the
// trail on every call. A Vault may be used by many goroutines.
type Vault struct {
	provider     Provider
	trail        Trail
	recorder     *recorder
	ownTrail     bool // the provider is the trail: entries go into its commits
	policy       atomic.Pointer[Policy]
	closed       atomic.Bool
	extraActions sync.Map // set of names given to Extension.RecordAs
}

// Config is what a Vault may be told; the zero Config suits a provider that is a [Trail].
type Config struct {
	// Trail records for a provider that is no Trail itself. [NoTrail] where none is wanted.
	// The vault closes it if it is an io.Closer.
	Trail Trail
	// Reads is how reads and listings are recorded: Strict (the zero value), Relaxed or Off.
	Reads Reads
}

// New makes a vault, which from then on owns the provider and closes it. Nil arguments, a
// provider without a trail, and two trails are ErrInvalid.
func New(provider Provider, policy *Policy, config Config) (*Vault, error) {
	if provider == nil || policy == nil {
		return nil, fail("new", Address{}, fmt.Errorf("%w: a vault needs a provider and a policy", ErrInvalid))
	}
	if config.Reads > Off {
		return nil, fail("new", Address{}, fmt.Errorf("%w: Config.Reads is none of Strict, Relaxed and Off", ErrInvalid))
	}
	trail, own := provider.(Trail)
	switch {
	case own && config.Trail != nil:
		return nil, fail("new", Address{}, fmt.Errorf("%w: the provider is a trail itself, so Config.Trail must be nil", ErrInvalid))
	case !own && config.Trail == nil:
		return nil, fail("new", Address{}, fmt.Errorf("%w: the provider keeps no trail; set Config.Trail, to NoTrail{} for none", ErrInvalid))
	case !own:
		trail = config.Trail
	}
	v := &Vault{provider: provider, trail: trail, ownTrail: own, recorder: newRecorder(trail, config.Reads)}
	v.policy.Store(policy)
	return v, nil
}

// Policy gives the policy in force.
func (v *Vault) Policy() *Policy { return v.policy.Load() }

// SetPolicy puts another policy in force, for sessions that are open too. Nil is ignored.
func (v *Vault) SetPolicy(p *Policy) {
	if p != nil {
		v.policy.Store(p)
	}
}

// Incarnation names this life of the store; versions of two different ones are not to be
// compared. It is "0" for a provider that cannot be replaced by an older copy of itself.
func (v *Vault) Incarnation() string {
	if p, ok := v.provider.(Incarnation); ok {
		return p.Incarnation()
	}
	return "0"
}

// Ping reports whether the store answers: nil, ErrClosed or ErrUnavailable.
func (v *Vault) Ping(ctx context.Context) error {
	if v.closed.Load() {
		return fail("ping", Address{}, ErrClosed)
	}
	return fail("ping", Address{}, v.provider.Ping(ctx))
}

// Ready reports whether the vault can serve requests: the store is reachable, the last attempts to
// write the trail succeeded, and the policy has a service. It returns ErrClosed, ErrUnavailable,
// ErrTrail or, for a policy without services, ErrInvalid. It writes nothing.
func (v *Vault) Ready(ctx context.Context) error {
	err := v.Ping(ctx)
	if trail, ok := v.trail.(interface{ Ping(context.Context) error }); err == nil && ok && !v.ownTrail {
		err = trail.Ping(ctx)
	}
	if err == nil && len(v.Policy().Services()) == 0 {
		err = fmt.Errorf("%w policy: it has no service", ErrInvalid)
	}
	return fail("ready", Address{}, err)
}

// Close writes the entries that wait and closes the provider, and Config.Trail if it can
// be closed. A second Close gives nil. Calls that follow give ErrClosed.
func (v *Vault) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	err := errors.Join(v.recorder.close(), v.provider.Close())
	if closer, ok := v.trail.(io.Closer); ok && !v.ownTrail {
		err = errors.Join(err, closer.Close())
	}
	return fail("close", Address{}, err)
}

// As gives a session of service, for which the embedding program vouches. It never fails: a
// service that the policy does not know is denied on every call.
func (v *Vault) As(service string) *Session {
	return &Session{vault: v, service: service, label: bounded(service), via: "embedded"}
}

// maxField is the size limit of a free text field of an entry, in bytes.
const maxField = 128

// bounded cuts a field of an entry to its limit and replaces what cannot be printed.
func bounded(s string) string {
	if len(s) > maxField {
		s = s[:maxField]
	}
	printable := true
	for i := 0; i < len(s); i++ {
		printable = printable && s[i] >= ' ' && s[i] < 0x7F
	}
	if printable {
		return s
	}
	safe := make([]byte, 0, len(s))
	for _, r := range s {
		if r < ' ' || r >= utf8.RuneSelf || r == 0x7F {
			r = '?'
		}
		safe = append(safe, byte(r))
	}
	return string(safe)
}
