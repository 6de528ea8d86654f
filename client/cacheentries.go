package client

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
)

// fail remembers that the server does not answer.
func (c *cache) fail() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = c.now()
	if c.since.IsZero() {
		c.since = c.failed
	}
}

// answered remembers that the server answers. A nil cache remembers nothing.
func (c *cache) answered() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed, c.since = time.Time{}, time.Time{}
}

// keep stores an answer of the server. The file is written if it lacks the version, or if it has a
// much older time.
func (c *cache) keep(secret myvault.Secret) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().UTC().Truncate(time.Microsecond)
	before := c.entries[secret.Address]
	c.entries[secret.Address] = cached{Secret: secret, fetched: now, written: before.written}
	if before.Info != secret.Info || before.Value.Reveal() != secret.Value.Reveal() || now.Sub(before.written) > c.MaxAge/20 {
		c.save()
	}
}

// refused drops the values that the server refuses.
func (c *cache) refused(addr myvault.Address, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := len(c.entries)
	switch {
	case errors.Is(err, myvault.ErrUnauthenticated):
		clear(c.entries)
	case errors.Is(err, myvault.ErrDenied), errors.Is(err, myvault.ErrDestroyed):
		delete(c.entries, addr)
	}
	if len(c.entries) < size {
		c.save()
	}
}

// save writes the file. The caller has locked c.
func (c *cache) save() {
	c.evict()
	if err := c.write(); err != nil {
		c.OnError(fmt.Errorf("client: cache: %w", err))
		return
	}
	for addr, e := range c.entries {
		e.written = e.fetched
		c.entries[addr] = e
	}
}

// evict drops values that are too old, and the oldest ones while there are too many.
func (c *cache) evict() {
	size := 0
	var all []cached
	for addr, e := range c.entries {
		if !c.fresh(e.fetched) {
			delete(c.entries, addr)
			continue
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b cached) int { return b.fetched.Compare(a.fetched) })
	for n, e := range all {
		if size += e.Value.Len(); size > maxCached || n >= maxEntries {
			delete(c.entries, e.Address)
		}
	}
}
