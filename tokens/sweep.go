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

// Sweep destroys for good the records of tokens that have ended by the policy of this process: that have expired, are of another life of
// the store, or rest on what that policy does not take, such as a shared token that left it. Without it a place that is needed is used
// again; but until then a shared token that comes back brings back what was minted on it. It acts in the name "tokens".
//
// Where several processes have one store, call it once all of them have the same policy: a token of a service or on a
// shared token that this process does not know of is destroyed though others take it, and does not come back. For
// the same reason no program should call it from time to time: [Issuer.SweepEvery] is for that.
//
// It gives how many it destroyed, beside an error too. A record that cannot be read, ErrTampered, is left and told of, and the others
// are swept; every other error ends the sweep.
func (i *Issuer) Sweep(ctx context.Context) (int, error) {
	n, _, err := i.sweep(ctx, "", i.over)
	return n, err
}

// judgement says whether the record of a token of service may go.
type judgement func(ctx context.Context, service string, v myvault.Value) bool

// toldOf is how many records that cannot be read an error names; of the others it has the number.
const toldOf = 8

// sweep destroys the records that are over, from the one behind after on and round to it. It gives their number and, where
// it was cut off, the path of the record at which.
func (i *Issuer) sweep(ctx context.Context, after string, over judgement) (n int, at string, err error) {
	var unread []error
	more := 0
	for info, err := range i.around(ctx, after) {
		gone := false
		if err == nil {
			at = info.Path
			gone, err = i.sweepOne(ctx, info, over)
		}
		switch {
		case gone:
			n++
		case errors.Is(err, myvault.ErrTampered) && len(unread) < toldOf:
			unread = append(unread, err)
		case errors.Is(err, myvault.ErrTampered):
			more++
		case err != nil:
			return n, at, errors.Join(append(unread, err)...)
		}
	}
	if more > 0 {
		unread = append(unread, fmt.Errorf("tokens: %w: %d more records", myvault.ErrTampered, more))
	}
	return n, "", errors.Join(unread...)
}

// around lists the records behind after, and then the others.
func (i *Issuer) around(ctx context.Context, after string) iter.Seq2[myvault.Info, error] {
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

// sweepOne destroys a record that is over, and reports whether it did. What went meanwhile is no error.
func (i *Issuer) sweepOne(ctx context.Context, info myvault.Info, over judgement) (bool, error) {
	secret, err := i.extension.GetRecord(ctx, info.Path)
	service, _, _ := strings.Cut(info.Path, "/")
	gone := err == nil && secret.Version == info.Version && over(ctx, service, secret.Value)
	if gone {
		err = i.extension.DestroyRecord(ctx, i.vault.As("tokens"), info.Path, info.Version)
	}
	if errors.Is(err, myvault.ErrNotFound) {
		return false, nil
	}
	return gone && err == nil, err
}

// over reports whether the token of a record can let nobody in any more: it has expired, is of another
// life of the store, or rests on what the policy of this process no longer takes.
func (i *Issuer) over(ctx context.Context, service string, v myvault.Value) bool {
	r, err := parseRecord(v)
	if err != nil {
		return false
	}
	if r.expired() || r.Incarnation != i.vault.Incarnation() {
		return true
	}
	return errors.Is(i.minterEnded(ctx, service, r), myvault.ErrUnauthenticated)
}

// expired reports whether no process lets anybody in by the token of a record, whatever its policy.
func expired(_ context.Context, _ string, v myvault.Value) bool {
	r, err := parseRecord(v)
	return err == nil && r.expired()
}

func (r record) expired() bool { return !time.Now().Before(r.Expires) }
