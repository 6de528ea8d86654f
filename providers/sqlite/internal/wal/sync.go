package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// syncWithin is how long an entry waits before it is brought to the disk. With the time of
// the sync itself it stays under the 100 ms that are promised.
const syncWithin = 50 * time.Millisecond

// Syncer brings a write-ahead log to the disk, some time after it was written. Syncing the
// log is enough: after a power cut the engine recovers every whole commit in it. Unlike a
// checkpoint it writes nothing twice and waits for nobody.
type Syncer struct {
	log   *LogFile
	disk  *diskState
	check func() error // looks into the log; what it finds, it keeps
	dirty chan struct{}
	stop  chan struct{}
	ended chan struct{}

	Newest atomic.Uint64 // sequence of the newest entry that was written
	Synced atomic.Uint64 // entries up to it are on the disk

	mu  sync.Mutex
	err error // why the log could not be opened
}

// StartSyncer takes over the log.
func StartSyncer(log *LogFile, disk *diskState, check func() error) *Syncer {
	s := &Syncer{log: log, disk: disk, check: check, dirty: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go s.loop()
	return s
}

// Recorded notes that the entries up to seq need a sync.
func (s *Syncer) Recorded(seq uint64) {
	s.Newest.Store(seq)
	s.wake()
}

func (s *Syncer) wake() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// Failure returns ErrUnavailable while entries cannot be synced.
func (s *Syncer) Failure() error {
	if err := s.disk.stopped(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fmt.Errorf("%w: the trail cannot be synced: %w", myvault.ErrUnavailable, s.err)
	}
	return nil
}

func (s *Syncer) loop() {
	defer close(s.ended)
	for {
		select {
		case <-s.stop:
			return
		case <-s.dirty:
		}
		select {
		case <-time.After(syncWithin):
		case <-s.stop:
			return // close syncs
		}
		_ = s.check()
		if s.sync() != nil {
			s.wake() // try again
		}
	}
}

// sync syncs the log. If it could not be opened, the next call tries again.
func (s *Syncer) sync() error {
	newest := s.Newest.Load()
	err := s.log.open()
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if s.disk.stopped() != nil {
		return nil
	}
	if err := s.log.sync(); err != nil {
		s.disk.stop(err)
		return nil
	}
	s.Synced.Store(newest)
	return nil
}

// Close syncs a last time; the writer must have stopped.
func (s *Syncer) Close() error {
	close(s.stop)
	<-s.ended
	err := s.Failure()
	if err == nil {
		s.log.named = false // the directory once more: names have gone when vault.db was closed
		_ = s.sync()
		err = s.Failure()
	}
	return errors.Join(err, s.log.close())
}

// LogFile is a write-ahead log that is synced. It stays open, so that an error of the disk
// is told to it whoever else has been told of it before. A sync brings out what was written
// to the file, by whichever descriptor.
type LogFile struct {
	Path        string
	Disk        directory.Disk
	SyncForTest func(path string) error // of a test
	file        *os.File
	named       bool // its name is on the disk
}

// open opens the log, unless it is missing because it was brought into its database.
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

// sync brings the file and its name to the disk.
func (l *LogFile) sync() error {
	switch {
	case l.SyncForTest != nil:
		return l.SyncForTest(l.Path)
	case l.file == nil:
		return nil
	}
	if err := l.Disk.Sync(l.file); err != nil || l.named {
		return err
	}
	err := l.Disk.SyncDir(filepath.Dir(l.Path))
	l.named = err == nil
	return err
}

func (l *LogFile) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
