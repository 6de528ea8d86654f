package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// syncWithin is how long an entry waits before it is brought to the disk. With the time of
// the sync itself it stays under the 100 ms that are promised.
const syncWithin = 50 * time.Millisecond

// syncer brings a write-ahead log to the disk, some time after it was written. Syncing the
// log is enough: after a power cut the engine recovers every whole commit in it. Unlike a
// checkpoint it writes nothing twice and waits for nobody.
type syncer struct {
	log *logFile
	// rewrite writes the log again. After a failed sync a good one is believed only then.
	rewrite func() error
	dirty   chan struct{}
	stop    chan struct{}
	ended   chan struct{}

	newest atomic.Uint64 // sequence of the newest entry that was written
	synced atomic.Uint64 // entries up to it are on the disk

	mu     sync.Mutex
	err    error // why the disk is not trusted
	doubts int   // how often it was doubted
}

// startSyncer takes over the log.
func startSyncer(log *logFile, rewrite func() error) *syncer {
	s := &syncer{log: log, rewrite: rewrite, dirty: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go s.loop()
	return s
}

// written notes that the entries up to seq need a sync.
func (s *syncer) written(seq uint64) {
	s.newest.Store(seq)
	s.wake()
}

func (s *syncer) wake() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// doubt tells that the disk has failed, by the engine's account. Nothing is recorded until
// the log is written and synced again.
func (s *syncer) doubt(err error) {
	s.mu.Lock()
	s.err = err
	s.doubts++
	s.mu.Unlock()
	s.wake()
}

// settle takes the outcome of a sync that began after so many doubts. One that came
// meanwhile stands.
func (s *syncer) settle(err error, doubts int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.doubts == doubts {
		s.err = err
	}
	return s.err
}

func (s *syncer) cause() (doubts int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubts, s.err
}

// failure gives ErrUnavailable while the disk is not trusted.
func (s *syncer) failure() error {
	if _, err := s.cause(); err != nil {
		return fmt.Errorf("%w: the trail cannot be synced; look after the disk: %w", myvault.ErrUnavailable, err)
	}
	return nil
}

func (s *syncer) loop() {
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
		if s.sync() != nil {
			s.wake() // try again
		}
	}
}

func (s *syncer) sync() error {
	newest := s.newest.Load()
	doubts, err := s.cause()
	if err != nil {
		err = s.rewrite()
	}
	if err == nil {
		err = s.log.sync()
	}
	if err = s.settle(err, doubts); err == nil {
		s.synced.Store(newest)
	}
	return err
}

// close syncs a last time; the writer must have stopped.
func (s *syncer) close() error {
	close(s.stop)
	<-s.ended
	err := s.failure()
	if err == nil {
		s.log.named = false // the directory once more: names have gone when vault.db was closed
		err = s.log.sync()
	}
	return errors.Join(err, s.log.close())
}

// logFile is a write-ahead log that is synced. It stays open, so that an error of the disk
// is told to it whoever else has been told of it before. A sync brings out what was written
// to the file, by whichever descriptor.
type logFile struct {
	path    string
	disk    disk
	instead func(path string) error // of a test
	file    *os.File
	named   bool // its name is on the disk
}

// sync brings the file and its name to the disk. A log that is not there was brought into
// its database.
func (l *logFile) sync() (err error) {
	if l.instead != nil {
		return l.instead(l.path)
	}
	if l.file == nil {
		if l.file, err = os.OpenFile(l.path, os.O_RDWR, 0); err != nil {
			l.file = nil
			if missing(err) {
				return nil
			}
			return err
		}
	}
	if err := l.disk.sync(l.file); err != nil || l.named {
		return err
	}
	err = l.disk.syncDir(filepath.Dir(l.path))
	l.named = err == nil
	return err
}

func (l *logFile) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
