// Package writelock lets the processes that use a database write in turn.
package writelock

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
)

// defaultTimeout is how long a process waits for its turn.
const defaultTimeout = 10 * time.Second

// Lock lets processes write in turn. It is there for fairness alone: what keeps two
// from writing at once is the engine's own lock, for which they would have to ask again and
// again. So where it does not work, nothing but that is lost.
//
// It is a file with two bytes to lock. Who holds the second may write; who wants it holds
// the first while waiting. A process that comes back at once finds the first one taken, and
// waits behind whoever took it. The system frees the locks of a process that ends.
//
// Who has the database open holds the third byte, together with all others. Where nobody
// else does, there is nothing to lock; that is asked now and then.
type Lock struct {
	file        *os.File
	onlyProcess bool       // nobody else had the database open when it was asked
	askedAt     time.Time  // when
	locked      bool       // the turn is this process's by a lock
	result      chan error // from the goroutine that waits for the lock; nil: there is none
	Timeout     time.Duration

	mu     sync.Mutex
	wanted bool // somebody waits for what the goroutine gets
}

// errUnwanted: the turn came when nobody waited for it any more, and was given back.
var errNotWanted = errors.New("nobody waits for the turn")

// The bytes of the file.
const (
	queueByte    = 0
	holderByte   = 1
	presenceByte = 2
)

// lockMode is how bytes are locked.
type lockMode uint8

const (
	shared        lockMode = iota // beside others who share
	exclusive                     // or not at all, if somebody else has it
	exclusiveWait                 // once nobody else has it
)

// recheckAfter is for how long a process that was alone takes itself to be.
const recheckAfter = 10 * time.Millisecond

// Open makes the file of a database where it is missing.
func Open(database string) (*Lock, error) {
	if !canLock {
		return nil, nil
	}
	f, err := os.OpenFile(database+directory.LockSuffix, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockBytes(f, presenceByte, 1, shared); err != nil && !isLocked(err) {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{file: f, Timeout: defaultTimeout}, nil
}

// isOnlyProcess reports whether no other process has the database open.
func (t *Lock) isOnlyProcess() bool {
	if now := time.Now(); now.Sub(t.askedAt) > recheckAfter {
		t.onlyProcess, t.askedAt = !lockedByOthers(t.file, presenceByte), now
	}
	return t.onlyProcess
}

// TryLock takes the turn if nobody has it or waits for it.
func (t *Lock) TryLock() bool {
	if t == nil {
		return true
	}
	if t.result != nil {
		select {
		case err := <-t.result:
			t.result, t.locked = nil, err == nil
			if err != errNotWanted {
				return true
			}
		default:
			return false
		}
	}
	if t.isOnlyProcess() {
		return true
	}
	err := lockBytes(t.file, queueByte, 2, exclusive)
	if t.locked = err == nil; t.locked {
		unlockBytes(t.file, queueByte, 1)
	}
	return !isLocked(err)
}

// Wait takes the turn, in the order in which processes asked for it. ErrUnavailable where
// that takes too long, ErrClosed once closing is closed. Then the goroutine that waits
// goes on, for the next one who asks here; where nobody does it gives the turn back.
func (t *Lock) Wait(closing <-chan struct{}) error {
	var late *time.Timer
	for !t.TryLock() {
		if late == nil {
			late = time.NewTimer(t.Timeout)
			defer late.Stop()
		}
		t.request()
		select {
		case err := <-t.result:
			t.result, t.locked = nil, err == nil
			if err != errNotWanted {
				return nil
			}
		case <-closing:
			t.abandon()
			return myvault.ErrClosed
		case <-late.C:
			t.abandon()
			return fmt.Errorf("%w: another process has been writing for %v; look whether one hangs", myvault.ErrUnavailable, t.Timeout)
		}
	}
	return nil
}

// request says that the turn is wanted, and has a goroutine wait for it where none does.
func (t *Lock) request() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted = true
	if t.result == nil {
		t.result = make(chan error, 1)
		go t.acquire(t.result)
	}
}

// acquire waits for the turn. The system call that waits cannot be ended.
func (t *Lock) acquire(taken chan<- error) {
	err := lockBytes(t.file, queueByte, 1, exclusiveWait)
	if err == nil {
		err = lockBytes(t.file, holderByte, 1, exclusiveWait)
		unlockBytes(t.file, queueByte, 1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil && !t.wanted {
		unlockBytes(t.file, holderByte, 1)
		err = errNotWanted
	}
	taken <- err
}

// abandon says that nobody waits any more, and gives back a turn that has just come.
func (t *Lock) abandon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted = false
	select {
	case err := <-t.result:
		t.result = nil
		if err == nil {
			unlockBytes(t.file, holderByte, 1)
		}
	default:
	}
}

// Unlock gives the turn to the next process.
func (t *Lock) Unlock() {
	if t != nil && t.locked {
		unlockBytes(t.file, holderByte, 1)
		t.locked = false
	}
}

// Close forgets the file, which stays: another process may be using it.
func (t *Lock) Close() {
	switch {
	case t == nil:
	case t.result == nil:
		_ = t.file.Close()
	default:
		go func() { // the system call that waits cannot be ended
			<-t.result
			_ = t.file.Close()
		}()
	}
}
