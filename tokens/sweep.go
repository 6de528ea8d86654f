package tokens

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// Sweep permanently destroys the records of tokens that have ended according to the policy of
// this process. These are tokens that have expired, that belong to another incarnation of
// the store, or whose minter used an authentication that the policy no longer accepts, such as
// a removed shared token. Its trail entries name the service "tokens".
//
// Sweep is not needed to free slots: Mint reuses those of ended tokens. But without it, tokens
// become valid again if the shared token that they were minted with returns to the policy.
//
// If several processes use one store, call Sweep once all of them have the same policy. It
// permanently destroys the tokens of services and shared tokens that this process does not
// know, even if another process accepts them. Do not call it periodically for that reason: use
// [Issuer.SweepEvery].
//
// Sweep returns how many records it destroyed, also with an error. It skips unreadable records
// and reports them with ErrTampered. Any other error ends the sweep.
func (i *Issuer) Sweep(ctx context.Context) (int, error) {
	n, _, err := i.sweep(ctx, "", i.hasEnded)
	return n, err
}

// condition reports whether the record v of a token of service should be destroyed.
type condition func(ctx context.Context, service string, v myvault.Value) bool

// maxReported is how many unreadable records an error names. It counts the others.
const maxReported = 8

// sweep destroys the records that meet shouldDestroy. It starts after the path after, and wraps
// around. It returns how many it destroyed and, if an error ended it, the path of the last
// record it reached.
func (i *Issuer) sweep(ctx context.Context, after string, shouldDestroy condition) (n int, at string, err error) {
	var unreadable []error
	more := 0
	for info, err := range i.listFrom(ctx, after) {
		destroyed := false
		if err == nil {
			at = info.Path
			destroyed, err = i.sweepOne(ctx, info, shouldDestroy)
		}
		switch {
		case destroyed:
			n++
		case errors.Is(err, myvault.ErrTampered) && len(unreadable) < maxReported:
			unreadable = append(unreadable, err)
		case errors.Is(err, myvault.ErrTampered):
			more++
		case err != nil:
			return n, at, errors.Join(append(unreadable, err)...)
		}
	}
	if more > 0 {
		unreadable = append(unreadable, fmt.Errorf("tokens: %w: %d more records", myvault.ErrTampered, more))
	}
	return n, "", errors.Join(unreadable...)
}

// listFrom yields the records after the path after, then the others.
func (i *Issuer) listFrom(ctx context.Context, after string) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		for info, err := range i.extension.ListRecords(ctx, "", after) {
			if !yield(info, err) || err != nil {
				return
			}
		}
		if after == "" {
			return
		}
		for info, err := range i.extension.ListRecords(ctx, "", "") {
			if err == nil && info.Path > after || !yield(info, err) {
				return
			}
		}
	}
}

// sweepOne destroys a record if it meets shouldDestroy, and reports whether it did. It returns
// no error if another process has destroyed the record.
func (i *Issuer) sweepOne(ctx context.Context, info myvault.Info, shouldDestroy condition) (bool, error) {
	secret, err := i.extension.GetRecord(ctx, info.Path)
	service, _, _ := strings.Cut(info.Path, "/")
	destroy := err == nil && secret.Version == info.Version && shouldDestroy(ctx, service, secret.Value)
	if destroy {
		err = i.extension.DestroyRecord(ctx, i.vault.As("tokens"), info.Path, info.Version)
	}
	if errors.Is(err, myvault.ErrNotFound) {
		return false, nil
	}
	return destroy && err == nil, err
}

// hasEnded reports whether a token has ended according to the policy of this process.
func (i *Issuer) hasEnded(_ context.Context, service string, v myvault.Value) bool {
	r, err := parseRecord(v)
	if err != nil {
		return false
	}
	if r.expired() || r.Incarnation != i.vault.Incarnation() {
		return true
	}
	return errors.Is(i.minterEnded(service, r), myvault.ErrUnauthenticated)
}

// hasExpired reports whether a token has expired, which does not depend on a policy.
func hasExpired(_ context.Context, _ string, v myvault.Value) bool {
	r, err := parseRecord(v)
	return err == nil && r.expired()
}

func (r record) expired() bool { return !time.Now().Before(r.Expires) }
