package fresh

import (
	"context"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// UsesIndex reports whether the WAL-index tells whether the cache is fresh.
func (v *Validator) UsesIndex() bool { return v != nil && v.Index.Load() != nil }

// AfterQuery calls f once, after the next refresh of the cache has read the log.
func (v *Validator) AfterQuery(f func()) {
	read := v.Read
	v.Read = func(ctx context.Context, query func(*db.Conn) error) error {
		v.Read = read
		err := read(ctx, query)
		f()
		return err
	}
}

// Rows returns the number of cached rows and their size in bytes.
func (c *Cache) Rows() (rows int, bytes int64) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	for i := range c.Slots {
		if c.Slots[i].Row.Load() != nil {
			rows++
		}
	}
	return rows, c.Bytes
}

// WithRemovalHeld calls f while no row can be removed from the cache.
func (c *Cache) WithRemovalHeld(f func()) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	f()
}
