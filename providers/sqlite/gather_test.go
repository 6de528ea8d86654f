package sqlite_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestCommitIsOneWrite checks that a commit of any number of pages takes one write to the
// write-ahead log and one sync, and a very large one few writes.
func TestCommitIsOneWrite(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	var writes, syncs atomic.Int64
	d.fail(func(operation, name string) error {
		switch {
		case name != "vault.db-wal":
		case operation == "write":
			writes.Add(1)
		default:
			syncs.Add(1)
		}
		return nil
	})
	count := func(changes ...myvault.Change) (int64, int64) {
		_, err := apply(s, changes...)
		is.NoErr(err)
		return writes.Swap(0), syncs.Swap(0)
	}
	var many []myvault.Change
	for n := range 500 {
		many = append(many, put(fmt.Sprintf("p%d/a", n), "a value"))
	}
	_, _ = count(put("p/a", "the first also begins the log"))
	for _, changes := range [][]myvault.Change{{put("p/a", "x")}, many} {
		written, synced := count(changes...)
		is.Equal(written, int64(1))
		is.Equal(synced, int64(1))
	}
	large := make([]myvault.Change, 8) // 4 MiB, still in the cache of SQLite
	for n := range large {
		large[n] = put(fmt.Sprintf("large/%d", n), strings.Repeat("v", myvault.MaxValue))
	}
	written, synced := count(large...)
	is.True(written > 1 && written <= 12)
	is.Equal(synced, int64(1))
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}

// TestFailedCommitDropsWrites checks that the buffered writes of a failed commit are not written by
// a later one, when others may have written there.
func TestFailedCommitDropsWrites(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s, other := openWith(t, dir, key, c), openWith(t, dir, key, c)
	for n := range 5 {
		_, err := apply(s, put("p/a", "one"))
		is.NoErr(err)
		d.fail(full("vault.db-wal"))
		_, err = apply(s, put("p/a", "refused"), put("p/refused", "refused"))
		is.True(errors.Is(err, myvault.ErrUnavailable))
		d.heal()
		for range n {
			_, err = apply(other, put("p/b", "another"))
			is.NoErr(err)
		}
		infos, err := apply(s, put("p/a", "two"))
		is.NoErr(err)
		is.Equal(infos[0].Version, myvault.Version(2*n+2))
	}
	_, err := other.Get(t.Context(), addr("p/refused"), 0)
	is.True(errors.Is(err, myvault.ErrNotFound))
	_, err = other.Verify(t.Context())
	is.NoErr(err)
}

// TestCommitFailsWithoutSync checks that a commit which leaves buffered writes fails even if SQLite
// reports success.
func TestCommitFailsWithoutSync(t *testing.T) {
	is := is.New(t)
	is.True(errors.Is(sqlite.CommitWithoutSync(), sqlite3.IOERR_FSYNC))
}
