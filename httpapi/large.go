package httpapi

// Limits of what large requests keep in memory, together: a body has up to 1 MiB, and its parts
// are copied some times when it is whole; a page of values has up to 8 MiB.
const (
	largeBody    = 64 << 10 // bytes; so much of any body is read at once
	bodiesAtOnce = 32       // that are on their way
	largeAtOnce  = 16       // that are answered
)

// takeLarge waits until few enough large requests are under way; this one then counts until it is
// answered.
func (c *call) takeLarge() error {
	if c.large {
		return nil
	}
	c.conn.Wait()
	defer c.conn.Resume()
	if err := c.api.large.Enter(c.ctx(), c.service()); err != nil {
		return err
	}
	c.large = true
	return nil
}

// endLarge makes room for another one.
func (c *call) endLarge() {
	if c.large {
		c.large = false
		c.api.large.Leave(c.service())
	}
}
