package rowcache_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m, nil) }

// TestReadsAreCached checks that a second read of a secret, or of a missing one, needs no
// connection.
func TestReadsAreCached(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"), storetest.Put("p/a", "two"), storetest.Put("p/gone", "x"), storetest.On(myvault.OpDelete, "p/gone"))
	is.NoErr(err)
	read := func() {
		t.Helper()
		for range 2 {
			secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), "two")
			is.Equal(secret.Info, myvault.Info{Address: storetest.Addr("p/a"), Version: 2, State: myvault.Live, At: secret.At, By: "tester"})
		}
		secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 2)
		is.NoErr(err)
		is.Equal(secret.Version, myvault.Version(2))
		for _, missing := range []string{"p/gone", "p/never"} {
			_, err = s.Get(t.Context(), storetest.Addr(missing), 0)
			is.Equal(err, myvault.ErrNotFound)
		}
		_, err = s.Get(t.Context(), storetest.Addr("p/a"), 3)
		is.Equal(err, myvault.ErrNotFound)
	}
	read()
	storetest.WithoutReaders(storetest.RoomsOf(s).Vault, read)
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 1) // not in the cache
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	is.NoErr(s.Close())
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.Equal(err, myvault.ErrClosed)
}

// TestEveryChangeShows checks that each kind of change is visible at once, in the store that makes
// it and in another.
func TestEveryChangeShows(t *testing.T) {
	for name, c := range storetest.CacheChecks {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			a, b := storetest.OpenWith(t, dir, key, c), storetest.OpenWith(t, dir, key, c)
			both := func(want string, wantErr error) {
				t.Helper()
				for _, s := range []*sqlite.Store{a, b, a, b} {
					secret, err := s.Get(t.Context(), storetest.Addr("p/x"), 0)
					is.Equal(err, wantErr)
					is.Equal(secret.Value.Reveal(), want)
				}
			}
			both("", myvault.ErrNotFound)
			for round := range 5 {
				for _, step := range []struct {
					change myvault.Change
					want   string
					err    error
				}{
					{storetest.Put("p/x", fmt.Sprint("one ", round)), fmt.Sprint("one ", round), nil},
					{storetest.On(myvault.OpDelete, "p/x"), "", myvault.ErrNotFound},
					{storetest.On(myvault.OpUndelete, "p/x"), fmt.Sprint("one ", round), nil},
					{storetest.Put("p/x", "two"), "two", nil},
					{storetest.Put("p/other", "x"), "two", nil},
					{storetest.On(myvault.OpDestroy, "p/x"), "", myvault.ErrNotFound},
				} {
					_, err := storetest.Apply(a, step.change)
					is.NoErr(err)
					both(step.want, step.err)
					a, b = b, a
				}
			}
		})
	}
}

// TestManyForeignChangesShow makes so many changes at once that the cache is cleared.
func TestManyForeignChangesShow(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	a, b := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	for round := range 3 {
		var changes []myvault.Change
		for n := range 4100 {
			changes = append(changes, storetest.Put(fmt.Sprint("p/a", n), fmt.Sprint(round)))
		}
		_, err := storetest.Apply(a, changes...)
		is.NoErr(err)
		for n := range 4100 {
			secret, err := b.Get(t.Context(), storetest.Addr(fmt.Sprint("p/a", n)), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), fmt.Sprint(round))
		}
	}
}

// TestChangeDuringRefreshShows checks that a change made during a refresh of the cache is visible
// in the next read.
func TestChangeDuringRefreshShows(t *testing.T) {
	for name, c := range storetest.CacheChecks {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			a, b := storetest.OpenWith(t, dir, key, c), storetest.OpenWith(t, dir, key, c)
			_, err := storetest.Apply(b, storetest.Put("p/x", "old"))
			is.NoErr(err)
			_, err = a.Get(t.Context(), storetest.Addr("p/x"), 0)
			is.NoErr(err)
			_, err = storetest.Apply(b, storetest.Put("p/y", "y"))
			is.NoErr(err)
			storetest.RoomsOf(a).Validator.AfterQuery(func() {
				_, err := storetest.Apply(b, storetest.Put("p/x", "new"))
				is.NoErr(err)
			})
			_, err = a.Get(t.Context(), storetest.Addr("p/x"), 0)
			is.NoErr(err)
			secret, err := a.Get(t.Context(), storetest.Addr("p/x"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), "new")
		})
	}
}

// TestNoReadOfEvictedRows checks that no read returns a cached row that is about to be removed.
func TestNoReadOfEvictedRows(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	a, b := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	_, err := storetest.Apply(b, storetest.Put("p/x", "old"))
	is.NoErr(err)
	_, err = a.Get(t.Context(), storetest.Addr("p/x"), 0)
	is.NoErr(err)
	_, err = storetest.Apply(b, storetest.Put("p/x", "new"))
	is.NoErr(err)
	ended := make(chan error, 1)
	asked := make(chan struct{})
	storetest.RoomsOf(a).Validator.AfterQuery(func() { close(asked) })
	storetest.RoomsOf(a).Cache.WithRemovalHeld(func() {
		go func() {
			_, err := a.Get(context.Background(), storetest.Addr("p/x"), 0)
			ended <- err
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		<-asked
		for err == nil {
			var secret myvault.Secret
			secret, err = a.Get(ctx, storetest.Addr("p/x"), 0)
			is.True(err != nil || secret.Value.Reveal() == "new")
		}
	})
	is.NoErr(<-ended)
}

// acknowledgements are the newest acknowledged versions of the writers.
type acknowledgements [16]atomic.Uint64

func (a *acknowledgements) raise(n int, version uint64) {
	for {
		known := a[n].Load()
		if version <= known || a[n].CompareAndSwap(known, version) {
			return
		}
	}
}

// all reports whether every writer has an acknowledged version.
func (a *acknowledgements) all() bool {
	for n := range a {
		if a[n].Load() == 0 {
			return false
		}
	}
	return true
}

// read reads until stop is set. It fails if a version is older than one acknowledged before.
func (a *acknowledgements) read(s *sqlite.Store, n int, stop *atomic.Bool) error {
	seen := [len(a)]uint64{}
	for ; !stop.Load(); n++ {
		at := n * 7 % len(a)
		before := max(a[at].Load(), seen[at])
		secret, err := s.Get(context.Background(), storetest.Addr(fmt.Sprint("p/writer", at)), 0)
		if errors.Is(err, myvault.ErrNotFound) && before == 0 {
			continue
		}
		if err != nil {
			return err
		}
		seen[at] = uint64(secret.Version)
		if seen[at] < before {
			return fmt.Errorf("p/writer%d: read version %d after %d was acknowledged or seen", at, secret.Version, before)
		}
		if text, _, _ := strings.Cut(secret.Value.Reveal(), " "); at >= 6 && text != fmt.Sprint(secret.Version) {
			return fmt.Errorf("p/writer%d: version %d has the value of %s", at, secret.Version, text)
		}
	}
	return nil
}

// write puts many versions, each with its number as the value.
func (a *acknowledgements) write(s *sqlite.Store, n, versions int) error {
	for version := 1; version <= versions; version++ {
		infos, err := storetest.Apply(s, storetest.Put(fmt.Sprint("p/writer", n), fmt.Sprint(version, " ")))
		if err != nil {
			return err
		}
		a.raise(n, uint64(infos[0].Version))
	}
	return nil
}

// follow parses a line of another process that reports an acknowledged version.
func (a *acknowledgements) follow(line string) {
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != "put" {
		return
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(fields[1], "p/writer"))
	// A line truncated by the end of the process has a smaller version, which is acknowledged too.
	version, _ := strconv.ParseUint(fields[2], 10, 64)
	a.raise(n, version)
}

// TestNoReadIsStale checks that a read never returns a version older than one acknowledged before
// the read began. Two stores of this process and another process write.
func TestNoReadIsStale(t *testing.T) {
	t.Parallel()
	for name, c := range storetest.CacheChecks {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			stores := []*sqlite.Store{storetest.OpenWith(t, dir, key, c), storetest.OpenWith(t, dir, key, c)}
			var acked acknowledgements
			cmd, out := storetest.Process(t, "write", dir, key) // p/writer0 to p/writer5
			heard := make(chan error, 1)
			go func() { heard <- storetest.EachLine(out, acked.follow) }()
			var stop atomic.Bool
			errs := make(chan error, 32)
			var writers, readers sync.WaitGroup
			for n := range 10 {
				writers.Go(func() { errs <- acked.write(stores[n%2], 6+n, 50) })
			}
			for n := range 4 {
				readers.Go(func() { errs <- acked.read(stores[n%2], n, &stop) })
			}
			writers.Wait()
			for !acked.all() && len(heard) == 0 { // the process may begin late
				time.Sleep(time.Millisecond)
			}
			is.NoErr(cmd.Process.Kill())
			is.NoErr(<-heard)
			is.True(cmd.Wait() != nil)
			stop.Store(true)
			readers.Wait()
			close(errs)
			for err := range errs {
				is.NoErr(err)
			}
			is.True(acked.all()) // every writer has written
		})
	}
}
