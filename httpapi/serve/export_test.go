package serve

import "time"

// SeesAnotherWait reports whether a connection that waits, works and waits anew has another
// status than at first.
func SeesAnotherWait(pause func()) bool {
	c := &Conn{pool: &pool{began: time.Now()}}
	c.status.Store(int64(newStatus(working, 0)))
	pause()
	c.Wait()
	seen := c.status.Load()
	c.Resume()
	pause()
	c.Wait()
	return c.status.Load() != seen
}
