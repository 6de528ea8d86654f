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

// turnWithin is how long a process waits for its turn.
const turnWithin = 10 * time.Second

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
	file    *os.File
	only    bool       // nobody else had the database open when it was asked
	asked   time.Time  // when
	locked  bool       // the turn is this process's by a lock
	taken   chan error // from the goroutine that waits for the lock; nil: there is none
	Timeout time.Duration

	mu     sync.Mutex
	wanted bool // somebody waits for what the goroutine gets
}

// errUnwanted: the turn came when nobody waited for it any more, and was given back.
var errUnwanted = errors.New("nobody waits for the turn")

// The bytes of the file.
const (
	queueByte    = 0
	turnByte     = 1
	presenceByte = 2
)

// lockMode is how bytes are locked.
type lockMode uint8

const (
	shared        lockMode = iota // beside others who share
	exclusive                     // or not at all, if somebody else has it
	exclusiveWait                 // once nobody else has it
)

// askAfter is for how long a process that was alone takes itself to be.
const askAfter = 10 * time.Millisecond

// Open makes the file of a database where it is missing.
func Open(database string) (*Lock, error) {
	if !canLock {
		return nil, nil
	}
	f, err := os.OpenFile(database+directory.LockSuffix, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockBytes(f, presenceByte, 1, shared); err != nil && !held(err) {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{file: f, Timeout: turnWithin}, nil
}

// alone reports whether no other process has the database open.
func (t *Lock) alone() bool {
	if now := time.Now(); now.Sub(t.asked) > askAfter {
		t.only, t.asked = !lockedByOthers(t.file, presenceByte), now
	}
	return t.only
}

// TryLock takes the turn if nobody has it or waits for it.
func (t *Lock) TryLock() bool {
	if t == nil {
		return true
	}
	if t.taken != nil {
		select {
		case err := <-t.taken:
			t.taken, t.locked = nil, err == nil
			if err != errUnwanted {
				return true
			}
		default:
			return false
		}
	}
	if t.alone() {
		return true
	}
	err := lockBytes(t.file, queueByte, 2, exclusive)
	if t.locked = err == nil; t.locked {
		unlockBytes(t.file, queueByte, 1)
	}
	return !held(err)
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
		t.ask()
		select {
		case err := <-t.taken:
			t.taken, t.locked = nil, err == nil
			if err != errUnwanted {
				return nil
			}
		case <-closing:
			t.giveUp()
			return myvault.ErrClosed
		case <-late.C:
			t.giveUp()
			return fmt.Errorf("%w: another process has been writing for %v; look whether one hangs", myvault.ErrUnavailable, t.Timeout)
		}
	}
	return nil
}

// ask says that the turn is wanted, and has a goroutine wait for it where none does.
func (t *Lock) ask() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted = true
	if t.taken == nil {
		t.taken = make(chan error, 1)
		go t.fetch(t.taken)
	}
}

// fetch waits for the turn. The system call that waits cannot be ended.
func (t *Lock) fetch(taken chan<- error) {
	err := lockBytes(t.file, queueByte, 1, exclusiveWait)
	if err == nil {
		err = lockBytes(t.file, turnByte, 1, exclusiveWait)
		unlockBytes(t.file, queueByte, 1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil && !t.wanted {
		unlockBytes(t.file, turnByte, 1)
		err = errUnwanted
	}
	taken <- err
}

// giveUp says that nobody waits any more, and gives back a turn that has just come.
func (t *Lock) giveUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted = false
	select {
	case err := <-t.taken:
		t.taken = nil
		if err == nil {
			unlockBytes(t.file, turnByte, 1)
		}
	default:
	}
}

// Unlock gives the turn to the next process.
func (t *Lock) Unlock() {
	if t != nil && t.locked {
		unlockBytes(t.file, turnByte, 1)
		t.locked = false
	}
}

// Close forgets the file, which stays: another process may be using it.
func (t *Lock) Close() {
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
