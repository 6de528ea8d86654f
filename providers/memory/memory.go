// Package memory stores secrets in the memory of the process, unencrypted. It is the fake for
// tests of programs that embed a vault, and the reference for the behavior of other providers.
// Its contents are lost when the process ends.
//
//	provider := memory.New(memory.Config{})
//	defer provider.Close()
//
// The Provider implements [myvault.Trail], [myvault.Snapshotter], [myvault.Archive],
// [myvault.Limited], [myvault.Incarnation] and [myvault.Watcher]. Its trail has no MACs, so it does
// not implement [myvault.Auditor].
package memory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"

	"github.com/tidwall/btree"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/feed"
)

// DefaultMaxEntries is the default of Config.MaxEntries.
const DefaultMaxEntries = 10_000

// Config sets the limits of a Provider. The zero Config is ready to use.
type Config struct {
	// MaxProjects is the maximum number of registered projects. To register another returns
	// myvault.ErrTooLarge. 0: myvault.MaxProjects.
	MaxProjects int
	// MaxEntries is how many trail entries are kept, of each chain, and how many changes for
	// watchers. Older ones are dropped.
	// 0: DefaultMaxEntries.
	MaxEntries int
}

// Provider is a [myvault.Provider] in memory. [New] returns one. A Provider must not be copied.
type Provider struct {
	incarnation string
	maxProjects int
	trail       trail
	feed        *feed.Log

	mu      sync.RWMutex // guards the fields below; locked before trail.mu
	closed  bool
	secrets map[string]*history // by history.key, which is smaller than an Address
	// ordered has the same contents, by history.key. The map makes Get fast. With the tree, List
	// can seek, and iterators take a snapshot in constant time.
	ordered  *btree.Map[string, *history]
	projects register
}

var (
	_ myvault.Provider    = (*Provider)(nil)
	_ myvault.Trail       = (*Provider)(nil)
	_ myvault.Incarnation = (*Provider)(nil)
	_ myvault.Snapshotter = (*Provider)(nil)
)

// New returns an empty Provider with a new incarnation. Negative limits count as 0.
func New(c Config) *Provider {
	if c.MaxProjects <= 0 {
		c.MaxProjects = myvault.MaxProjects
	}
	if c.MaxEntries <= 0 {
		c.MaxEntries = DefaultMaxEntries
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails: it crashes the program if the system has no randomness
	incarnation := hex.EncodeToString(id[:])
	return &Provider{
		incarnation: incarnation,
		maxProjects: c.MaxProjects,
		trail:       newTrail(c.MaxEntries),
		feed:        feed.New(incarnation, c.MaxEntries, 0),
		secrets:     map[string]*history{},
		ordered:     new(btree.Map[string, *history]),
		projects:    register{byName: new(btree.Map[string, myvault.Project])},
	}
}

// Incarnation returns 16 hexadecimal digits, chosen at random by New.
func (p *Provider) Incarnation() string { return p.incarnation }

// Ping returns nil, or ErrClosed after Close.
func (p *Provider) Ping(ctx context.Context) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return usable(ctx, p.closed)
}

// Close drops the contents. Later calls return ErrClosed, except for Close, which returns nil.
// Iterators that have started continue on their snapshot.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.secrets, p.ordered, p.projects = nil, nil, register{}
	p.trail.close()
	p.feed.End(myvault.ErrClosed)
	return nil
}

// usable returns an error if a call must not start: its context is done, or the provider is closed.
func usable(ctx context.Context, closed bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if closed {
		return myvault.ErrClosed
	}
	return nil
}
