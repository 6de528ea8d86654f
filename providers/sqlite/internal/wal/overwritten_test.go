//go:build linux || darwin

package wal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// grown makes a store of some pages and returns copies of its files from before it grew.
func grown(t *testing.T, key crypto.Key, by int) (dir string, before map[string][]byte) {
	t.Helper()
	dir = t.TempDir()
	s := storetest.Open(t, dir, key)
	grow(t, s, "old", 40)
	storetest.Must(t, s.Close())
	before = storetest.Files(t, dir)
	s = storetest.Open(t, dir, key)
	grow(t, s, "new", by)
	storetest.Must(t, s.Close())
	return dir, before
}

// grow makes changes and entries, each in a separate commit.
func grow(t *testing.T, s *sqlite.Store, name string, n int) {
	t.Helper()
	for i := range n {
		_, err := storetest.Apply(s, storetest.Put(fmt.Sprint("p/", name, i), strings.Repeat("x", 100)))
		storetest.Must(t, err)
		storetest.Record(t, s, 1)
	}
}

func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	storetest.Must(t, err)
	_, err = f.Write(content)
	storetest.Must(t, errors.Join(err, f.Close()))
}

// TestOverwrittenStore checks that a file overwritten by another program stops an open store: no
// change is acknowledged and Ping fails.
func TestOverwrittenStore(t *testing.T) {
	t.Parallel()
	type damage func(t *testing.T, dir string, before map[string][]byte)
	with := func(name string) damage {
		return func(t *testing.T, dir string, before map[string][]byte) {
			overwrite(t, filepath.Join(dir, name), before[name])
		}
	}
	truncated := func(name string, size int64) damage {
		return func(t *testing.T, dir string, before map[string][]byte) {
			storetest.Must(t, os.Truncate(filepath.Join(dir, name), size))
		}
	}
	for name, c := range map[string]struct {
		access bool // the file is access.db
		do     damage
	}{
		"an older vault.db":      {false, with("vault.db")},
		"an older access.db":     {true, with("access.db")},
		"vault.db cut":           {false, truncated("vault.db", 8192)},
		"access.db cut":          {true, truncated("access.db", 4096)},
		"vault.db emptied":       {false, truncated("vault.db", 0)},
		"the log emptied":        {false, truncated("vault.db-wal", 0)},
		"the log of access.db":   {true, truncated("access.db-wal", 0)},
		"the log cut in a frame": {false, truncated("vault.db-wal", 5000)},
		"the log of another time": {false, func(t *testing.T, dir string, _ map[string][]byte) {
			path := filepath.Join(dir, "vault.db-wal")
			log, err := os.ReadFile(path)
			storetest.Must(t, err)
			for i := 16; i < 24; i++ {
				log[i] ^= 1
			}
			overwrite(t, path, log)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			dir, before := grown(t, key, 200)
			s := storetest.Open(t, dir, key)
			grow(t, s, "more", 5) // into the log
			is.NoErr(s.Ping(t.Context()))
			c.do(t, dir, before)
			is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
			for range 2 {
				var err error
				if c.access {
					err = s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At})
				} else {
					_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
				}
				is.True(errors.Is(err, myvault.ErrUnavailable))
				is.True(strings.Contains(err.Error(), "restore"))
			}
			if !c.access {
				_, err := s.Get(t.Context(), storetest.Addr("p/new1"), 0)
				is.True(errors.Is(err, myvault.ErrUnavailable))
			}
		})
	}
}

// TestNoCommitToOverwrittenFile checks that even the first change after the overwrite is not
// acknowledged.
func TestNoCommitToOverwrittenFile(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir, before := grown(t, key, 200)
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithClock(storetest.Ticking()))
	grow(t, s, "more", 1) // that starts a log
	overwrite(t, filepath.Join(dir, "vault.db"), before["vault.db"])
	_, err := storetest.Apply(s, storetest.Put("p/a", "y"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	overwrite(t, filepath.Join(dir, "access.db"), before["access.db"])
	is.True(errors.Is(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}), myvault.ErrUnavailable))
	after := storetest.Files(t, dir)
	is.NoErr(s.Close())
	is.Equal(string(storetest.Files(t, dir)["vault.db"]), string(after["vault.db"])) // the log is not copied into it
}

// TestNoEntryAfterCheckpointOfOverwrittenFile checks that an entry which may restart the log checks
// the file, however recent the last check is: later the overwrite would look like a checkpoint.
func TestNoEntryAfterCheckpointOfOverwrittenFile(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir, before := grown(t, key, 200)
	began := time.Now()
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithClock(func() time.Time { return began }))
	grow(t, s, "more", 1)
	is.NoErr(storetest.RoomsOf(s).Trail.File.ScrubNow(t.Context()))
	overwrite(t, filepath.Join(dir, "access.db"), before["access.db"])
	is.True(errors.Is(s.Record(t.Context(), storetest.ARead), myvault.ErrUnavailable))
}

// TestNoCommitToOverwrittenLog checks the same for the header of the write-ahead log, without which
// a crash would lose all of the log.
func TestNoCommitToOverwrittenLog(t *testing.T) {
	for range 5 {
		is := is.New(t)
		dir, key := t.TempDir(), crypto.NewKey()
		s := storetest.Open(t, dir, key)
		grow(t, s, "some", 5)
		f, err := os.OpenFile(filepath.Join(dir, "vault.db-wal"), os.O_WRONLY, 0)
		is.NoErr(err)
		_, err = f.WriteAt(make([]byte, 32), 0)
		is.NoErr(errors.Join(err, f.Close()))
		_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
		is.True(errors.Is(err, myvault.ErrUnavailable))
	}
}

// TestCheckpointsAreNoOverwrite checks that checkpoints of this and of other processes are not
// reported as an overwrite.
func TestCheckpointsAreNoOverwrite(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s, other := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	for i, mode := range []string{"PASSIVE", "FULL", "RESTART", "TRUNCATE", "PASSIVE"} {
		grow(t, s, fmt.Sprint("a", i, "-"), 7)
		is.NoErr(s.Ping(t.Context()))
		for _, file := range []string{"vault.db", "access.db"} {
			r := storetest.OpenRaw(t, dir, file)
			r.Exec(`PRAGMA wal_checkpoint(` + mode + `)`)
			r.Close()
		}
		grow(t, other, fmt.Sprint("b", i, "-"), 7)
		_, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, fmt.Sprint("p/a", i, "-1")))
		is.NoErr(err)
		is.NoErr(s.Ping(t.Context()))
		is.NoErr(other.Ping(t.Context()))
	}
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}

// TestOlderFileWithNewerLog checks that an older file with the log of a newer one is refused.
// SQLite would copy the log into any file.
func TestOlderFileWithNewerLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		by   int
	}{{"vault.db", 10}, {"vault.db", 20}, {"vault.db", 200}, {"access.db", 20}, {"access.db", 200}} {
		name := c.name
		t.Run(fmt.Sprint(name, " without ", c.by), func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			dir, before := grown(t, key, c.by)
			s := storetest.Open(t, dir, key)
			grow(t, s, "more", 19)
			storetest.Synced(t, s)
			grow(t, s, "last", 1)
			crashed := storetest.Copied(t, dir) // as a killed process leaves it
			whole, err := sqlite.Open(t.Context(), storetest.Copied(t, crashed), sqlite.StaticKey(key), sqlite.Config{})
			is.NoErr(err)
			is.NoErr(whole.Close())
			is.NoErr(os.WriteFile(filepath.Join(crashed, name), before[name], 0o600))
			_, err = sqlite.Open(t.Context(), crashed, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, myvault.ErrTampered))
		})
	}
}

// TestCheckpointsDuringPings checks the same for checkpoints during concurrent writes and Pings.
func TestCheckpointsDuringPings(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s, other := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	done := make(chan struct{})
	looked := make(chan error)
	for _, store := range []*sqlite.Store{s, other} {
		go func() {
			for {
				select {
				case <-done:
					looked <- nil
					return
				default:
				}
				if err := store.Ping(context.Background()); err != nil {
					looked <- err
					<-done
					return
				}
			}
		}()
	}
	for range 9000 { // some checkpoints
		is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
	}
	close(done)
	is.NoErr(<-looked)
	is.NoErr(<-looked)
}
