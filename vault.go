// Package myvault is a secrets vault that Go services embed.
//
// A [Vault] combines a [Provider], which stores secrets, a [Policy], which decides who may do
// what, and an audit trail. Each provider is a package: providers/memory,
// providers/sqlite (a local encrypted store) and providers/hashivault.
//
// # Opening a vault
//
//	policy, err := myvault.ParsePolicy(map[string]string{
//		"ALLOWED_SERVICES": "newsbot",
//		"ALLOW_newsbot":    "newsbot/prod/",
//	})
//	vault, err := myvault.New(provider, policy, myvault.Config{})
//	defer vault.Close()
//
// [ReadEnvFile] reads such settings from a .env. [NewPolicy] takes Go values instead.
//
// # Using secrets
//
// A Vault does not expose secrets directly. To read or write one, open a [Session]: [Vault.As]
// trusts the embedding program to name the caller, [Vault.Login] authenticates it.
//
//	s := vault.As("newsbot")
//	info, err := s.Put(ctx, addr, myvault.Text("hunter2"), myvault.IfAbsent())
//	secret, err := s.Get(ctx, addr)
//	use(secret.Value.Reveal())
//
// Every session call that reads or changes anything is checked against the current policy. Changes
// and, by default, reads are in the audit trail before the call returns; if the entry cannot be
// written, the call fails. [Reads] has weaker modes for reads. Repeated failures are merged.
//
// # Addresses, versions and values
//
// An [Address] is a project and a path, such as newsbot/prod/db. Every Put makes the next
// [Version]; numbers are never reused. Delete marks a secret as deleted, Undelete clears the mark,
// and Destroy removes values for good. A [Value] prints as [REDACTED] and cannot be encoded.
//
// # Errors
//
// Every error of a Vault or a Session is an [*Error]. It wraps one of the Err... values,
// [errors.ErrUnsupported] or the error of the context: match it with [errors.Is]. Its text says
// what to do and never contains a secret.
//
// # What may change
//
// Until version 1.0 names may change; each change has a line in CHANGELOG.md. Provider is the
// interface that stores implement. It will gain no methods; new capabilities become new interfaces.
package myvault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/myswiftagent/myvault/internal/broadcast"
)

// Vault is a provider with a policy and an audit trail. [Vault.As] and [Vault.Login] open sessions
// on it. A Vault may be used by many goroutines.
type Vault struct {
	provider     Provider
	trail        Trail
	recorder     *recorder
	ownTrail     bool // the provider is the trail: entries go into its commits
	policy       atomic.Pointer[Policy]
	policyChange broadcast.Broadcast
	closed       atomic.Bool
	extraActions sync.Map // set of names given to Extension.RecordAs
}

// Config configures a Vault. The zero Config suits a provider that is a [Trail].
type Config struct {
	// Trail is the audit trail of a provider that is no Trail itself; [NoTrail] for none. The vault
	// closes it if it is an io.Closer.
	Trail Trail
	// Reads is how reads and listings are recorded: ReadsStrict, which is the default, ReadsRelaxed
	// or ReadsOff.
	Reads Reads
}

// New returns a vault, which owns the provider and closes it. ErrInvalid for nil arguments, and
// unless exactly one of provider and config.Trail is a trail.
func New(provider Provider, policy *Policy, config Config) (*Vault, error) {
	if provider == nil || policy == nil {
		return nil, fail("new", Address{}, fmt.Errorf("%w: a vault needs a provider and a policy", ErrInvalid))
	}
	if config.Reads > ReadsOff {
		return nil, fail("new", Address{}, fmt.Errorf("%w: Config.Reads must be ReadsStrict, ReadsRelaxed or ReadsOff", ErrInvalid))
	}
	trail, own := provider.(Trail)
	switch {
	case own && config.Trail != nil:
		return nil, fail("new", Address{}, fmt.Errorf("%w: the provider is a trail itself; leave Config.Trail nil", ErrInvalid))
	case !own && config.Trail == nil:
		return nil, fail("new", Address{}, fmt.Errorf("%w: the provider keeps no trail; set Config.Trail, to NoTrail{} for none", ErrInvalid))
	case !own:
		trail = config.Trail
	}
	v := &Vault{provider: provider, trail: trail, ownTrail: own, recorder: newRecorder(trail, config.Reads)}
	v.policy.Store(policy)
	return v, nil
}

// Policy returns the current policy.
func (v *Vault) Policy() *Policy { return v.policy.Load() }

// SetPolicy replaces the policy, for open sessions too. If p is nil, it returns ErrInvalid and
// keeps the current policy.
func (v *Vault) SetPolicy(p *Policy) error {
	if p == nil {
		return fail("set policy", Address{}, fmt.Errorf("%w: the policy is nil; the current one stays", ErrInvalid))
	}
	v.policy.Store(p)
	v.policyChange.Notify()
	return nil
}

// Incarnation identifies the store, as [Incarnation] says. Versions of two incarnations must not
// be compared. It is "0" for other providers.
func (v *Vault) Incarnation() string {
	if p, ok := v.provider.(Incarnation); ok {
		return p.Incarnation()
	}
	return "0"
}

// Ping reports whether the store is reachable. It returns ErrClosed after Close and ErrUnavailable
// if the store does not respond.
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

// Close writes the pending trail entries and closes the provider and, if it implements io.Closer,
// Config.Trail. A second Close returns nil. Later calls of other methods return ErrClosed.
func (v *Vault) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	v.policyChange.Notify() // ends the watches
	err := errors.Join(v.recorder.close(), v.provider.Close())
	if closer, ok := v.trail.(io.Closer); ok && !v.ownTrail {
		err = errors.Join(err, closer.Close())
	}
	return fail("close", Address{}, err)
}
