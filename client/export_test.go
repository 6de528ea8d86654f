package client

import "time"

// Clock sets the clock of a client's cache.
func (c *Client) Clock(now func() time.Time) { c.cache.now = now }
