// Package writelock is a fair lock between the processes that write to one database: they get it
// in the order in which they asked. It knows the lock file beside the database, and how the
// operating system locks its bytes. It knows nothing of SQLite, whose own lock keeps two
// processes from writing at once.
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

const defaultTimeout = 10 * time.Second

// Lock is a fair lock between processes. In each process, one goroutine at a time may use it. It
// adds only fairness to SQLite's own lock, which processes would have to poll. If the system
// cannot lock the file, the methods report success, and processes compete for SQLite's lock.
//
// It locks bytes of a file. The process that has locked the write byte may write. A process
// that wants it locks the queue byte while it waits. So a process that unlocks and locks again
// finds the queue byte locked, and comes after the process that waits. The system frees the
// locks of a process that exits.
//
// Every process that has the database open has a shared lock on the presence byte. If no other
// process has one, the write byte is not locked at all. The result of this check is used for
// aloneInterval.
type Lock struct {
	file         *os.File
	alone        bool // no other process had the database open at aloneChecked
	aloneChecked time.Time
	locked       bool          // this process has locked the write byte
	acquired     chan error    // result of the goroutine that runs acquire, nil if there is none
	Timeout      time.Duration // how long Wait waits

	mu     sync.Mutex
	wanted bool // a call of Wait uses the result of acquire
}

// errNotWanted is the result of acquire if Wait had returned before. The lock was freed.
var errNotWanted = errors.New("no call waits for the lock")

// The bytes of the file.
const (
	queueByte    = 0
	writeByte    = 1
	presenceByte = 2
)

// lockMode is a way to lock bytes.
type lockMode uint8

const (
	shared        lockMode = iota // fails if another open file has an exclusive lock
	exclusive                     // fails if another open file has a lock
	exclusiveWait                 // waits until no other open file has a lock
)

// aloneInterval is how long a process that was alone may write without checking again.
const aloneInterval = 10 * time.Millisecond

// Open opens the lock file of a database, and creates it if it is missing. On systems without
// such locks it returns a nil Lock, whose methods do nothing.
func Open(database string) (*Lock, error) {
	if !canLock {
		return nil, nil
	}
	f, err := os.OpenFile(database+directory.LockSuffix, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockBytes(f, presenceByte, 1, shared); err != nil && !isConflict(err) {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{file: f, Timeout: defaultTimeout}, nil
}

// TryLock locks l if no other process has locked it or waits for it. It reports whether this
// process may write.
func (l *Lock) TryLock() bool {
	if l == nil {
		return true
	}
	if l.acquired != nil {
		select {
		case err := <-l.acquired:
			if l.finish(err) {
				return true
			}
		default:
			return false
		}
	}
	if now := time.Now(); now.Sub(l.aloneChecked) > aloneInterval {
		l.alone, l.aloneChecked = !lockedByOthers(l.file, presenceByte), now
	}
	if l.alone {
		return true
	}
	err := lockBytes(l.file, queueByte, 2, exclusive)
	if l.locked = err == nil; l.locked {
		unlockBytes(l.file, queueByte, 1)
	}
	return !isConflict(err)
}

// Wait locks l, in the order in which processes asked. If that takes longer than Timeout, it
// returns ErrUnavailable. If closing is closed, it returns ErrClosed. In both cases the
// goroutine that waits for the lock goes on, and the next call uses its result. If there is no
// call by then, the goroutine frees the lock.
func (l *Lock) Wait(closing <-chan struct{}) error {
	var timeout *time.Timer
	for !l.TryLock() {
		if timeout == nil {
			timeout = time.NewTimer(l.Timeout)
			defer timeout.Stop()
		}
		l.startAcquire()
		select {
		case err := <-l.acquired:
			if l.finish(err) {
				return nil
			}
		case <-closing:
			l.abandon()
			return myvault.ErrClosed
		case <-timeout.C:
			l.abandon()
			return fmt.Errorf("%w: another process has been writing for %v; check whether it hangs", myvault.ErrUnavailable, l.Timeout)
		}
	}
	return nil
}

// finish records the result of acquire. It reports false if the lock was freed again.
func (l *Lock) finish(err error) bool {
	l.acquired, l.locked = nil, err == nil
	return err != errNotWanted
}

// startAcquire starts a goroutine that runs acquire, unless one runs already.
func (l *Lock) startAcquire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = true
	if l.acquired == nil {
		l.acquired = make(chan error, 1)
		go l.acquire(l.acquired)
	}
}

// acquire waits until the write byte is locked. The system call that waits cannot be canceled.
func (l *Lock) acquire(acquired chan<- error) {
	err := lockBytes(l.file, queueByte, 1, exclusiveWait)
	if err == nil {
		err = lockBytes(l.file, writeByte, 1, exclusiveWait)
		unlockBytes(l.file, queueByte, 1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && !l.wanted {
		unlockBytes(l.file, writeByte, 1)
		err = errNotWanted
	}
	acquired <- err
}

// abandon records that no call waits, and frees the lock if acquire has just locked it.
func (l *Lock) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = false
	select {
	case err := <-l.acquired:
		l.acquired = nil
		if err == nil {
			unlockBytes(l.file, writeByte, 1)
		}
	default:
	}
}

// Unlock unlocks l for the next process.
func (l *Lock) Unlock() {
	if l != nil && l.locked {
		unlockBytes(l.file, writeByte, 1)
		l.locked = false
	}
}

// Close closes the file, and does not remove it: another process may be using it.
func (l *Lock) Close() {
	switch {
	case l == nil:
	case l.acquired == nil:
		_ = l.file.Close()
	default:
		go func() { // acquire uses the file, and cannot be canceled
			<-l.acquired
			_ = l.file.Close()
		}()
	}
}
