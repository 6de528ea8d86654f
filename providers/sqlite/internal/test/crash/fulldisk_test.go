package crash_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// smallDisk is a file system on which no write-ahead log, and no temporary copy of a backup, may
// become larger than room.
type smallDisk struct {
	vfs.VFSFilename
	room atomic.Int64
}

type smallFile struct {
	vfs.FileSharedMemory
	room *atomic.Int64
}

func (d *smallDisk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err == nil && (flags&vfs.OPEN_WAL != 0 || strings.Contains(name.String(), "backup-")) {
		return &smallFile{file.(vfs.FileSharedMemory), &d.room}, flags, nil
	}
	return file, flags, err
}

func (f *smallFile) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.room.Load() {
		return 0, sqlite3.FULL
	}
	return f.FileSharedMemory.WriteAt(p, off)
}

const (
	plenty = 1 << 40
	little = 200 << 10
)

func newSmallDisk(t *testing.T) (*smallDisk, storetest.Options) {
	t.Helper()
	d := &smallDisk{VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	d.room.Store(plenty)
	name := strings.ReplaceAll(t.Name(), "/", "-")
	vfs.Register(name, d)
	t.Cleanup(func() { vfs.Unregister(name) })
	return d, storetest.OptionsOf(sqlite.Config{}).WithVFS(name)
}

// TestPruneOnFullDisk checks that a prune on a nearly full disk works and frees space.
func TestPruneOnFullDisk(t *testing.T) {
	is := is.New(t)
	d, config := newSmallDisk(t)
	dir, keys := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	s, err := config.Open(t.Context(), dir, keys)
	is.NoErr(err)
	value := strings.Repeat("v", 10_000)
	for range 60 {
		_, err := storetest.Apply(s, storetest.Put("p/a", value), storetest.Put("p/b", value))
		is.NoErr(err)
		storetest.Record(t, s, 50)
	}
	is.NoErr(s.Close()) // copies the log into the file
	d.room.Store(little)
	s, err = config.Open(t.Context(), dir, keys)
	is.NoErr(err)
	reported := uint64(0)
	destroyed, err := s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 2}, func(n uint64) { reported = n })
	is.NoErr(err)
	is.Equal(destroyed, uint64(116))
	is.Equal(reported, destroyed)
	pruned, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 2900}, nil)
	is.NoErr(err)
	is.Equal(pruned, uint64(2900))
	for range 20 { // there is space again
		_, err = storetest.Apply(s, storetest.Put("p/a", value))
		is.NoErr(err)
		_, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 2}, nil)
		is.NoErr(err)
	}
	_, err = s.Verify(t.Context())
	is.NoErr(err)

	d.room.Store(0)
	_, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 1}, nil)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "free about 1 MiB in "+dir))
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 2950}, nil)
	is.True(strings.Contains(err.Error(), "free about 1 MiB in "+dir))
	d.room.Store(plenty)
	is.NoErr(s.Close())
}

// TestBackupOnFullDisk checks that the error names the full directory and the bytes needed there.
func TestBackupOnFullDisk(t *testing.T) {
	is := is.New(t)
	d, config := newSmallDisk(t)
	full := false
	config = config.WithFailing(func(operation, path string, _ int) (int, error) {
		if full && operation == "write" {
			return 0, &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
		}
		return 0, nil
	})
	dir := t.TempDir()
	s, err := config.Open(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()))
	is.NoErr(err)
	_, err = storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	for _, room := range []int64{0, plenty} { // of the copy, and of the backup itself
		full = true
		d.room.Store(room)
		heads, err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup"), nil)
		is.True(heads == nil)
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(errors.Is(err, syscall.ENOSPC))
		is.True(strings.Contains(err.Error(), "the disk is full"))
		is.True(!strings.Contains(err.Error(), "the disk failed"))
		if room == 0 {
			is.True(strings.Contains(err.Error(), " bytes in "+dir))
		}
	}
	full = false
	d.room.Store(plenty)
	_, err = s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup"), nil)
	is.NoErr(err)
	is.NoErr(s.Close())
}
