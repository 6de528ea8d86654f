package sqlite_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// disk is the file system of the operating system with a fault that a test injects.
type disk struct {
	vfs.VFSFilename
	fault  atomic.Pointer[fault]
	opened atomic.Int64 // connections to vault.db
}

// fault returns the error of an operation, "write" or "sync", on the file of that name. If it is
// nil, the operation is executed.
type fault func(operation, name string) error

// faultyDisk registers a file system for one test.
func faultyDisk(t *testing.T) (*disk, sqlite.Options) {
	t.Helper()
	d := &disk{VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	d.heal()
	name := strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())
	vfs.Register(name, d)
	t.Cleanup(func() { vfs.Unregister(name) })
	return d, sqlite.OptionsOf(sqlite.Config{}).WithVFS(name)
}

func (d *disk) fail(f fault) { d.fault.Store(&f) }

func (d *disk) heal() { d.fail(func(string, string) error { return nil }) }

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil || flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL) == 0 {
		return file, flags, err
	}
	if filepath.Base(name.String()) == "vault.db" {
		d.opened.Add(1)
	}
	return &diskFile{file, d, filepath.Base(name.String())}, flags, nil
}

type diskFile struct {
	vfs.File
	disk *disk
	name string
}

func (f *diskFile) SharedMemory() vfs.SharedMemory {
	return f.File.(vfs.FileSharedMemory).SharedMemory()
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := (*f.disk.fault.Load())("write", f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Sync(flags vfs.SyncFlag) error {
	if err := (*f.disk.fault.Load())("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

// full returns a fault that fails writes to files with this suffix like a full disk.
func full(suffix string) fault {
	return func(operation, name string) error {
		if operation == "write" && strings.HasSuffix(name, suffix) {
			return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
		}
		return nil
	}
}

var aRead = myvault.Entry{Service: "ui", Action: "read", Address: addr("p/a"), At: at}

// TestFullDisk checks that a change refused by a full disk is not made, that the error says what
// to do, and that the store continues once there is space.
func TestFullDisk(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.Ping(t.Context()))
	d.fail(full("-wal"))
	for range 3 {
		_, err = apply(s, put("p/a", "two"))
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
		is.True(strings.Contains(err.Error(), "free space"))
		is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable)) // known from the last attempt
		err = s.Record(t.Context(), aRead)
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(strings.Contains(err.Error(), "free space"))
	}
	secret, err := s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	d.heal()
	infos, err := apply(s, put("p/a", "three"))
	is.NoErr(err)
	is.Equal(infos[0].Version, myvault.Version(2))
	is.NoErr(s.Record(t.Context(), aRead))
	is.NoErr(s.Ping(t.Context()))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Accesses, uint64(1))
}

// TestNoSpaceToOpenStore checks the advice for errors while opening. SQLite's own error for a
// missing WAL-index does not say that the disk is full.
func TestNoSpaceToOpenStore(t *testing.T) {
	is := is.New(t)
	err := sqlite.Advised(fmt.Errorf("open: %w", sqlite3.IOERR_SHMSIZE))
	is.True(strings.Contains(err.Error(), "the disk is full"))
	err = sqlite.Advised(fmt.Errorf("open: %w", sqlite3.IOERR_READ))
	is.True(strings.Contains(err.Error(), "the disk failed"))
}

// TestUnreadablePageIsNotTampering checks that a page that cannot be read is reported as
// ErrUnavailable, not as ErrTampered.
func TestUnreadablePageIsNotTampering(t *testing.T) {
	is := is.New(t)
	is.True(errors.Is(sqlite.Checked("*** in database main ***\nTree 8 page 8: unable to get the page. error code=266"), myvault.ErrUnavailable)) // IOERR_READ
	is.True(errors.Is(sqlite.Checked("Tree 8 page 8: unable to get the page. error code=7"), myvault.ErrUnavailable))                             // NOMEM
	is.True(errors.Is(sqlite.Checked("Tree 8 page 8: unable to get the page. error code=11"), myvault.ErrTampered))                               // CORRUPT
	is.True(errors.Is(sqlite.Checked("Tree 8 page 8: unable to get the page. error code=x"), myvault.ErrTampered))
	is.True(errors.Is(sqlite.Checked("row 3 missing from index x"), myvault.ErrTampered))
}

// TestFullDiskInCheckpoint checks that changes go on while checkpoints find no space and Ping
// fails. Once there is space, the log is copied into the database again.
func TestFullDiskInCheckpoint(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	dir := t.TempDir()
	s := openWith(t, dir, crypto.NewKey(), c)
	database := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "vault.db"))
		is.NoErr(err)
		return info.Size()
	}
	large := strings.Repeat("v", myvault.MaxValue)
	grow := func(until func() bool) {
		for !until() {
			_, err := apply(s, put("p/large", large))
			is.NoErr(err)
		}
	}
	before := database()
	d.fail(full("vault.db"))
	grow(func() bool { return s.Ping(t.Context()) != nil })
	err := s.Ping(t.Context())
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "free space"))
	is.Equal(database(), before)
	d.heal()
	grow(func() bool { return s.Ping(t.Context()) == nil && database() > before })
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestLogIsBounded checks that the log is reused from its start while changes go on.
func TestLogIsBounded(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := open(t, dir, crypto.NewKey())
	large := strings.Repeat("v", myvault.MaxValue)
	written := int64(0)
	for range 400 {
		_, err := apply(s, put("p/large", large))
		is.NoErr(err)
		written += int64(len(large))
	}
	info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
	is.NoErr(err)
	is.True(info.Size() < written/2)
}

// TestSQLitePanic checks that a panic of SQLite becomes an error without its text, and that the
// next call uses another connection.
func TestSQLitePanic(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	d.fail(func(operation, name string) error {
		if operation == "write" && name == "vault.db-wal" {
			panic("hunter2")
		}
		return nil
	})
	_, err = apply(s, put("p/a", "hunter2"))
	is.True(errors.Is(err, myvault.ErrUnknownOutcome))
	is.True(!strings.Contains(err.Error(), "hunter2"))
	d.heal()
	_, err = apply(s, put("p/a", "two"))
	is.NoErr(err)
	secret, err := s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// errDisk is the error of a disk whose fsync fails.
var errDisk = &fs.PathError{Op: "sync", Path: "access.db-wal", Err: syscall.EIO}

// Pages that the system dropped after a failed fsync do not count as written, even if later syncs
// succeed.
func TestWhatAFailedSyncHasLostIsNoticed(t *testing.T) {
	is := is.New(t)
	var failures atomic.Int64
	dir, key := t.TempDir(), crypto.NewKey()
	s := openWith(t, dir, key, sqlite.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		if filepath.Base(f.Name()) == "access.db-wal" && failures.Add(1) == 1 {
			_, err := f.WriteAt(make([]byte, 8), 48) // the checksum of the first frame
			return errors.Join(err, errDisk)
		}
		return f.Sync()
	}))
	is.NoErr(s.Record(t.Context(), aRead))
	for s.Ping(t.Context()) == nil {
		time.Sleep(time.Millisecond)
	}
	is.True(errors.Is(s.Record(t.Context(), aRead), myvault.ErrUnavailable))
	is.Equal(failures.Load(), int64(1)) // no sync was believed
	other := open(t, dir, key)          // with the index of the log that s has in memory
	err := other.Record(t.Context(), aRead)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "are lost"))
	is.True(errors.Is(s.Close(), myvault.ErrUnavailable))
}

// A checkpoint of the trail that cannot sync has the same effect as a failed sync of the trail.
func TestFailedSyncInACheckpointOfTheTrail(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := openWith(t, dir, key, c)
	d.fail(func(operation, name string) error {
		if operation == "sync" && strings.HasPrefix(name, "access.db") {
			return sqlite3.IOERR_FSYNC
		}
		return nil
	})
	many := make([]myvault.Entry, 20_000)
	for i := range many {
		many[i] = aRead
		many[i].Remote = strings.Repeat("r", 128)
		many[i].Request = many[i].Remote
	}
	var err error
	for err == nil {
		err = s.Record(t.Context(), many...)
	}
	is.True(errors.Is(err, myvault.ErrUnavailable) || errors.Is(err, myvault.ErrUnknownOutcome))
	is.True(errors.Is(s.Record(t.Context(), aRead), myvault.ErrUnavailable))
	d.heal()
	is.True(errors.Is(s.Record(t.Context(), aRead), myvault.ErrUnavailable))
	_ = s.Close()
	s = openWith(t, dir, key, c)
	is.NoErr(s.Record(t.Context(), aRead))
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestNamesAreSynced checks that new directories and files are synced with their names before
// anything in them is acknowledged.
func TestNamesAreSynced(t *testing.T) {
	is := is.New(t)
	above := t.TempDir()
	dir := filepath.Join(above, "one", "two")
	var mu sync.Mutex
	var synced []string
	s := openWith(t, dir, crypto.NewKey(), sqlite.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		synced = append(synced, f.Name())
		return f.Sync()
	}))
	is.Equal(synced[:2], []string{filepath.Join(above, "one"), above}) // the names of the directories
	made := synced[2:]
	is.Equal(len(made), 4)
	for i, name := range []string{"vault.db", "access.db"} {
		is.True(strings.Contains(made[2*i], name)) // a file, then its name
		is.Equal(made[2*i+1], dir)
	}
	logAndName := []string{filepath.Join(dir, "access.db-wal"), dir}
	is.NoErr(s.Record(t.Context(), aRead))
	for count := 0; count < 8; time.Sleep(time.Millisecond) {
		mu.Lock()
		count = len(synced)
		mu.Unlock()
	}
	is.Equal(synced[6:8], logAndName)
	is.NoErr(s.Close())
	is.Equal(synced[len(synced)-2:], logAndName) // and the removal of the log of vault.db
	is.True(len(synced) >= 10)
}
