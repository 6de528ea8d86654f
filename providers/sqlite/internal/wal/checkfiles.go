package wal

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// CheckFiles returns ErrUnavailable if the database file or its write-ahead log was moved,
// deleted or replaced since it was opened. Connections would go on writing to the old files, and
// the commits would be lost.
//
// If a file was overwritten in place, or the chain has lost entries that this process has seen,
// CheckFiles returns that error until the store is opened again.
func (f *File) CheckFiles() (err error) {
	defer func() {
		if err != nil {
			f.checkAgain.Store(0)
		}
	}()
	if err := f.Fault.Load(); err != nil {
		return *err
	}
	var database, log fs.FileInfo
	for path, opened := range f.openedFiles {
		now, err := os.Lstat(path)
		if (err != nil || !os.SameFile(opened, now)) && f.closing.Load() {
			return myvault.ErrClosed // the last connection deletes the log
		}
		if err != nil || !os.SameFile(opened, now) {
			return fmt.Errorf("%w: %s was moved, deleted or replaced while open; put it back, or close the store and restore the whole directory",
				myvault.ErrUnavailable, f.Kind.Name)
		}
		if directory.Links(now) > 1 {
			if err := directory.CheckHardLinks(path, now); err != nil {
				return fmt.Errorf("%w: %w", myvault.ErrUnavailable, err)
			}
		}
		switch path {
		case f.Path:
			database = now
		case f.Path + "-wal":
			log = now
		}
	}
	if err := f.overwrites.check(f.Kind.Name, database, log); err != nil {
		return f.setFault(err)
	}
	return nil
}

// checkInterval is the longest time for which checkFilesOften relies on an earlier check.
const checkInterval = time.Millisecond

// checkFilesOften is CheckFiles at most once in checkInterval, for reads and for commits of
// entries. The three calls of lstat took 18 % of a strict read and 33 % of a cache miss.
func (f *File) checkFilesOften() error {
	now := f.Options.Now().Sub(f.opened)
	recent := int64(now) < f.checkAgain.Load() && f.Fault.Load() == nil
	if w := f.overwrites; recent && (w == nil || !w.mayRestart.Load()) {
		return nil
	}
	err := f.CheckFiles()
	if err == nil {
		f.checkAgain.Store(int64(now + checkInterval))
	}
	return err
}

// CheckFilesAndLog does the checks of CheckFiles and compares the write-ahead log with its index,
// which costs two short reads. Commits to the trail skip it; the trail's syncer calls it instead.
func (f *File) CheckFilesAndLog() error {
	if err := f.CheckFiles(); err != nil {
		return err
	}
	return f.setFault(f.overwrites.checkLog(f.Kind.Name + "-wal"))
}

// setFault records the first error after which the file must no longer be used, and returns err.
func (f *File) setFault(err error) error {
	if err != nil {
		f.Fault.CompareAndSwap(nil, &err)
	}
	return err
}

// RolledBack returns ErrTampered for a chain that has lost the entry seq, and makes CheckFiles
// fail from then on.
func (f *File) RolledBack(seq uint64) error {
	return f.setFault(fmt.Errorf("%w: %s has lost sequence %d of its chain: it was replaced by an older file; stop every process that uses the store and restore a whole backup",
		myvault.ErrTampered, f.Kind.Name, seq))
}

// recordFiles records the identities of the files that were opened.
func (f *File) recordFiles() error {
	f.openedFiles = make(map[string]os.FileInfo)
	for _, path := range []string{f.Path, f.Path + "-wal", f.Path + "-shm"} {
		info, err := os.Lstat(path)
		if fault.NotExist(err) && path == f.Path+"-shm" {
			continue // a VFS may keep the WAL-index elsewhere
		}
		if err != nil {
			return err
		}
		_ = os.SameFile(info, info) // on Windows this reads the identity now, not at the first comparison
		f.openedFiles[path] = info
	}
	return nil
}
