package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// Cache keeps the answers to Get, values and ErrNotFound, in an encrypted file, so that a program
// can start and run while the server is down.
//
// Get answers from it only if the server does not answer, or answers that its store is
// unavailable. Every such answer is announced. While the server stays silent, it is asked again
// every five seconds at most. A value is dropped once the server refuses it and when this client
// changes it, and all are dropped once the server refuses the caller.
//
// The file is encrypted with AES-256-GCM and bound to the server's address and the service. One
// that was changed, or belongs to others, is not used. Each process needs a separate file.
// Anyone with write access to the file can replace it by an earlier copy that is within MaxAge.
type Cache struct {
	// File is the path of the file. Its directory must exist.
	File string
	// KeyFile has the key, as [crypto.ReadKeyFile] reads it. "": the key is derived from
	// Config.Token or Config.Bearer. Then the token protects the values against those who copy the
	// file, and another token starts an empty cache.
	KeyFile string
	// MaxAge is the greatest age of a value, from the last time that the server returned it. 0: 24
	// hours.
	MaxAge time.Duration
	// OnUse is called with each answer that comes from the cache, before Get returns. It is
	// required, must not block, and may be called by many goroutines.
	OnUse func(CacheUse)
	// OnError is called if the file cannot be used or written, before the method that found it
	// returns. The client works without the file. Nil: these errors are dropped.
	OnError func(error)
}

// CacheUse is an answer from the cache.
type CacheUse struct {
	Secret  myvault.Info // without its value; of version 0 if there was no such secret
	Fetched time.Time    // when the server last returned it
	Cause   error        // why the server's answer is missing
}

const (
	defaultMaxAge = 24 * time.Hour
	recheck       = 5 * time.Second // between questions to a server that does not answer
	clockSkew     = time.Minute     // by which a time may be in the future
	maxCached     = 32 << 20        // bytes of values
	maxEntries    = 10_000
)

// cache is an open Cache.
type cache struct {
	Cache
	seal    sealer
	now     func() time.Time
	writing sync.Mutex // held while the file is written; taken before mu
	mu      sync.Mutex
	entries map[myvault.Address]cached
	asked   uint64    // questions to the server; a newer one has a higher number
	changed uint64    // questions up to this one may have an answer from before a change
	failed  time.Time // when the server last did not answer; zero: it answers
	since   time.Time // when that began
}

// cached is an answer in the cache. If its version is 0, there was no such secret.
type cached struct {
	myvault.Secret
	fetched  time.Time
	written  time.Time // fetched, as the file has it
	question uint64    // that it answers
}

// openCache opens the cache of a client. A file that cannot be used is reported and ignored.
func openCache(config Cache, base string, of Config) (*cache, error) {
	switch {
	case config.File == "" || config.OnUse == nil:
		return nil, invalid("Cache needs File and OnUse")
	case of.Service == "":
		return nil, invalid("Cache needs Service")
	case config.MaxAge < 0:
		return nil, invalid("Cache.MaxAge cannot be negative")
	}
	if config.OnError == nil {
		config.OnError = func(error) {}
	}
	config.MaxAge = cmp.Or(config.MaxAge, defaultMaxAge)
	seal, err := newSealer(config.KeyFile, base, of)
	if err != nil {
		return nil, err
	}
	c := &cache{Cache: config, seal: seal, now: time.Now, entries: make(map[myvault.Address]cached)}
	if err := c.load(); err != nil {
		config.OnError(fmt.Errorf("client: cache: %w", err))
	}
	return c, nil
}

// errSilent is the cause of an answer from the cache if the server was not asked.
var errSilent = fmt.Errorf("%w: the server did not answer a moment ago", myvault.ErrUnavailable)

// get returns the answer of ask, which sends a number of attempts, or the cached value.
func (c *cache) get(ctx context.Context, addr myvault.Address, ask func(attempts int) (myvault.Secret, error)) (myvault.Secret, error) {
	if err := ctx.Err(); err != nil {
		return myvault.Secret{}, err
	}
	known, found := c.find(addr)
	attempts, silent := c.patience(found)
	if silent {
		return c.use(known, errSilent)
	}
	question := c.begin()
	secret, err := ask(attempts)
	switch {
	case err == nil:
		c.keep(question, secret)
	case errors.Is(err, myvault.ErrNotFound):
		c.keep(question, myvault.Secret{Info: myvault.Info{Address: addr}})
	case isOutage(ctx, err):
		c.fail()
		if found {
			return c.use(known, err)
		}
	default:
		c.refused(addr, err)
	}
	return secret, err
}

// isOutage reports whether err is because the server or its store does not answer.
func isOutage(ctx context.Context, err error) bool {
	return errors.Is(err, myvault.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// allAttempts are as many as the client's config allows.
const allAttempts = 1 << 30

// find returns the cached answer about addr.
func (c *cache) find(addr myvault.Address) (known cached, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, found = c.entries[addr]
	return known, found
}

// patience returns how often to ask the server, and whether not to ask, if an answer is cached.
func (c *cache) patience(found bool) (attempts int, silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !found:
		return allAttempts, false
	case c.failed.IsZero():
		return 2, false
	}
	return 1, c.now().Sub(c.failed) < recheck
}

// use announces and returns known, unless it is too old.
func (c *cache) use(known cached, cause error) (myvault.Secret, error) {
	if !c.fresh(known.fetched) {
		return myvault.Secret{}, fmt.Errorf("%w; the cached value is older than %v", cause, c.MaxAge)
	}
	c.OnUse(CacheUse{Secret: known.Info, Fetched: known.fetched, Cause: cause})
	if known.Version == 0 {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	return known.Secret, nil
}

// fresh reports whether a value that was fetched at t may be used.
func (c *cache) fresh(t time.Time) bool {
	age := c.now().Sub(t)
	return age >= -clockSkew && age <= c.MaxAge
}

// OfflineSince returns when the server stopped answering Get, or the zero time if it has answered
// since or there is no cache.
func (c *Client) OfflineSince() time.Time {
	if c.cache == nil {
		return time.Time{}
	}
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	return c.cache.since
}
