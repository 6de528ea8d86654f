package sqlite_test

import (
	"context"
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestOpenDuringRekey checks that opening a store during a rekey by another process succeeds or
// returns ErrWrongKey, and never ErrTampered.
func TestOpenDuringRekey(t *testing.T) {
	is := is.New(t)
	old := crypto.NewKey()
	s := storetest.Open(t, t.TempDir(), old)
	for n, done := 0, true; done; n++ {
		done = false
		to := crypto.NewKey()
		err := s.ReadsKeys(&storetest.CallOnErr{Context: t.Context(), Left: n, Do: func() {
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
