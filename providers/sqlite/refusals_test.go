package sqlite_test

import (
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// TestConflictWithUncommittedChange checks that a request that conflicts with another one of the
// same transaction fails with ErrUnavailable, not ErrExists, if the transaction is not committed.
// Else both IfAbsent would fail and nothing would be written.
func TestConflictWithUncommittedChange(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := apply(s, put("p/taken", "x"))
	is.NoErr(err)
	var first, second, third error
	both := func() {
		s.ChangesTogether(t.Context(),
			func() { _, third = apply(s, put("p/taken", "y", myvault.IfAbsent())) },
			func() { _, first = apply(s, put("p/lock", "mine", myvault.IfAbsent())) },
			func() { _, second = apply(s, put("p/lock", "mine", myvault.IfAbsent())) },
		)
	}
	d.fail(full("vault.db-wal"))
	both()
	is.True(errors.Is(first, myvault.ErrUnavailable))
	is.True(errors.Is(second, myvault.ErrUnavailable))
	is.True(!errors.Is(second, myvault.ErrExists) && !errors.Is(second, myvault.ErrUnknownOutcome))
	is.True(errors.Is(third, myvault.ErrExists)) // a conflict with a committed change
	d.heal()
	_, err = s.Get(t.Context(), addr("p/lock"), 0)
	is.True(errors.Is(err, myvault.ErrNotFound))
	both()
	is.NoErr(first)
	is.True(errors.Is(second, myvault.ErrExists))
}
