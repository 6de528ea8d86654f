package serve

import "time"

// WaitsTwice reports whether who has looked at a connection that waits takes its place after it has worked, and waits anew.
func WaitsTwice(pause func()) (taken bool) {
	c := &Conn{all: &connections{began: time.Now()}}
	pause()
	c.Wait()
	seen := c.turn.Load()
	c.Resume()
	pause()
	c.Wait()
	return c.turn.CompareAndSwap(seen, int64(gone))
}
