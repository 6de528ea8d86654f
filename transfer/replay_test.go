package transfer_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/transfer"
)

// doubtful reports an unknown outcome for the first destroy.
type doubtful struct {
	*memory.Provider
	destroys *int
}

func (p doubtful) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	infos, err := p.Provider.Apply(ctx, c)
	if last := c.Changes[len(c.Changes)-1]; err == nil && last.Op == myvault.OpDestroy {
		if *p.destroys++; *p.destroys == 1 {
			return nil, myvault.ErrUnknownOutcome
		}
	}
	return infos, err
}

// TestCopyDestroysAgain checks that a destroy with an unknown outcome is repeated.
func TestCopyDestroysAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // no waiting between tries
		is := is.New(t)
		src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
		h := newHistory(t, src, 1)
		h.apply("x", epoch, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
		copyEqual(t, dst, src, options)
		h.apply("x", epoch, myvault.Change{Op: myvault.OpDestroy, Address: db})
		destroys := 0
		copyEqual(t, doubtful{dst, &destroys}, src, options)
		is.Equal(destroys, 2)
	})
}

// overtaken is a target to which another copy of the same source always writes first.
type overtaken struct{ *memory.Provider }

func (p overtaken) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if _, err := p.Provider.Apply(ctx, c); err != nil {
		return nil, err
	}
	return p.Provider.Apply(ctx, c)
}

// TestCopyBesideAnother makes no version twice.
func TestCopyBesideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
		h := newHistory(t, src, 1)
		for n := range 3 {
			h.apply("x", epoch.AddDate(0, 0, n), myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
		}
		copyEqual(t, overtaken{dst}, src, options)
	})
}

// forgetful is a provider that has dropped the first version of every secret.
type forgetful struct{ myvault.Provider }

func (p forgetful) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		for info, err := range p.Provider.Versions(ctx, addr, before) {
			if info.Version != 1 && !yield(info, err) {
				return
			}
		}
	}
}

// TestCopyNeedsEveryVersion checks that a secret with missing versions is refused.
func TestCopyNeedsEveryVersion(t *testing.T) {
	is := is.New(t)
	whole := memory.New(memory.Config{})
	h := newHistory(t, whole, 1)
	for n := range 3 {
		h.apply("x", epoch.AddDate(0, 0, n), myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
	}
	r, err := transfer.Copy(t.Context(), memory.New(memory.Config{}), forgetful{whole}, options)
	is.True(errors.Is(err, myvault.ErrInvalid))
	is.Equal(r.Unfit[0].String(), db.String()+": the source has not kept all of its versions")
	o := options
	o.Trail = myvault.NoTrail{}
	r, err = transfer.Copy(t.Context(), forgetful{whole}, whole, o)
	is.True(errors.Is(err, myvault.ErrConflict))
	is.Equal(r.Conflicts[0].String(), db.String()+": the target has not kept all of its versions")
}
