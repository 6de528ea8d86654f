package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"
	"golang.org/x/sys/unix"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// takeTurn does as another process would that has the database open and is writing: the
// locks are those of an open file, not of a process.
func takeTurn(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Start: 2, Len: 1}))
	must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK, Start: 1, Len: 1}))
	release = sync.OnceFunc(func() { must(t, f.Close()) })
	t.Cleanup(release)
	return release
}

// noticed waits until a store has seen that it is not alone.
const noticed = 20 * time.Millisecond

// While another process writes, what waits can be taken back: nothing of it was begun.
func TestWhatWaitsForAnotherProcessCanBeTakenBack(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := open(t, dir, crypto.NewKey())
	release := takeTurn(t, filepath.Join(dir, "vault.db-lock"))
	time.Sleep(noticed)
	ctx, cancel := context.WithTimeout(t.Context(), noticed)
	defer cancel()
	_, err := s.Apply(ctx, myvault.Commit{Changes: []myvault.Change{put("p/a", "x")}, By: "tester", At: at})
	is.True(errors.Is(err, context.DeadlineExceeded))
	waiting := make(chan error, 1)
	go func() {
		_, err := apply(s, put("p/b", "x"))
		waiting <- err
	}()
	select {
	case <-waiting:
		t.Fatal("it did not wait for its turn")
	case <-time.After(noticed):
	}
	release()
	is.NoErr(<-waiting)
	_, err = s.Get(t.Context(), addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrNotFound))
}

// A store that waits for its turn can be closed.
func TestCloseDoesNotWaitForAnotherProcess(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := open(t, dir, crypto.NewKey())
	release := takeTurn(t, filepath.Join(dir, "vault.db-lock"))
	time.Sleep(noticed)
	waiting := make(chan error, 1)
	go func() {
		_, err := apply(s, put("p/a", "x"))
		waiting <- err
	}()
	select {
	case <-waiting:
		t.Fatal("it did not wait for its turn")
	case <-time.After(noticed):
	}
	is.NoErr(s.Close())
	is.True(errors.Is(<-waiting, myvault.ErrClosed))
	release()
}

// Of two that write at once, neither is kept from writing by the other: whoever comes back
// at once waits behind who was waiting. Two stores stand for two processes.
func TestWritersTakeTurns(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	stores := []*sqlite.Store{open(t, dir, key), open(t, dir, key)}
	var done [2]atomic.Int64
	var wait sync.WaitGroup
	var errs [2]error
	const each = 100
	for i, s := range stores {
		for n := range 4 {
			wait.Go(func() {
				for done[i].Load() < each {
					if _, err := apply(s, put(fmt.Sprintf("p/of%d-%d", i, n), "x")); err != nil {
						errs[i] = err
						return
					}
					if done[i].Add(1) == each {
						// By now the other one has had its share.
						if other := done[1-i].Load(); other < each/5 {
							errs[i] = fmt.Errorf("the other one has written %d times", other)
						}
					}
				}
			})
		}
	}
	wait.Wait()
	is.NoErr(errors.Join(errs[:]...))
	_, err := stores[0].Verify(t.Context())
	is.NoErr(err)
}

// Who has stopped waiting does not keep the turn when it comes.
func TestATurnThatNobodyWantsIsGivenBack(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	a, b := open(t, dir, key), open(t, dir, key)
	a.WaitForTurn(50 * time.Millisecond)
	b.WaitForTurn(5 * time.Second)
	release := takeTurn(t, filepath.Join(dir, "vault.db-lock"))
	time.Sleep(noticed)
	_, err := apply(a, put("p/a", "x"))
	is.True(errors.Is(err, myvault.ErrUnavailable)) // it has given up
	release()
	_, err = apply(b, put("p/b", "x"))
	is.NoErr(err)
	_, err = apply(a, put("p/a", "x")) // and can wait again
	is.NoErr(err)
}
