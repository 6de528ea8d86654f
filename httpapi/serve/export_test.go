package serve

import "time"

// SeesAnotherWait reports whether a connection that waits, works and waits anew has another
// status than at first.
func SeesAnotherWait(pause func()) bool {
	c := &connection{pool: &pool{began: time.Now()}}
	c.status.Store(int64(newStatus(working, 0)))
	pause()
	c.become(waiting)
	seen := c.status.Load()
	c.become(working)
	pause()
	c.become(waiting)
	return c.status.Load() != seen
}
