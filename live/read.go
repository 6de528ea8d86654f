package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/myswiftagent/myvault"
)

// state is the secrets of a plan as they were read. A secret of version 0 does not exist.
type state struct {
	secrets map[myvault.Address]myvault.Secret
	noList  bool  // listing is not worth it: there is too much else
	failed  error // why the set of these secrets is not used
}

const (
	maxPasses = 5    // over secrets that change while they are read
	maxListed = 2000 // secrets that a listing looks at
)

// errChanging is the error of secrets that changed during each pass.
var errChanging = errors.New("live: the secrets changed while they were read, each time")

// readFirst reads all secrets, also if they cannot be listed because the source is a client of a
// server that does not answer.
func (p plan) readFirst(ctx context.Context, source Source) (state, error) {
	read, _, err := p.read(ctx, source, state{}, true)
	if errors.Is(err, myvault.ErrUnavailable) && ctx.Err() == nil {
		read, _, err = p.read(ctx, source, state{noList: true}, true)
		read.noList = false
	}
	return read, err
}

// read returns the secrets as they were at one moment, and whether they differ from those before.
// Each pass reads the secrets that a listing shows as changed or does not show. The first one reads
// all if everything is set. If a pass finds no change, the secrets were the same between the end of
// the pass before and its own beginning.
func (p plan) read(ctx context.Context, source Source, before state, everything bool) (state, bool, error) {
	now := state{secrets: maps.Clone(before.secrets), noList: before.noList, failed: before.failed}
	if now.secrets == nil {
		now.secrets = make(map[myvault.Address]myvault.Secret)
	}
	addresses := p.addresses()
	for pass := range maxPasses {
		listed, err := p.list(ctx, source, &now, addresses)
		if err != nil {
			return before, false, err
		}
		changed := false
		for _, addr := range addresses {
			known, found := now.secrets[addr]
			if found && known.Version > 0 && !(everything && pass == 0) && sameVersion(known.Info, listed[addr]) {
				continue
			}
			secret, err := p.get(ctx, source, addr)
			if err != nil {
				return before, false, err
			}
			changed = changed || !found || !sameVersion(known.Info, secret.Info)
			now.secrets[addr] = secret
		}
		if !changed || len(addresses) == 1 {
			return now, !sameState(now, before), nil
		}
	}
	return before, false, errChanging
}

// get reads one secret. A missing one that no field needs has version 0.
func (p plan) get(ctx context.Context, source Source, addr myvault.Address) (myvault.Secret, error) {
	secret, err := source.Get(ctx, addr)
	if errors.Is(err, myvault.ErrNotFound) && p.optional(addr) {
		return myvault.Secret{}, nil
	}
	return secret, err
}

// list returns the current versions of the addresses that the source lists.
func (p plan) list(ctx context.Context, source Source, now *state, addresses []myvault.Address) (map[myvault.Address]myvault.Info, error) {
	listed := make(map[myvault.Address]myvault.Info)
	if now.noList || len(addresses) == 1 {
		return listed, nil
	}
	looked, last := 0, addresses[len(addresses)-1]
	for info, err := range source.List(ctx, myvault.ListOptions{Prefix: p.prefix()}) {
		if err != nil {
			return nil, err
		}
		if looked++; looked > maxListed {
			now.noList = true
			break
		}
		if info.Compare(last) > 0 {
			break
		}
		listed[info.Address] = info
	}
	return listed, nil
}

// sameVersion reports whether two infos are of the same version. Their times count too: a store
// that was restored may have another version with the same number.
func sameVersion(a, b myvault.Info) bool {
	return a.Version == b.Version && a.At.Equal(b.At) && a.By == b.By && a.State == b.State &&
		a.Expires.Equal(b.Expires) && a.RotateAfter.Equal(b.RotateAfter)
}

func sameState(a, b state) bool {
	return maps.EqualFunc(a.secrets, b.secrets, func(a, b myvault.Secret) bool { return sameVersion(a.Info, b.Info) })
}

// build returns the set of the secrets, or why it cannot be used.
func build[T any](p plan, read state) (*T, error) {
	set := new(T)
	root := reflect.ValueOf(set).Elem()
	var wrong []error
	for _, f := range p.fields {
		secret := read.secrets[f.addr]
		if secret.Version == 0 && f.optional {
			continue
		}
		raw := secret.Value.RevealBytes()
		if err := f.parse(root.FieldByIndex(f.index), raw); err != nil {
			wrong = append(wrong, fmt.Errorf("live: %v is malformed for field %s", f.addr, f.name))
		}
		clear(raw)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if v, ok := any(set).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, refusedBy(err, read)
		}
	}
	return set, nil
}

// invalidError is the error of Validate, with a text that has no value.
type invalidError struct {
	text string
	err  error
}

func (e *invalidError) Error() string { return e.text }

func (e *invalidError) Unwrap() error { return e.err }

// refusedBy returns the error of Validate. Its text is kept unless it contains a value.
func refusedBy(err error, read state) error {
	text := "live: invalid set: " + err.Error()
	for addr, secret := range read.secrets {
		if value := secret.Value.Reveal(); value != "" && strings.Contains(err.Error(), value) {
			text = fmt.Sprintf("live: invalid set: the error of Validate contains the value of %v", addr)
			break
		}
	}
	return &invalidError{text: text, err: err}
}
