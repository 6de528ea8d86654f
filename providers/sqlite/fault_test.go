package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// faulty is the file system of the operating system with faults that a test switches on.
type faulty struct {
	vfs.VFSFilename
	full   atomic.Bool // no space for writes to a write-ahead log
	noSync atomic.Bool // syncs of vault.db's write-ahead log fail
	lies   atomic.Bool // PRAGMA synchronous answers NORMAL
	syncs  atomic.Int64
}

// faults registers a file system for one test.
func faults(t testing.TB) (*faulty, sqlite.Options) {
	f := &faulty{VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	name := strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())
	vfs.Register(name, f)
	t.Cleanup(func() { vfs.Unregister(name) })
	return f, sqlite.OptionsOf(sqlite.Config{}).WithVFS(name)
}

func (f *faulty) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := f.VFSFilename.OpenFilename(name, flags)
	if err != nil || flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL) == 0 {
		return file, flags, err
	}
	return &faultyFile{file, f, strings.HasSuffix(name.String(), "vault.db-wal")}, flags, nil
}

type faultyFile struct {
	vfs.File
	faults *faulty
	wal    bool
}

func (f *faultyFile) SharedMemory() vfs.SharedMemory {
	return f.File.(vfs.FileSharedMemory).SharedMemory()
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if f.wal && f.faults.full.Load() {
		return 0, sqlite3.FULL
	}
	return f.File.WriteAt(p, off)
}

// Pragma answers a pragma in place of SQLite.
func (f *faultyFile) Pragma(name, value string) (string, error) {
	if name == "synchronous" && value == "" && f.faults.lies.Load() {
		return "1", nil
	}
	return "", sqlite3.NOTFOUND
}

func (f *faultyFile) Sync(flags vfs.SyncFlag) error {
	if f.wal {
		f.faults.syncs.Add(1)
		if f.faults.noSync.Load() {
			return sqlite3.IOERR_FSYNC
		}
	}
	return f.File.Sync(flags)
}

func openWith(t testing.TB, dir string, key crypto.Key, c any) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OptionsOf(c).Open(context.Background(), dir, sqlite.StaticKey(key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestDiskFull(t *testing.T) {
	is := is.New(t)
	f, c := faults(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	f.full.Store(true)
	_, err = apply(s, put("p/a", "two"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
	secret, err := s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	f.full.Store(false)
	infos, err := apply(s, put("p/a", "three"))
	is.NoErr(err)
	is.Equal(infos[0].Version, myvault.Version(2))
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// After a failed fsync the content of the disk is unknown. The store reports that and refuses
// further changes until it is reopened.
func TestFailedSync(t *testing.T) {
	is := is.New(t)
	f, c := faults(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := openWith(t, dir, key, c)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	f.noSync.Store(true)
	_, err = apply(s, put("p/a", "two"))
	is.True(errors.Is(err, myvault.ErrUnknownOutcome))
	f.noSync.Store(false)
	for range 3 {
		_, err = apply(s, put("p/a", "two"))
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
	}
	_, err = s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.NoErr(s.Close())
	s = openWith(t, dir, key, c)
	_, err = apply(s, put("p/a", "three"))
	is.NoErr(err)
	secret, err := s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "three")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestOutOfMemory checks that a panic of SQLite without memory becomes an error, and that the next
// call uses another connection.
func TestOutOfMemory(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	large := strings.Repeat("v", myvault.MaxValue)
	_, err := apply(s, put("p/large", large), put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.LimitMemory(200 << 10))
	_, err = apply(s, put("p/a", "two"), put("p/large", large))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	_, err = apply(s, put("p/large", large))
	is.NoErr(err)
	secret, err := s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one") // the whole commit was undone
	for range 2 {
		if secret, err = s.Get(t.Context(), addr("p/large"), 0); err == nil {
			break
		}
		is.True(errors.Is(err, myvault.ErrUnavailable))
	}
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), large)
	for range 2 { // the pool may return the limited connection only here
		if _, err = s.Verify(t.Context()); err == nil {
			break
		}
		is.True(errors.Is(err, myvault.ErrUnavailable))
	}
	is.NoErr(err)
}

func TestSynchronousIsFull(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	vault, access, err := s.Synchronous()
	is.NoErr(err)
	is.True(len(vault) >= 3) // the writer and at least two readers
	for _, level := range vault {
		is.Equal(level, "2") // FULL
	}
	for _, level := range access {
		is.Equal(level, "1") // NORMAL: the trail is synced within 100 ms
	}
}

// TestSynchronousIsChecked checks that a connection with too low a synchronous level is not used.
func TestSynchronousIsChecked(t *testing.T) {
	is := is.New(t)
	f, c := faults(t)
	dir, key := t.TempDir(), crypto.NewKey()
	f.lies.Store(true)
	_, err := c.Open(t.Context(), dir, sqlite.StaticKey(key))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	f.lies.Store(false)
	is.NoErr(openWith(t, dir, key, c).Close())
	s := openWith(t, dir, key, c)
	f.lies.Store(true)
	_, err = apply(s, put("p/a", "v")) // the writer's connection is opened for the first change
	is.True(errors.Is(err, myvault.ErrUnavailable))
	f.lies.Store(false)
	_, err = s.Get(t.Context(), addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrNotFound))
	_, err = apply(s, put("p/a", "v"))
	is.NoErr(err)
}

// TestEveryCommitIsSynced checks that a change is synced before it is acknowledged.
func TestEveryCommitIsSynced(t *testing.T) {
	is := is.New(t)
	f, c := faults(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	for n := range 5 {
		before := f.syncs.Load()
		_, err := apply(s, put("p/a", fmt.Sprint(n)))
		is.NoErr(err)
		is.True(f.syncs.Load() > before)
	}
}

// TestOneFailureDoesNotFailItsBatch checks that concurrent commits share a sync, and that one that
// fails does not fail the others.
func TestOneFailureDoesNotFailItsBatch(t *testing.T) {
	is := is.New(t)
	f, c := faults(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := apply(s, put("p/taken", "x"))
	is.NoErr(err)
	before := f.syncs.Load()
	const callers = 200
	var errs [callers]error
	var wait sync.WaitGroup
	for n := range callers {
		wait.Go(func() {
			if n%4 == 0 {
				_, errs[n] = apply(s, put(fmt.Sprintf("p/lost%d", n), "x"), put("p/taken", "y", myvault.IfAbsent()))
				return
			}
			_, errs[n] = apply(s, put(fmt.Sprintf("p/a%d", n), "x"))
		})
	}
	wait.Wait()
	for n, err := range errs {
		if n%4 == 0 {
			is.True(errors.Is(err, myvault.ErrExists))
			_, err = s.Get(t.Context(), addr(fmt.Sprintf("p/lost%d", n)), 0)
			is.True(errors.Is(err, myvault.ErrNotFound)) // all or nothing
			continue
		}
		is.NoErr(err)
	}
	t.Logf("%d commits in %d syncs", callers*3/4, f.syncs.Load()-before)
	is.True(f.syncs.Load()-before < callers/2)
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(1+callers*3/4))
}
