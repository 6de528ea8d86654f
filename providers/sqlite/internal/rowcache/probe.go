package rowcache

import (
	"context"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Probe reports whether a file has changed since it was last asked. With the WAL-index that is a
// look at shared memory, which takes nanoseconds; without it a query. It is for one goroutine.
type Probe struct {
	validator *Validator // shared; nil: the next two are used
	index     *walIndex
	version   *dataVersion
	last      token
	known     bool
}

// NewProbe returns a probe of file. It shares the index and the connection of v, which may be nil.
// If index is false, the probe uses PRAGMA data_version and never the WAL-index.
func NewProbe(file *wal.File, v *Validator, index bool) *Probe {
	p := &Probe{validator: v}
	if v == nil {
		p.version = newDataVersion(file)
		if index {
			p.index = openWALIndex(file.Path + "-shm")
		}
	}
	return p
}

// Changed reports whether any process may have committed since the last call. The first call
// returns true, as does a call that cannot find out. Read the file after it.
func (p *Probe) Changed(ctx context.Context) bool {
	index := p.index
	if p.validator != nil {
		index = p.validator.index.Load()
	}
	if index != nil && p.known && index.matches(&p.last) {
		return false
	}
	t, ok := p.token(ctx, index)
	changed := !ok || !p.known || t != p.last
	p.last, p.known = t, ok
	return changed
}

func (p *Probe) token(ctx context.Context, index *walIndex) (token, bool) {
	switch {
	case index != nil:
		return index.read()
	case p.validator != nil:
		return p.validator.version.read(ctx)
	}
	return p.version.read(ctx)
}

// Forget makes the next call of Changed return true.
func (p *Probe) Forget() { p.known = false }

// Close closes the connection of the probe, unless that is the validator's.
func (p *Probe) Close() error {
	if p.version == nil {
		return nil
	}
	return p.version.close()
}
