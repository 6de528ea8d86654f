package hashivault

import (
	"context"
	"slices"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/parallel"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

// delete deletes the version that it read as the current one. A version that a Put makes in
// between stays live. The tombstone is written before, so that author and time stay known.
func (s *Store) delete(ctx context.Context, c myvault.Change) (myvault.Info, error) {
	unlock, err := s.locks.lock(ctx, c.Address.String())
	if err != nil {
		return myvault.Info{}, err
	}
	defer unlock()
	key := s.kv.secretKey(c.Address)
	d, m, err := s.kv.stat(ctx, key, newest)
	if err != nil {
		return myvault.Info{}, err
	}
	current := infoOf(c.Address, m, d)
	if err := c.If.Check(current); err != nil {
		return myvault.Info{}, err
	}
	if current.State != myvault.Live {
		return myvault.Info{}, myvault.ErrNotFound
	}
	if err := s.addTombstones(ctx, key, m.Custom, current); err != nil {
		return myvault.Info{}, err
	}
	err = s.setState(ctx, "delete", key, myvault.Deleted, current.Version)
	current.State = myvault.Deleted
	return current, err
}

// undelete undeletes the version that it read as the current one.
func (s *Store) undelete(ctx context.Context, addr myvault.Address, who author) (myvault.Info, error) {
	unlock, err := s.locks.lock(ctx, addr.String())
	if err != nil {
		return myvault.Info{}, err
	}
	defer unlock()
	key := s.kv.secretKey(addr)
	_, m, err := s.kv.stat(ctx, key, newest)
	if err != nil {
		return myvault.Info{}, err
	}
	current := infoOf(addr, m, nil)
	switch current.State {
	case myvault.Live:
		return myvault.Info{}, myvault.ErrConflict
	case myvault.Destroyed:
		return myvault.Info{}, myvault.ErrDestroyed
	case myvault.Deleted:
	default:
		return myvault.Info{}, myvault.ErrNotFound
	}
	p, err := s.projects.ensure(ctx, addr.Project, who)
	if err == nil {
		err = s.setState(ctx, "undelete", key, myvault.Live, current.Version)
	}
	if err != nil {
		return myvault.Info{}, err
	}
	if err := s.projects.confirm(ctx, p, who); err != nil {
		return myvault.Info{}, unknown(err)
	}
	if _, found := record.ReadTombstones(m.Custom)[current.Version]; !found {
		// Another program deleted it. The data, which can be read again, has the author.
		if d, now, err := s.kv.stat(ctx, key, current.Version); err == nil && now != nil {
			current = now.Info(addr, d)
		}
	}
	current.State = myvault.Live
	return current, nil
}

// destroy removes values for good. Tombstones are written before, not at the same time, because
// the data cannot be restored.
func (s *Store) destroy(ctx context.Context, c myvault.Change) (myvault.Info, error) {
	unlock, err := s.locks.lock(ctx, c.Address.String())
	if err != nil {
		return myvault.Info{}, err
	}
	defer unlock()
	key := s.kv.secretKey(c.Address)
	h, err := s.kv.history(ctx, key)
	if err != nil {
		return myvault.Info{}, err
	}
	versions, err := versionsToDestroy(c.Versions, h)
	if err != nil {
		return myvault.Info{}, err
	}
	var infos []myvault.Info
	var left []myvault.Version
	for info, err := range parallel.Map(ctx, len(versions), func(ctx context.Context, i int) (myvault.Info, error) {
		return s.versionInfo(ctx, c.Address, h.of(versions[i]))
	}) {
		if err != nil {
			return myvault.Info{}, err
		}
		infos = append(infos, info)
		if info.State != myvault.Destroyed {
			left = append(left, info.Version)
		}
	}
	if len(left) > 0 {
		if err := s.addTombstones(ctx, key, h.Data.Custom, infos...); err != nil {
			return myvault.Info{}, err
		}
		if err := s.repeat(ctx, func(ctx context.Context) error { return s.destroyVersions(ctx, key, left) }); err != nil {
			return myvault.Info{}, err
		}
	}
	last := infos[len(infos)-1]
	last.State = myvault.Destroyed
	return last, nil
}

// destroyVersions destroys versions and checks that they are destroyed.
func (s *Store) destroyVersions(ctx context.Context, key string, versions []myvault.Version) error {
	if err := s.kv.updateVersions(ctx, "destroy", key, versions); err != nil {
		return err
	}
	h, err := s.kv.history(ctx, key)
	if err != nil {
		return cluster.Uncertain{Cause: err}
	}
	for _, n := range versions {
		if h.of(n).State() != myvault.Destroyed {
			return cluster.Uncertain{Cause: errNotVisible}
		}
	}
	return nil
}

// versionsToDestroy returns the versions to destroy in order. If none is named, these are the
// current one and all others that Vault still has.
func versionsToDestroy(named []myvault.Version, h history) ([]myvault.Version, error) {
	current := myvault.Version(h.Data.Current)
	if current == 0 {
		return nil, myvault.ErrNotFound
	}
	if len(named) == 0 {
		named = append(h.kept(), current)
	}
	for _, n := range named {
		if n == 0 || n > current {
			return nil, myvault.ErrNotFound
		}
	}
	named = slices.Clone(named)
	slices.Sort(named)
	return slices.Compact(named), nil
}

// setState deletes or undeletes a version, as action says. state is what it then has to be.
func (s *Store) setState(ctx context.Context, action, key string, state myvault.State, n myvault.Version) error {
	return s.sendOnce(ctx, func(ctx context.Context) error {
		return s.kv.updateVersions(ctx, action, key, []myvault.Version{n})
	}, func(ctx context.Context) (bool, error) {
		h, err := s.kv.history(ctx, key)
		if err != nil {
			return false, err
		}
		is := h.of(n).State()
		return is == state || state == myvault.Deleted && is == myvault.Destroyed, nil
	})
}

// addTombstones adds tombstones of versions to the custom metadata of their key.
func (s *Store) addTombstones(ctx context.Context, key string, custom map[string]string, infos ...myvault.Info) error {
	changes := record.ReadTombstones(custom).Add(custom, infos)
	if changes == nil {
		return nil
	}
	if custom[nameEntry] == "" { // a record of layout 1, whose data cannot be read once it is deleted
		name := entryOf(s.kv.recordName(key))
		changes[nameEntry] = &name
	}
	return s.repeat(ctx, func(ctx context.Context) error { return s.kv.patchCustom(ctx, key, changes) })
}
