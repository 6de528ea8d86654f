package client

import (
	"errors"
	"fmt"
	"maps"
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

// heard ends an outage if err is an answer of a vault, and not that its store is unavailable. It
// drops all values if the server refuses the caller.
func (c *cache) heard(err error) {
	refusal, ok := errors.AsType[*refusal](err)
	if c == nil || !ok || errors.Is(refusal, myvault.ErrUnavailable) {
		return
	}
	c.answered()
	if errors.Is(refusal, myvault.ErrUnauthenticated) {
		c.drop(func(myvault.Address) bool { return true })
	}
}

// begin returns the number of a question to the server.
func (c *cache) begin() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.asked
}

// keep stores the answer of the server to a question, unless a later question was answered already
// or a change was made since. The file is written if it lacks the version, or if it has a much
// older time.
func (c *cache) keep(question uint64, secret myvault.Secret) {
	if c.store(question, secret) {
		c.save()
	}
}

// store stores an answer, and reports whether the file must be written.
func (c *cache) store(question uint64, secret myvault.Secret) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.entries[secret.Address]
	if question <= c.changed || question < before.question {
		return false
	}
	now := c.now().UTC().Truncate(time.Microsecond)
	c.entries[secret.Address] = cached{Secret: secret, fetched: now, written: before.written, question: question}
	return before.Info != secret.Info || before.Value.Reveal() != secret.Value.Reveal() || now.Sub(before.written) > c.MaxAge/20
}

// refused drops a value that the server refuses.
func (c *cache) refused(addr myvault.Address, err error) {
	if errors.Is(err, myvault.ErrDenied) || errors.Is(err, myvault.ErrDestroyed) {
		c.drop(func(a myvault.Address) bool { return a == addr })
	}
}

// forget drops what changes have made old, unless err says that they were not made. A nil cache has
// nothing to drop.
func (c *cache) forget(err error, addrs ...myvault.Address) {
	if c != nil && (err == nil || errors.Is(err, myvault.ErrUnknownOutcome)) {
		c.drop(func(a myvault.Address) bool { return slices.Contains(addrs, a) })
	}
}

// drop drops the selected values, also from the file. Answers to earlier questions are not kept.
func (c *cache) drop(selected func(myvault.Address) bool) {
	c.mu.Lock()
	size := len(c.entries)
	c.changed = c.asked
	maps.DeleteFunc(c.entries, func(a myvault.Address, _ cached) bool { return selected(a) })
	dropped := len(c.entries) < size
	c.mu.Unlock()
	if dropped {
		c.save()
	}
}

// save writes the file. It is called without a lock, because OnError may use the client.
func (c *cache) save() {
	if err := c.write(); err != nil {
		c.OnError(fmt.Errorf("client: cache: %w", err))
	}
}

// evict drops values that are too old, and the oldest ones while there are too many. The caller has
// locked c.mu.
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
