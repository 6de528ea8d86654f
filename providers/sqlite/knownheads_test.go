package sqlite_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestFailedRequestLeavesNoHead checks that a request that fails after its first write leaves
// nothing in the writer's known heads: versions have no gap in the same batch and later.
func TestFailedRequestLeavesNoHead(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/taken", "x"))
	is.NoErr(err)
	const callers = 120
	var mu sync.Mutex
	var versions []myvault.Version
	var wait sync.WaitGroup
	for n := range callers {
		wait.Go(func() {
			if n%3 == 0 {
				if _, err := storetest.Apply(s, storetest.Put("p/shared", "lost"), storetest.Put("p/taken", "y", myvault.IfAbsent())); !errors.Is(err, myvault.ErrExists) {
					t.Error(err)
				}
				return
			}
			infos, err := storetest.Apply(s, storetest.Put("p/shared", "kept"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			versions = append(versions, infos[0].Version)
		})
	}
	wait.Wait()
	is.Equal(len(versions), callers*2/3)
	slices.Sort(versions)
	for i, v := range versions {
		is.Equal(v, myvault.Version(i+1))
	}
	secret, err := s.Get(t.Context(), storetest.Addr("p/shared"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "kept")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestHeadsAreReadAgainAfterAnotherWriter checks that heads changed by another process are read
// from the file.
func TestHeadsAreReadAgainAfterAnotherWriter(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	stores := []*sqlite.Store{storetest.Open(t, dir, key), storetest.Open(t, dir, key)}
	for n := range 12 {
		infos, err := storetest.Apply(stores[n/2%2], storetest.Put("p/a", "x"), storetest.Put(fmt.Sprintf("p/b%d", n), "x"))
		is.NoErr(err)
		is.Equal(infos[0].Version, myvault.Version(n+1))
	}
	_, err := stores[0].Verify(t.Context())
	is.NoErr(err)
}

// TestKnownHeadsAreBounded checks that the known heads are bounded, and that evicted ones are read
// from the file.
func TestKnownHeadsAreBounded(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	long := strings.Repeat(strings.Repeat("x", 128-1)+"/", 7)
	for version := range 2 {
		for from := range 8 {
			changes := make([]myvault.Change, 500)
			for n := range changes {
				changes[n] = storetest.Put(fmt.Sprintf("p/%s%d", long, 500*from+n), "x")
			}
			infos, err := storetest.Apply(s, changes...)
			is.NoErr(err)
			for _, info := range infos {
				is.Equal(info.Version, myvault.Version(version+1))
			}
			heads, bytes := s.KnownHeads()
			is.True(heads > 0 && heads < 4000)
			is.True(bytes > 0 && bytes <= 4<<20)
		}
	}
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}

// TestKnownHeadsByteCount checks that the byte count of the known heads stays exact, also after
// failed requests.
func TestKnownHeadsByteCount(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/taken", "x"))
	is.NoErr(err)
	var wait sync.WaitGroup
	for n := range 60 {
		wait.Go(func() {
			changes := []myvault.Change{storetest.Put("p/a", "x"), storetest.Put("p/b", "x")}
			if n%2 == 0 {
				changes = append(changes, storetest.Put("p/taken", "y", myvault.IfAbsent()))
			}
			_, err := s.Apply(t.Context(), myvault.Commit{Changes: changes, By: strings.Repeat("s", n+1), At: storetest.At})
			if (err != nil) != (n%2 == 0) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	_, bytes := s.KnownHeads()
	is.Equal(bytes, s.KnownHeadsSum())
}

// TestKnownHeadMissingInFile checks that a known head which is missing in the file is treated as
// missing.
func TestKnownHeadMissingInFile(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"), storetest.Put("p/b", "x"))
	is.NoErr(err)
	is.NoErr(storetest.RunByWriter(storetest.RoomsOf(s).Vault.Writer, `DELETE FROM head WHERE path = 'a'`))
	infos, err := storetest.Apply(s, storetest.Put("p/a", "y"), storetest.Put("p/b", "y"))
	is.NoErr(err)
	is.Equal(infos[0].Version, myvault.Version(1))
	is.Equal(infos[1].Version, myvault.Version(2))
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "y")
	_, err = s.Verify(t.Context())
	is.True(errors.Is(err, myvault.ErrTampered))
}
