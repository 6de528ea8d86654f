package rowcache

import (
	"context"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// UsesIndex reports whether the WAL-index tells whether the cache is current.
func (v *Validator) UsesIndex() bool { return v != nil && v.index.Load() != nil }

// AfterQuery calls f once, after the next refresh of the cache has read the log.
func (v *Validator) AfterQuery(f func()) {
	read := v.read
	v.read = func(ctx context.Context, query func(*db.Conn) error) error {
		v.read = read
		err := read(ctx, query)
		f()
		return err
	}
}

// Rows returns the number of cached rows and their size in bytes.
func (c *Cache) Rows() (rows int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.slots {
		if c.slots[i].Row.Load() != nil {
			rows++
		}
	}
	return rows, c.bytes
}

// WithRemovalHeld calls f while no row can be removed from the cache.
func (c *Cache) WithRemovalHeld(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}
