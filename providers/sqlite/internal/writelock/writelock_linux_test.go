package writelock_test

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
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// takeTurn takes the locks of another process that has the database open and writes. They belong
// to the open file and not to the process.
func takeTurn(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	storetest.Must(t, err)
	storetest.Must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Start: 2, Len: 1}))
	storetest.Must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK, Start: 1, Len: 1}))
	release = sync.OnceFunc(func() { storetest.Must(t, f.Close()) })
	t.Cleanup(release)
	return release
}

// detected is how long a store takes to detect another process.
const detected = 20 * time.Millisecond

// TestCancelWhileWaiting checks that a change waiting for another process can be canceled and is
// not made.
func TestCancelWhileWaiting(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	release := takeTurn(t, filepath.Join(dir, "vault.db-lock"))
	time.Sleep(detected)
	ctx, cancel := context.WithTimeout(t.Context(), detected)
	defer cancel()
	_, err := s.Apply(ctx, myvault.Commit{Changes: []myvault.Change{storetest.Put("p/a", "x")}, By: "tester", At: storetest.At})
	is.True(errors.Is(err, context.DeadlineExceeded))
	waiting := make(chan error, 1)
	go func() {
		_, err := storetest.Apply(s, storetest.Put("p/b", "x"))
		waiting <- err
	}()
	select {
	case <-waiting:
		t.Fatal("it did not wait for its turn")
	case <-time.After(detected):
	}
	release()
	is.NoErr(<-waiting)
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrNotFound))
}

// TestCloseWhileWaiting checks that a store that waits for its turn can be closed.
func TestCloseWhileWaiting(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	release := takeTurn(t, filepath.Join(dir, "vault.db-lock"))
	time.Sleep(detected)
	waiting := make(chan error, 1)
	go func() {
		_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
		waiting <- err
	}()
	select {
	case <-waiting:
		t.Fatal("it did not wait for its turn")
	case <-time.After(detected):
	}
	is.NoErr(s.Close())
	is.True(errors.Is(<-waiting, myvault.ErrClosed))
	release()
}

// queued returns once a store waits for its turn to write to the file.
func queued(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	storetest.Must(t, err)
	defer f.Close()
	for {
		queue := unix.Flock_t{Type: unix.F_WRLCK, Start: 0, Len: 1}
		storetest.Must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &queue))
		if queue.Type != unix.F_UNLCK {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestWritersQueue checks that a process that writes again at once queues after one that waits. Two
// stores act as two processes.
func TestWritersQueue(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	path := filepath.Join(dir, "vault.db-lock")
	stores := []*sqlite.Store{storetest.Open(t, dir, key), storetest.Open(t, dir, key)}
	for n := range 20 {
		release := takeTurn(t, path)
		time.Sleep(detected)
		waits, back := stores[n%2], stores[1-n%2]
		waited := make(chan error, 1)
		go func() {
			_, err := storetest.Apply(waits, storetest.Put("p/a", "waited"))
			waited <- err
		}()
		queued(t, path)
		release()
		_, err := storetest.Apply(back, storetest.Put("p/a", "came back"))
		is.NoErr(err)
		is.NoErr(<-waited)
		secret, err := back.Get(t.Context(), storetest.Addr("p/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "came back")
	}
}

// TestWritersTakeTurns checks that two concurrent writers both make progress and the log verifies.
func TestWritersTakeTurns(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	stores := []*sqlite.Store{storetest.Open(t, dir, key), storetest.Open(t, dir, key)}
	var done [2]atomic.Int64
	var wait sync.WaitGroup
	var errs [2]error
	const each = 100
	for i, s := range stores {
		for n := range 4 {
			wait.Go(func() {
				for done[i].Load() < each {
					if _, err := storetest.Apply(s, storetest.Put(fmt.Sprintf("p/of%d-%d", i, n), "x")); err != nil {
						errs[i] = err
						return
					}
					done[i].Add(1)
				}
			})
		}
	}
	wait.Wait()
	is.NoErr(errors.Join(errs[:]...))
	_, err := stores[0].Verify(t.Context())
	is.NoErr(err)
}

// TestAbandonedTurnIsReleased checks that a caller that has stopped waiting does not keep the lock.
func TestAbandonedTurnIsReleased(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	a, b := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	storetest.RoomsOf(a).Vault.Writer.Lock.Timeout = 50 * time.Millisecond
	storetest.RoomsOf(b).Vault.Writer.Lock.Timeout = 5 * time.Second
	release := takeTurn(t, filepath.Join(dir, "vault.db-lock"))
	time.Sleep(detected)
	_, err := storetest.Apply(a, storetest.Put("p/a", "x"))
	is.True(errors.Is(err, myvault.ErrUnavailable)) // timed out
	release()
	_, err = storetest.Apply(b, storetest.Put("p/b", "x"))
	is.NoErr(err)
	_, err = storetest.Apply(a, storetest.Put("p/a", "x")) // and can wait again
	is.NoErr(err)
}
