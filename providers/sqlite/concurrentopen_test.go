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

// A process with another key is turned away, writes nothing, and the one with the right key
// goes on.
func TestAProcessWithAnotherKey(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: at}))
	before := files(t, dir)
	cmd, _ := process(t, "count", dir, crypto.NewKey())
	is.True(cmd.Wait() != nil) // it ended by itself, with an error
	after := files(t, dir)
	for name := range before {
		if filepath.Ext(name) == ".db-shm" { // the locks of those who look
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

// Processes that make one store at the same time all use the one that was made.
func TestProcessesMakingAtOnce(t *testing.T) {
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

// A process that is killed while it makes a store leaves none, or one that others open.
func TestKilledWhileMaking(t *testing.T) {
	is := is.New(t)
	rounds := 15
	if long() {
		rounds = 300
	}
	made := 0
	for n := range rounds {
		dir, key := filepath.Join(t.TempDir(), "new"), crypto.NewKey()
		c := startChurner(t, dir, key)
		for end := time.Now().Add(10 * time.Second); ; { // until it has begun
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
	t.Logf("%d killed, %d of them behind the making of vault.db", rounds, made)
}

// A directory that is removed while a process has it open, and made anew by another: the
// first acknowledges nothing, and touches nothing of the second.
func TestADirectoryRemovedUnderAProcess(t *testing.T) {
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
	_ = first.cmd.Wait() // it may say that its files are gone
	is.Equal(second.ask(t, "get", "p/a", "-"), "nothing")
	is.Equal(second.ask(t, "get", "p/b", "-"), "mine")
	second.end(t)
	report, err := open(t, dir, key).Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(1))
}
