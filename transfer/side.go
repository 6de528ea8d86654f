package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/myswiftagent/myvault"
)

// side is the source or the target.
type side struct{ myvault.Provider }

// errChanged is returned if a secret changed between two reads.
var errChanged = fmt.Errorf("%w: a secret changed while it was copied", myvault.ErrConflict)

// addresses yields every address that ever had a version, in order.
func (s side) addresses(ctx context.Context) iter.Seq2[myvault.Address, error] {
	return func(yield func(myvault.Address, error) bool) {
		live, gone := addressesOf(s.List(ctx, myvault.ListOptions{})), addressesOf(s.List(ctx, myvault.ListOptions{Deleted: true}))
		for f, err := range merged(live, gone) {
			if !yield(f.addr, err) || err != nil {
				return
			}
		}
	}
}

func addressesOf(infos iter.Seq2[myvault.Info, error]) iter.Seq2[myvault.Address, error] {
	return func(yield func(myvault.Address, error) bool) {
		for info, err := range infos {
			if !yield(info.Address, err) {
				return
			}
		}
	}
}

// versions returns every version of an address, oldest first. It returns none for an address that
// never had a version.
func (s side) versions(ctx context.Context, addr myvault.Address) ([]myvault.Info, error) {
	var infos []myvault.Info
	for info, err := range s.Versions(ctx, addr, 0) {
		if errors.Is(err, myvault.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	slices.Reverse(infos)
	return infos, nil
}

// values yields the versions after the first ones, oldest first, with the values that the store
// can read. infos is the result of versions.
func (s side) values(ctx context.Context, infos []myvault.Info, first int) iter.Seq2[myvault.Secret, error] {
	archive, ok := s.Provider.(myvault.Archive)
	if !ok {
		return s.readable(ctx, infos, first)
	}
	return func(yield func(myvault.Secret, error) bool) {
		for first < len(infos) {
			secrets, err := window(ctx, archive, infos, first)
			if err != nil {
				yield(myvault.Secret{}, err)
				return
			}
			for _, secret := range secrets {
				if !yield(secret, nil) {
					return
				}
			}
			first += len(secrets)
		}
	}
}

// maxWindow is the limit of values of one history in memory, in bytes.
const maxWindow = 1 << 20

// window returns the next versions after the first ones. The archive yields the newest first, so
// versions that exceed maxWindow are dropped and read again for a later window.
func window(ctx context.Context, archive myvault.Archive, infos []myvault.Info, first int) ([]myvault.Secret, error) {
	var kept []myvault.Secret
	size := 0
	for secret, err := range archive.History(ctx, infos[0].Address) {
		if err != nil {
			return nil, err
		}
		n := int(secret.Version)
		if n > len(infos) {
			continue
		}
		if n <= first {
			break
		}
		if !sameInfo(secret.Info, infos[n-1]) {
			return nil, errChanged
		}
		kept = append(kept, secret)
		for size += secret.Value.Len(); size > maxWindow && len(kept) > 1; kept = kept[1:] {
			size -= kept[0].Value.Len()
			kept[0] = myvault.Secret{}
		}
	}
	if len(kept) == 0 || int(kept[len(kept)-1].Version) != first+1 {
		return nil, errChanged
	}
	slices.Reverse(kept)
	return kept, nil
}

// readable yields the same as values for a store that is no Archive, by Get.
func (s side) readable(ctx context.Context, infos []myvault.Info, first int) iter.Seq2[myvault.Secret, error] {
	return func(yield func(myvault.Secret, error) bool) {
		for _, info := range infos[first:] {
			secret := myvault.Secret{Info: info}
			if info.State == myvault.Live && infos[len(infos)-1].State == myvault.Live {
				read, err := s.Get(ctx, info.Address, info.Version)
				if errors.Is(err, myvault.ErrNotFound) || errors.Is(err, myvault.ErrDestroyed) || err == nil && !sameInfo(read.Info, info) {
					err = errChanged
				}
				if err != nil {
					yield(myvault.Secret{}, err)
					return
				}
				secret = read
			}
			if !yield(secret, nil) {
				return
			}
		}
	}
}

// sameVersion reports whether a and b are of the same put. Their states may differ.
func sameVersion(a, b myvault.Info) bool {
	return a.Address == b.Address && a.Version == b.Version && a.At.Equal(b.At) && a.By == b.By &&
		a.Expires.Equal(b.Expires) && a.RotateAfter.Equal(b.RotateAfter)
}

func sameInfo(a, b myvault.Info) bool { return sameVersion(a, b) && a.State == b.State }
