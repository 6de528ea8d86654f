// Package broadcast wakes any number of goroutines at once.
package broadcast

import "sync"

// Broadcast wakes everyone who waits for a change. The zero Broadcast is ready for use.
type Broadcast struct {
	mu      sync.Mutex
	changed chan struct{} // nil: nobody waits
}

// Wait returns a channel that is closed by the next Notify. Call it before looking at what may
// change.
func (b *Broadcast) Wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// Notify closes the channels that Wait has returned.
func (b *Broadcast) Notify() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}
