// Package memory keeps secrets in the memory of the process, unencrypted: the fake
// for tests of programs that embed the vault, and the reference that every other
// provider is held to. What it holds is gone when the process ends.
//
//	provider := memory.New(memory.Config{})
//	defer provider.Close()
//
// The Provider is a [myvault.Trail] and a [myvault.Incarnation]. Its trail has no MACs,
// so it is no [myvault.Auditor].
package memory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"

	"github.com/tidwall/btree"

	"github.com/myswiftagent/myvault"
)

// DefaultMaxEntries is how many entries of each chain are kept unless Config says otherwise.
const DefaultMaxEntries = 10_000

// Config sets the limits of a Provider. The zero Config is ready for use.
type Config struct {
	// MaxProjects is how many projects can be registered; one more is
	// myvault.ErrTooLarge. 0 means myvault.MaxProjects.
	MaxProjects int
	// MaxEntries is how many of the newest trail entries are kept, of changes and of
	// reads each; older ones are forgotten. 0 means DefaultMaxEntries.
	MaxEntries int
}

// Provider is a [myvault.Provider] in memory. Make one with [New]; it must not be copied.
// Values are shared inside, which is safe because a [myvault.Value] never gives out
// its bytes without a copy.
type Provider struct {
	incarnation string
	maxProjects int
	trail       trail

	mu      sync.RWMutex // guards what follows; taken before trail.mu where both are
	closed  bool
	secrets map[string]*history // by history.key, which is less memory to look at than an Address
	// ordered holds what secrets holds, by history.key. The map makes Get fast; the
	// tree makes List a seek and gives iterators a snapshot in constant time.
	ordered  *btree.Map[string, *history]
	projects register
}

var (
	_ myvault.Provider    = (*Provider)(nil)
	_ myvault.Trail       = (*Provider)(nil)
	_ myvault.Incarnation = (*Provider)(nil)
	_ myvault.Snapshotter = (*Provider)(nil)
)

// New makes an empty Provider, with an incarnation of its own. Negative limits count as 0.
func New(c Config) *Provider {
	if c.MaxProjects <= 0 {
		c.MaxProjects = myvault.MaxProjects
	}
	if c.MaxEntries <= 0 {
		c.MaxEntries = DefaultMaxEntries
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails: it crashes the program where there is no randomness
	return &Provider{
		incarnation: hex.EncodeToString(id[:]),
		maxProjects: c.MaxProjects,
		trail:       newTrail(c.MaxEntries),
		secrets:     map[string]*history{},
		ordered:     new(btree.Map[string, *history]),
		projects:    register{byName: new(btree.Map[string, myvault.Project])},
	}
}

// Incarnation gives 16 hexadecimal digits, drawn at random by New.
func (p *Provider) Incarnation() string { return p.incarnation }

// Ping gives nil, or ErrClosed after Close.
func (p *Provider) Ping(ctx context.Context) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.usable(ctx)
}

// Close forgets everything. Later calls give ErrClosed, a second Close nil. Iterators
// that have begun go on to the end of what they saw at their beginning.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.secrets, p.ordered, p.projects = nil, nil, register{}
	p.trail.close()
	return nil
}

// usable gives the reason why a call may not begin; p.mu is held.
func (p *Provider) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.closed {
		return myvault.ErrClosed
	}
	return nil
}
