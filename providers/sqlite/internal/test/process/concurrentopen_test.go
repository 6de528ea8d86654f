package process_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestProcessWithAnotherKey checks that a process with a wrong key fails and writes nothing, and
// that the one with the right key continues.
func TestProcessWithAnotherKey(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
	before := storetest.Files(t, dir)
	cmd, _ := storetest.Process(t, "count", dir, crypto.NewKey())
	is.True(cmd.Wait() != nil) // it exits with an error
	after := storetest.Files(t, dir)
	for name := range before {
		if filepath.Ext(name) == ".db-shm" { // locks of readers
			delete(before, name)
			delete(after, name)
		}
	}
	is.True(maps.EqualFunc(before, after, func(a, b []byte) bool { return string(a) == string(b) }))
	_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.NoErr(err)
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestProcessesCreateAtOnce checks that processes that create one store at once all use the same
// files.
func TestProcessesCreateAtOnce(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	rounds := 3
	if storetest.LongPass() {
		rounds = 60
	}
	for range rounds {
		dir, key := filepath.Join(t.TempDir(), "new"), crypto.NewKey()
		var all [4]*storetest.Talker
		for i := range all {
			all[i] = storetest.Talk(t, dir, key)
		}
		for i, k := range all {
			is.Equal(k.Ask(t, "put", fmt.Sprint("p/of", i), "here"), "done")
		}
		for i := range all {
			for _, k := range all {
				is.Equal(k.Ask(t, "get", fmt.Sprint("p/of", i), "-"), "here")
			}
		}
		for _, k := range all {
			k.End(t)
		}
		report, err := storetest.Open(t, dir, key).Verify(t.Context())
		is.NoErr(err)
		is.Equal(report.Changes, uint64(len(all)))
	}
}

// TestDirectoryRemovedUnderProcess checks that a process whose directory was removed and created
// again by another acknowledges nothing, and does not touch the new files.
func TestDirectoryRemovedUnderProcess(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := filepath.Join(t.TempDir(), "store"), crypto.NewKey()
	first := storetest.Talk(t, dir, key)
	is.Equal(first.Ask(t, "put", "p/a", "one"), "done")
	is.NoErr(os.RemoveAll(dir))
	is.True(first.Ask(t, "put", "p/a", "two") != "done")
	second := storetest.Talk(t, dir, key)
	is.Equal(second.Ask(t, "get", "p/a", "-"), "nothing")
	is.Equal(second.Ask(t, "put", "p/b", "mine"), "done")
	is.True(first.Ask(t, "put", "p/a", "three") != "done")
	is.NoErr(first.In.Close())
	_ = first.Cmd.Wait() // Close may return an error about the missing files
	is.Equal(second.Ask(t, "get", "p/a", "-"), "nothing")
	is.Equal(second.Ask(t, "get", "p/b", "-"), "mine")
	second.End(t)
	report, err := storetest.Open(t, dir, key).Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(1))
}
