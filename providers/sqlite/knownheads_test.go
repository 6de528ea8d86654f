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
)

// A request that fails behind its first write leaves nothing in what the writer knows of the
// heads: those that are committed in the same batch, and later ones, count on without a gap.
func TestAFailedRequestLeavesNoHeadBehind(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	_, err := apply(s, put("p/taken", "x"))
	is.NoErr(err)
	const callers = 120
	var mu sync.Mutex
	var versions []myvault.Version
	var wait sync.WaitGroup
	for n := range callers {
		wait.Go(func() {
			if n%3 == 0 {
				if _, err := apply(s, put("p/shared", "lost"), put("p/taken", "y", myvault.IfAbsent())); !errors.Is(err, myvault.ErrExists) {
					t.Error(err)
				}
				return
			}
			infos, err := apply(s, put("p/shared", "kept"))
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
	secret, err := s.Get(t.Context(), addr("p/shared"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "kept")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// What another process has changed is not taken from memory.
func TestHeadsAreReadAgainBehindAnotherWriter(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	stores := []*sqlite.Store{open(t, dir, key), open(t, dir, key)}
	for n := range 12 {
		infos, err := apply(stores[n/2%2], put("p/a", "x"), put(fmt.Sprintf("p/b%d", n), "x"))
		is.NoErr(err)
		is.Equal(infos[0].Version, myvault.Version(n+1))
	}
	_, err := stores[0].Verify(t.Context())
	is.NoErr(err)
}

// What the writer knows has a bound, and what goes is read from the file.
func TestKnownHeadsAreBounded(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	long := strings.Repeat(strings.Repeat("x", 128-1)+"/", 7)
	for version := range 2 {
		for from := range 8 {
			changes := make([]myvault.Change, 500)
			for n := range changes {
				changes[n] = put(fmt.Sprintf("p/%s%d", long, 500*from+n), "x")
			}
			infos, err := apply(s, changes...)
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

// The bytes are counted whoever wrote, and whoever failed.
func TestTheBytesOfKnownHeadsAreThoseThatThereAre(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	_, err := apply(s, put("p/taken", "x"))
	is.NoErr(err)
	var wait sync.WaitGroup
	for n := range 60 {
		wait.Go(func() {
			changes := []myvault.Change{put("p/a", "x"), put("p/b", "x")}
			if n%2 == 0 {
				changes = append(changes, put("p/taken", "y", myvault.IfAbsent()))
			}
			_, err := s.Apply(t.Context(), myvault.Commit{Changes: changes, By: strings.Repeat("s", n+1), At: at})
			if (err != nil) != (n%2 == 0) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	_, bytes := s.KnownHeads()
	is.Equal(bytes, s.KnownHeadsSum())
}

// A head that is known and is not in the file any more is read again, and found missing, as it
// would be by who does not know it.
func TestAKnownHeadThatIsGone(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	_, err := apply(s, put("p/a", "x"), put("p/b", "x"))
	is.NoErr(err)
	is.NoErr(s.WriterRuns(`DELETE FROM head WHERE path = 'a'`))
	infos, err := apply(s, put("p/a", "y"), put("p/b", "y"))
	is.NoErr(err)
	is.Equal(infos[0].Version, myvault.Version(1))
	is.Equal(infos[1].Version, myvault.Version(2))
	secret, err := s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "y")
	_, err = s.Verify(t.Context())
	is.True(errors.Is(err, myvault.ErrTampered))
}
