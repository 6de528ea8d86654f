//go:build linux || darwin

package sqlite_test

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
)

// grown makes a store of some pages and returns copies of its files from before it grew.
func grown(t *testing.T, key crypto.Key, by int) (dir string, before map[string][]byte) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, key)
	grow(t, s, "old", 40)
	must(t, s.Close())
	before = files(t, dir)
	s = open(t, dir, key)
	grow(t, s, "new", by)
	must(t, s.Close())
	return dir, before
}

// grow makes changes and entries, each in a separate commit.
func grow(t *testing.T, s *sqlite.Store, name string, n int) {
	t.Helper()
	for i := range n {
		_, err := apply(s, put(fmt.Sprint("p/", name, i), strings.Repeat("x", 100)))
		must(t, err)
		recorded(t, s, 1)
	}
}

func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	_, err = f.Write(content)
	must(t, errors.Join(err, f.Close()))
}

// TestOverwrittenStore checks that a file overwritten by another program stops an open store: no
// change is acknowledged and Ping fails.
func TestOverwrittenStore(t *testing.T) {
	type damage func(t *testing.T, dir string, before map[string][]byte)
	with := func(name string) damage {
		return func(t *testing.T, dir string, before map[string][]byte) {
			overwrite(t, filepath.Join(dir, name), before[name])
		}
	}
	truncated := func(name string, size int64) damage {
		return func(t *testing.T, dir string, before map[string][]byte) {
			must(t, os.Truncate(filepath.Join(dir, name), size))
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
			must(t, err)
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
			s := open(t, dir, key)
			grow(t, s, "more", 5) // into the log
			is.NoErr(s.Ping(t.Context()))
			c.do(t, dir, before)
			is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
			for range 2 {
				var err error
				if c.access {
					err = s.Record(t.Context(), myvault.Entry{Action: "read", At: at})
				} else {
					_, err = apply(s, put("p/a", "y"))
				}
				is.True(errors.Is(err, myvault.ErrUnavailable))
				is.True(strings.Contains(err.Error(), "restore"))
			}
			if !c.access {
				_, err := s.Get(t.Context(), addr("p/new1"), 0)
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
	s := openWith(t, dir, key, sqlite.OptionsOf(sqlite.Config{}).WithClock(ticking()))
	grow(t, s, "more", 1) // that starts a log
	overwrite(t, filepath.Join(dir, "vault.db"), before["vault.db"])
	_, err := apply(s, put("p/a", "y"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	overwrite(t, filepath.Join(dir, "access.db"), before["access.db"])
	is.True(errors.Is(s.Record(t.Context(), myvault.Entry{Action: "read", At: at}), myvault.ErrUnavailable))
	after := files(t, dir)
	is.NoErr(s.Close())
	is.Equal(string(files(t, dir)["vault.db"]), string(after["vault.db"])) // the log is not copied into it
}

// TestNoEntryAfterCheckpointOfOverwrittenFile checks that an entry which may restart the log checks
// the file, however recent the last check is: later the overwrite would look like a checkpoint.
func TestNoEntryAfterCheckpointOfOverwrittenFile(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir, before := grown(t, key, 200)
	began := time.Now()
	s := openWith(t, dir, key, sqlite.OptionsOf(sqlite.Config{}).WithClock(func() time.Time { return began }))
	grow(t, s, "more", 1)
	is.NoErr(s.CheckpointTrail())
	overwrite(t, filepath.Join(dir, "access.db"), before["access.db"])
	is.True(errors.Is(s.Record(t.Context(), aRead), myvault.ErrUnavailable))
}

// TestNoCommitToOverwrittenLog checks the same for the header of the write-ahead log, without which
// a crash would lose all of the log.
func TestNoCommitToOverwrittenLog(t *testing.T) {
	for range 5 {
		is := is.New(t)
		dir, key := t.TempDir(), crypto.NewKey()
		s := open(t, dir, key)
		grow(t, s, "some", 5)
		f, err := os.OpenFile(filepath.Join(dir, "vault.db-wal"), os.O_WRONLY, 0)
		is.NoErr(err)
		_, err = f.WriteAt(make([]byte, 32), 0)
		is.NoErr(errors.Join(err, f.Close()))
		_, err = apply(s, put("p/a", "y"))
		is.True(errors.Is(err, myvault.ErrUnavailable))
	}
}

// TestCheckpointsAreNoOverwrite checks that checkpoints of this and of other processes are not
// reported as an overwrite.
func TestCheckpointsAreNoOverwrite(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s, other := open(t, dir, key), open(t, dir, key)
	for i, mode := range []string{"PASSIVE", "FULL", "RESTART", "TRUNCATE", "PASSIVE"} {
		grow(t, s, fmt.Sprint("a", i, "-"), 7)
		is.NoErr(s.Ping(t.Context()))
		for _, file := range []string{"vault.db", "access.db"} {
			r := rawOpen(t, dir, file)
			r.exec(`PRAGMA wal_checkpoint(` + mode + `)`)
			r.close()
		}
		grow(t, other, fmt.Sprint("b", i, "-"), 7)
		_, err := apply(s, on(myvault.OpDestroy, fmt.Sprint("p/a", i, "-1")))
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
	for _, c := range []struct {
		name string
		by   int
	}{{"vault.db", 10}, {"vault.db", 20}, {"vault.db", 200}, {"access.db", 20}, {"access.db", 200}} {
		name := c.name
		t.Run(fmt.Sprint(name, " without ", c.by), func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			dir, before := grown(t, key, c.by)
			s := open(t, dir, key)
			grow(t, s, "more", 19)
			synced(t, s)
			grow(t, s, "last", 1)
			crashed := copied(t, dir) // as a killed process leaves it
			whole, err := sqlite.Open(t.Context(), copied(t, crashed), sqlite.StaticKey(key), sqlite.Config{})
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
	s, other := open(t, dir, key), open(t, dir, key)
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
		is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: at}))
	}
	close(done)
	is.NoErr(<-looked)
	is.NoErr(<-looked)
}
