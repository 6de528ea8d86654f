package wal_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// counting counts how often each file is opened.
type counting struct {
	vfs.VFS
	mu    sync.Mutex
	count map[string]int
}

func (c *counting) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	c.mu.Lock()
	c.count[filepath.Base(name.String())]++
	c.mu.Unlock()
	return c.VFS.(vfs.VFSFilename).OpenFilename(name, flags)
}

func (c *counting) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[name]
}

// TestConnectionsAreOpenedLazily checks that a store opens only the connections it needs; each
// takes about a millisecond. One of each file stays open to keep its log, one reads, one writes.
func TestConnectionsAreOpenedLazily(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	first := storetest.Open(t, dir, key)
	_, err := storetest.Apply(first, storetest.Put("p/a", "v"))
	is.NoErr(err)
	is.NoErr(first.Close())

	files := &counting{VFS: vfs.Find("os"), count: map[string]int{}}
	vfs.Register(t.Name(), files)
	defer vfs.Unregister(t.Name())
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithVFS(t.Name()))
	for range 10 {
		_, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
		is.NoErr(err)
	}
	is.Equal([]int{files.of("vault.db"), files.of("access.db")}, []int{2, 1})
	for range 10 {
		is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", Address: storetest.Addr("p/a")}))
	}
	is.Equal([]int{files.of("vault.db"), files.of("access.db")}, []int{2, 2})
	for range 10 {
		_, err := storetest.Apply(s, storetest.Put("p/a", "v"))
		is.NoErr(err)
		_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
		is.NoErr(err)
	}
	is.Equal([]int{files.of("vault.db"), files.of("access.db")}, []int{3, 2})
}
