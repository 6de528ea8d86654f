package httpapi

import "time"

// WaitsTwice reports whether who has looked at a connection that waits takes its place after it has worked, and waits anew.
func WaitsTwice(pause func()) (taken bool) {
	c := &connection{all: &connections{began: time.Now()}}
	pause()
	c.waits()
	seen := c.turn.Load()
	c.works()
	pause()
	c.waits()
	return c.turn.CompareAndSwap(seen, int64(gone))
}
