package sqlite_test

import (
	"context"
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// between is a context that does something once it was asked so many times whether it has ended. The
// engine asks before each of its steps, so what is done comes between two steps of a reading.
type between struct {
	context.Context
	left int
	do   func()
}

func (b *between) Err() error {
	if b.left--; b.left == -1 {
		b.do()
	}
	return nil
}

// Verify holds a head against the chain while others prune. Between any two of the questions that
// it asks at its end, what is pruned is not taken for cut short.
func TestWhatIsPrunedWhileHeadsAreComparedIsNotCutShort(t *testing.T) {
	is := is.New(t)
	asked := verifiedBetween(t, -1)
	is.True(asked > 15)
	for n := asked - 15; n < asked; n++ {
		verifiedBetween(t, n)
	}
}

// verifiedBetween verifies a store against a head, and has entries pruned up to that of the head and
// beyond once the context was asked so often. It gives how often it was asked in all.
func verifiedBetween(t *testing.T, before int) (asked int) {
	t.Helper()
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	recorded(t, s, 10)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	recorded(t, s, 10)
	ctx := &between{t.Context(), before, func() { is.NoErr(s.PruneStep(context.Background(), 15)) }}
	_, err = s.Verify(ctx, heads...)
	is.NoErr(err)
	return before - ctx.left
}

// A store that is opened while another process changes the master key has the keys of before or of
// behind it: it is opened, or has the wrong key, and is never taken for altered.
func TestAnOpeningWhileTheMasterKeyIsChanged(t *testing.T) {
	is := is.New(t)
	old := crypto.NewKey()
	s := open(t, t.TempDir(), old)
	for n, done := 0, true; done; n++ {
		done = false
		to := crypto.NewKey()
		err := s.ReadsKeys(&between{t.Context(), n, func() {
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
