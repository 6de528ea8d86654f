package memory

import (
	"context"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/feed"
)

var _ myvault.Watcher = (*Provider)(nil)

// Watch implements [myvault.Watcher]. As many changes are kept as trail entries: see
// Config.MaxEntries.
func (p *Provider) Watch(ctx context.Context, _ myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if err := usable(ctx, p.closed); err != nil {
		return nil, err
	}
	return p.feed.Open(after, feed.Source{})
}

// eventOf returns the event of a commit, whose changes had these results.
func eventOf(c myvault.Commit, infos []myvault.Info) myvault.Event {
	e := myvault.Event{At: instant(c.At), By: c.By, Changes: make([]myvault.VersionChange, len(infos))}
	for i, info := range infos {
		e.Changes[i] = myvault.VersionChange{Address: info.Address, Version: info.Version, State: info.State}
	}
	return e
}
