package wal

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// syncDelay is how long the first entry waits for others before the log is synced. With the sync
// itself that stays under the promised 100 ms.
const syncDelay = 50 * time.Millisecond

// Syncer syncs a write-ahead log soon after it was written. Syncing the log is enough: after a
// power cut SQLite recovers every complete commit in it. Unlike a checkpoint, a sync writes
// nothing twice and waits for no other connection.
type Syncer struct {
	log   *LogFile
	disk  *diskState
	check func() error // checks the log and records what it finds
	dirty chan struct{}
	stop  chan struct{}
	ended chan struct{}

	Newest atomic.Uint64 // sequence of the newest committed entry
	Synced atomic.Uint64 // entries up to this sequence are on disk
}

// StartSyncer starts a Syncer, which owns log. check is called before each sync.
func StartSyncer(log *LogFile, disk *diskState, check func() error) *Syncer {
	s := &Syncer{log: log, disk: disk, check: check,
		dirty: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go s.loop()
	return s
}

// Recorded requests a sync of the entries up to seq.
func (s *Syncer) Recorded(seq uint64) {
	s.Newest.Store(seq)
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

func (s *Syncer) loop() {
	defer close(s.ended)
	for retry := false; ; {
		if !retry {
			select {
			case <-s.stop:
				return
			case <-s.dirty:
			}
		}
		select {
		case <-time.After(syncDelay):
		case <-s.stop:
			return // Close syncs
		}
		_ = s.check()
		retry = s.sync()
	}
}

// sync syncs the log. It reports whether to retry because the log cannot be opened. A failed fsync
// is recorded in s.disk and never retried.
func (s *Syncer) sync() (retry bool) {
	newest := s.Newest.Load()
	err := s.log.open()
	s.disk.setUnopened(err)
	if err != nil {
		return true
	}
	if s.disk.Stopped() != nil {
		return false
	}
	if err := s.log.sync(); err != nil {
		s.disk.stop(err)
		return false
	}
	s.Synced.Store(newest)
	return false
}

// Close syncs a last time. The writer must have stopped before.
func (s *Syncer) Close() error {
	close(s.stop)
	<-s.ended
	err := s.disk.Stopped()
	if err == nil {
		s.log.nameSynced = false // sync the directory again: closing vault.db has deleted its log
		s.sync()
		err = s.disk.Stopped()
	}
	return errors.Join(err, s.log.close())
}

// LogFile syncs a write-ahead log through a separate descriptor. Because that stays open, the
// system reports every disk error to it, even one already reported to another descriptor. Its
// fsync covers writes through any descriptor.
type LogFile struct {
	Path        string
	Disk        directory.Disk
	SyncForTest func(path string) error // replaces the sync in tests
	file        *os.File
	nameSynced  bool // the directory was synced after the log was created
}

// open opens the log, if it exists: SQLite deletes it after copying it into the database.
func (l *LogFile) open() error {
	if l.SyncForTest != nil || l.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.Path, os.O_RDWR, 0)
	if fault.NotExist(err) {
		return nil
	}
	if err == nil {
		l.file = f
	}
	return err
}

// sync syncs the file, and its directory once.
func (l *LogFile) sync() error {
	switch {
	case l.SyncForTest != nil:
		return l.SyncForTest(l.Path)
	case l.file == nil:
		return nil
	}
	if err := l.Disk.Sync(l.file); err != nil || l.nameSynced {
		return err
	}
	err := l.Disk.SyncDir(filepath.Dir(l.Path))
	l.nameSynced = err == nil
	return err
}

func (l *LogFile) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
