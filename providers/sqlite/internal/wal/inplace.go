package wal

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// CheckFiles reports ErrUnavailable once the database file or its write-ahead log, as they
// were when it was opened, no longer stand under their names. Connections go on writing to
// files that were moved or deleted, where nobody finds again what they acknowledge.
//
// It reports the same once a file was overwritten in place, or the chain has lost what this process
// knows of. That stays so until the store is opened again.
func (f *File) CheckFiles() error {
	if err := f.Fault.Load(); err != nil {
		return *err
	}
	var database, log fs.FileInfo
	for path, opened := range f.openedFiles {
		now, err := os.Lstat(path)
		if (err != nil || !os.SameFile(opened, now)) && f.closing.Load() {
			return myvault.ErrClosed // its log goes with the last connection
		}
		if err != nil || !os.SameFile(opened, now) {
			return fmt.Errorf("%w: %s was moved, deleted or replaced while it is open; put it back, or close the store and restore the whole directory",
				myvault.ErrUnavailable, f.Kind.Name)
		}
		if err := directory.CheckLinks(path, now); err != nil {
			return fmt.Errorf("%w: %w", myvault.ErrUnavailable, err)
		}
		switch path {
		case f.Path:
			database = now
		case f.Path + "-wal":
			log = now
		}
	}
	return f.setFault(f.overwrites.Check(f.Kind.Name, database, log))
}

// CheckFilesAndLog is CheckFiles, and looks into the write-ahead log: two reads of a few bytes. A commit
// to the trail does not wait for that; its syncer does it.
func (f *File) CheckFilesAndLog() error {
	if err := f.CheckFiles(); err != nil {
		return err
	}
	return f.setFault(f.overwrites.checkLog(f.Kind.Name + "-wal"))
}

// setFault keeps an error after which the file is no longer used.
func (f *File) setFault(err error) error {
	if err != nil {
		f.Fault.CompareAndSwap(nil, &err)
	}
	return err
}

// RolledBack is the error for a chain that has lost its entry of that sequence.
func (f *File) RolledBack(seq uint64) error {
	return f.setFault(fmt.Errorf("%w: %s has lost what stood at sequence %d of its chain: an older file was put in its place; stop every process of the store and restore a whole backup",
		myvault.ErrTampered, f.Kind.Name, seq))
}

// recordFiles notes which files were opened.
func (f *File) recordFiles() error {
	f.openedFiles = make(map[string]os.FileInfo)
	for _, path := range []string{f.Path, f.Path + "-wal", f.Path + "-shm"} {
		info, err := os.Lstat(path)
		if fault.NotExist(err) && path == f.Path+"-shm" {
			continue // a file system may keep it elsewhere
		}
		if err != nil {
			return err
		}
		_ = os.SameFile(info, info) // on Windows the file's identity is read now, not at the first comparison
		f.openedFiles[path] = info
	}
	return nil
}
