package watch_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

func open(t testing.TB, dir string, key crypto.Key, c sqlite.Config) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(path string) myvault.Change {
	return myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: path}, Value: myvault.Text("v")}
}

func apply(t testing.TB, s *sqlite.Store, changes ...myvault.Change) {
	t.Helper()
	if _, err := s.Apply(t.Context(), myvault.Commit{By: "tester", At: time.Now(), Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

func watch(t testing.TB, s *sqlite.Store, after myvault.Position) myvault.Feed {
	t.Helper()
	f, err := s.Watch(t.Context(), myvault.Prefix{}, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// next waits for events and returns their changes as text.
func next(t testing.TB, f myvault.Feed) string {
	t.Helper()
	<-f.Ready()
	events, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range events {
		lines = append(lines, fmt.Sprint(e.Changes))
	}
	return strings.Join(lines, " ")
}

// Stores in one process do not know of each other, as if they were in two.
func TestChangesOfOthers(t *testing.T) {
	for name, c := range map[string]sqlite.Config{"cached": {}, "without a cache": {CacheBytes: -1}} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			a, b := open(t, dir, key, c), open(t, dir, key, c)
			f := watch(t, a, "")
			apply(t, b, put("x"), put("y"))
			is.Equal(next(t, f), "[p/x version 1 live p/y version 1 live]")
			apply(t, a, put("x"))
			is.Equal(next(t, f), "[p/x version 2 live]")
			// A position of one process is valid in another.
			position := f.Position()
			apply(t, b, put("x"))
			is.Equal(next(t, watch(t, b, position)), "[p/x version 3 live]")
			is.Equal(next(t, f), "[p/x version 3 live]")
		})
	}
}

// A feed that is opened or read has every commit acknowledged before, without waiting for the poll.
func TestNextIsCurrent(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	a, b := open(t, dir, key, sqlite.Config{}), open(t, dir, key, sqlite.Config{})
	f := watch(t, a, "")
	for n := range 20 {
		apply(t, b, put("x"))
		events, err := f.Next(t.Context())
		is.NoErr(err)
		is.Equal(len(events), 1)
		is.Equal(events[0].Changes[0].Version, myvault.Version(n+1))
		is.Equal(watch(t, a, "").Position(), f.Position())
	}
}

// After a commit that the feeds of a store did not read, they read it from the file.
func TestResumeFromTheFile(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey(), sqlite.Config{})
	f := watch(t, s, "")
	position := f.Position()
	f.Close()
	apply(t, s, put("a"), put("b"))
	apply(t, s, put("c"))
	other := watch(t, s, "") // its poller begins behind them
	resumed := watch(t, s, position)
	apply(t, s, put("d"))
	got := next(t, resumed)
	for !strings.Contains(got, "p/d") {
		got += " " + next(t, resumed)
	}
	is.Equal(got, "[p/a version 1 live p/b version 1 live] [p/c version 1 live] [p/d version 1 live]")
	is.Equal(next(t, other), "[p/d version 1 live]")
}

// Events that are read from the file come in parts too, each of which ends with a whole commit.
func TestResumeFromTheFileInParts(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey(), sqlite.Config{})
	f := watch(t, s, "")
	position := f.Position()
	f.Close()
	const commits, size = 5, 400
	for n := range commits {
		apply(t, s, slices.Repeat([]myvault.Change{put(fmt.Sprint(n))}, size)...)
	}
	resumed := watch(t, s, position)
	var sizes []int
	for n := 0; n < commits; {
		events, err := resumed.Next(t.Context())
		is.NoErr(err)
		sizes = append(sizes, len(events))
		for _, e := range events {
			is.Equal(len(e.Changes), size)
			is.Equal(e.Changes[size-1].Path, fmt.Sprint(n))
			n++
		}
		is.Equal(events[len(events)-1].Position, resumed.Position())
	}
	is.Equal(sizes, []int{3, 2})
}

// While nothing is committed, looking for commits takes no connection and no query.
func TestProbeTakesNoConnection(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("the WAL-index is used on Linux only")
		return
	}
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key, sqlite.Config{})
	file, err := wal.Open(t.Context(), schema.VaultFile, dir, key, wal.Options{Keys: keyring.Source(sqlite.StaticKey(key)), Synchronous: db.SyncFull})
	is.NoErr(err)
	file.Start()
	defer file.Close()
	release := make(chan struct{})
	defer close(release)
	for range min(4, max(2, runtime.GOMAXPROCS(0))) { // use every connection
		used := make(chan struct{})
		go func() {
			_ = file.Readers.Read(context.Background(), func(*db.Conn) error { close(used); <-release; return nil })
		}()
		<-used
	}
	p := rowcache.NewProbe(file, nil, true)
	is.True(p.Changed(t.Context()))
	for range 100 {
		is.True(!p.Changed(t.Context()))
	}
	apply(t, s, put("a"))
	is.True(p.Changed(t.Context()))
	is.True(!p.Changed(t.Context()))
	p.Forget()
	is.True(p.Changed(t.Context()))
	is.NoErr(p.Close())
}

// No goroutine is left once the last feed is closed, and none after Close.
func TestNoGoroutineIsLeft(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey(), sqlite.Config{})
	apply(t, s, put("a"))
	before := runtime.NumGoroutine()
	var feeds []myvault.Feed
	for range 100 {
		feeds = append(feeds, watch(t, s, ""))
	}
	is.Equal(runtime.NumGoroutine(), before+1) // one for all
	for _, f := range feeds {
		f.Close()
	}
	is.Equal(runtime.NumGoroutine(), before)
	f := watch(t, s, "")
	ready := f.Ready()
	is.NoErr(s.Close())
	<-ready
	_, err := f.Next(t.Context())
	is.True(errors.Is(err, myvault.ErrClosed))
	f.Close()
	for _, stack := range stacks() {
		is.True(!strings.Contains(stack, "poller"))
	}
}

func stacks() []string {
	b := make([]byte, 1<<20)
	return strings.Split(string(b[:runtime.Stack(b, true)]), "\n\n")
}

// A row that does not authenticate is no event.
func TestAlteredRow(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key, sqlite.Config{})
	f := watch(t, s, "")
	position := f.Position()
	f.Close()
	apply(t, s, put("a"))
	outside, err := sqlite3.Open(filepath.Join(dir, "vault.db"))
	is.NoErr(err)
	is.NoErr(outside.Exec(`UPDATE log SET author = 'mallory'`))
	is.NoErr(outside.Close())
	_, err = watch(t, s, position).Next(t.Context())
	is.True(errors.Is(err, myvault.ErrTampered))
}
