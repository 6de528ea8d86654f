package sqlite_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestProcessWithAnotherKey checks that a process with a wrong key fails and writes nothing, and
// that the one with the right key continues.
func TestProcessWithAnotherKey(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: at}))
	before := files(t, dir)
	cmd, _ := process(t, "count", dir, crypto.NewKey())
	is.True(cmd.Wait() != nil) // it exits with an error
	after := files(t, dir)
	for name := range before {
		if filepath.Ext(name) == ".db-shm" { // locks of readers
			delete(before, name)
			delete(after, name)
		}
	}
	is.True(maps.EqualFunc(before, after, func(a, b []byte) bool { return string(a) == string(b) }))
	_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
	_, err = apply(s, put("p/a", "two"))
	is.NoErr(err)
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestProcessesCreateAtOnce checks that processes that create one store at once all use the same
// files.
func TestProcessesCreateAtOnce(t *testing.T) {
	is := is.New(t)
	rounds := 3
	if long() {
		rounds = 60
	}
	for range rounds {
		dir, key := filepath.Join(t.TempDir(), "new"), crypto.NewKey()
		var all [4]*talker
		for i := range all {
			all[i] = talkTo(t, dir, key)
		}
		for i, k := range all {
			is.Equal(k.ask(t, "put", fmt.Sprint("p/of", i), "here"), "done")
		}
		for i := range all {
			for _, k := range all {
				is.Equal(k.ask(t, "get", fmt.Sprint("p/of", i), "-"), "here")
			}
		}
		for _, k := range all {
			k.end(t)
		}
		report, err := open(t, dir, key).Verify(t.Context())
		is.NoErr(err)
		is.Equal(report.Changes, uint64(len(all)))
	}
}

// TestKilledWhileCreating checks that a process killed while creating a store leaves none, or one
// that opens.
func TestKilledWhileCreating(t *testing.T) {
	is := is.New(t)
	rounds := 15
	if long() {
		rounds = 300
	}
	made := 0
	for n := range rounds {
		dir, key := filepath.Join(t.TempDir(), "new"), crypto.NewKey()
		c := startChurner(t, dir, key)
		for end := time.Now().Add(10 * time.Second); ; { // until it has started
			if _, err := os.Stat(dir); err == nil || time.Now().After(end) {
				break
			}
		}
		time.Sleep(time.Duration(n%15*4) * time.Millisecond)
		c.kill()
		if _, err := os.Stat(filepath.Join(dir, "vault.db")); err == nil {
			made++
		}
		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{Trail: keepEntries})
		is.NoErr(err)
		for value, version := range c.puts {
			secret, err := s.Get(t.Context(), addr("p/shared"), version)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), value)
		}
		_, err = apply(s, put("p/after", "x"))
		is.NoErr(err)
		_, err = s.Verify(t.Context())
		is.NoErr(err)
		is.NoErr(s.Close())
	}
	t.Logf("%d killed, %d of them after vault.db was created", rounds, made)
}

// TestDirectoryRemovedUnderProcess checks that a process whose directory was removed and created
// again by another acknowledges nothing, and does not touch the new files.
func TestDirectoryRemovedUnderProcess(t *testing.T) {
	is := is.New(t)
	dir, key := filepath.Join(t.TempDir(), "store"), crypto.NewKey()
	first := talkTo(t, dir, key)
	is.Equal(first.ask(t, "put", "p/a", "one"), "done")
	is.NoErr(os.RemoveAll(dir))
	is.True(first.ask(t, "put", "p/a", "two") != "done")
	second := talkTo(t, dir, key)
	is.Equal(second.ask(t, "get", "p/a", "-"), "nothing")
	is.Equal(second.ask(t, "put", "p/b", "mine"), "done")
	is.True(first.ask(t, "put", "p/a", "three") != "done")
	is.NoErr(first.in.Close())
	_ = first.cmd.Wait() // Close may return an error about the missing files
	is.Equal(second.ask(t, "get", "p/a", "-"), "nothing")
	is.Equal(second.ask(t, "get", "p/b", "-"), "mine")
	second.end(t)
	report, err := open(t, dir, key).Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(1))
}
