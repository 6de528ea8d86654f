package sqlite_test

import (
	"context"
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// callOnErr is a context that calls do after Err was called left times. SQLite calls Err before
// each of its steps, so do runs callOnErr two steps of a read.
type callOnErr struct {
	context.Context
	left int
	do   func()
}

func (b *callOnErr) Err() error {
	if b.left--; b.left == -1 {
		b.do()
	}
	return nil
}

// TestVerifyHeadsDuringPrune checks that entries pruned callOnErr any two of the last queries of
// Verify are not reported as truncation.
func TestVerifyHeadsDuringPrune(t *testing.T) {
	is := is.New(t)
	asked := verifiedBetween(t, -1)
	is.True(asked > 15)
	for n := asked - 15; n < asked; n++ {
		verifiedBetween(t, n)
	}
}

// verifiedBetween verifies a store against its heads and prunes past them after the given number
// of calls of Err. It returns the number of calls in total.
func verifiedBetween(t *testing.T, before int) (asked int) {
	t.Helper()
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	recorded(t, s, 10)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	recorded(t, s, 10)
	ctx := &callOnErr{t.Context(), before, func() { is.NoErr(s.PruneStep(context.Background(), 15)) }}
	_, err = s.Verify(ctx, heads...)
	is.NoErr(err)
	return before - ctx.left
}

// TestOpenDuringRekey checks that opening a store during a rekey by another process succeeds or
// returns ErrWrongKey, and never ErrTampered.
func TestOpenDuringRekey(t *testing.T) {
	is := is.New(t)
	old := crypto.NewKey()
	s := open(t, t.TempDir(), old)
	for n, done := 0, true; done; n++ {
		done = false
		to := crypto.NewKey()
		err := s.ReadsKeys(&callOnErr{t.Context(), n, func() {
			done = true
			is.NoErr(s.RekeyLater(context.Background(), to))
		}}, old)
		if err != nil {
			is.True(errors.Is(err, myvault.ErrWrongKey))
		}
		is.True(!errors.Is(err, myvault.ErrTampered))
		if done {
			old = to
		}
	}
}
