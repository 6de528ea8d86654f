package sqlite

import (
	"fmt"
	"os"
	"time"

	"github.com/myswiftagent/myvault"
)

// turnWithin is how long a process waits for its turn.
const turnWithin = busyTimeout

// turnstile lets processes write in turn. It is there for fairness alone: what keeps two
// from writing at once is the engine's own lock, for which they would have to ask again and
// again. So where it does not work, nothing but that is lost.
//
// It is a file with two bytes to lock. Who holds the second may write; who wants it holds
// the first while waiting. A process that comes back at once finds the first one taken, and
// waits behind whoever took it. The system frees the locks of a process that ends.
type turnstile struct {
	file  *os.File
	taken chan error // from the goroutine that waits for the lock; nil: there is none
}

// The bytes of the file.
const (
	queueByte = 0
	turnByte  = 1
)

// turnSuffix is that of the file, beside the database.
const turnSuffix = "-lock"

// openTurnstile makes the file of a database where it is missing.
func openTurnstile(database string) (*turnstile, error) {
	if !canLock {
		return nil, nil
	}
	f, err := os.OpenFile(database+turnSuffix, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	return &turnstile{file: f}, nil
}

// try takes the turn if nobody has it or waits for it.
func (t *turnstile) try() bool {
	if t == nil {
		return true
	}
	if t.taken != nil {
		select {
		case <-t.taken:
			t.taken = nil
			return true
		default:
			return false
		}
	}
	if err := lockBytes(t.file, queueByte, 2, false); err != nil {
		return !held(err)
	}
	unlockBytes(t.file, queueByte, 1)
	return true
}

// wait takes the turn, in the order in which processes asked for it. ErrUnavailable where
// that takes too long, ErrClosed once closing is closed. Then the goroutine that waits
// goes on; what it gets belongs to the next one who asks.
func (t *turnstile) wait(closing <-chan struct{}) error {
	if t.try() {
		return nil
	}
	if t.taken == nil {
		t.taken = make(chan error, 1)
		go func(f *os.File, taken chan<- error) {
			err := lockBytes(f, queueByte, 1, true)
			if err == nil {
				err = lockBytes(f, turnByte, 1, true)
				unlockBytes(f, queueByte, 1)
			}
			taken <- err
		}(t.file, t.taken)
	}
	late := time.NewTimer(turnWithin)
	defer late.Stop()
	select {
	case <-t.taken:
		t.taken = nil
		return nil
	case <-closing:
		return myvault.ErrClosed
	case <-late.C:
		return fmt.Errorf("%w: another process has been writing for %v; look whether one hangs", myvault.ErrUnavailable, turnWithin)
	}
}

// release gives the turn to the next process.
func (t *turnstile) release() {
	if t != nil {
		unlockBytes(t.file, turnByte, 1)
	}
}

// close forgets the file, which stays: another process may be using it.
func (t *turnstile) close() {
	switch {
	case t == nil:
	case t.taken == nil:
		_ = t.file.Close()
	default:
		go func() { // the system call that waits cannot be ended
			<-t.taken
			_ = t.file.Close()
		}()
	}
}
