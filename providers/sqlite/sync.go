package sqlite

import (
	"fmt"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// syncWithin is how long an entry waits before it is brought to the disk. With the time of
// the sync itself it stays under the 100 ms that are promised.
const syncWithin = 50 * time.Millisecond

// syncer brings a write-ahead log to the disk, some time after it was written. Syncing the
// log is enough: after a power cut the engine recovers every whole commit in it. Unlike a
// checkpoint it writes nothing twice and waits for nobody. It has a descriptor of its own:
// a sync brings out what was written to the file, by whichever descriptor.
type syncer struct {
	path  string
	file  func(path string) error
	dirty chan struct{}
	stop  chan struct{}
	ended chan struct{}

	mu  sync.Mutex
	err error // of the last sync
}

// startSyncer syncs the log at path with file.
func startSyncer(path string, file func(string) error) *syncer {
	s := &syncer{path: path, file: file, dirty: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go s.loop()
	return s
}

// written tells that there is something to sync.
func (s *syncer) written() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// failure gives ErrUnavailable while what was written could not be synced.
func (s *syncer) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fmt.Errorf("%w: the trail cannot be synced: %w", myvault.ErrUnavailable, s.err)
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
		}
		if s.sync() != nil {
			s.written() // try again
		}
	}
}

func (s *syncer) sync() error {
	err := s.file(s.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	return err
}

// close syncs a last time; nothing may be written afterwards.
func (s *syncer) close() error {
	close(s.stop)
	<-s.ended
	return s.sync()
}
