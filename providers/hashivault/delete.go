package hashivault

import (
	"context"
	"slices"
	"sync"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// delete marks the version that it saw as the current one: a Put that comes in between
// stays live. That it is noted and that it is marked go at once; a crash between the two leaves
// author and time unknown until an Undelete, for the data has them still.
func (s *Store) delete(ctx context.Context, c myvault.Change) (myvault.Info, error) {
	unlock, err := s.locks.lock(ctx, c.Address.String())
	if err != nil {
		return myvault.Info{}, err
	}
	defer unlock()
	key := s.kv.secretKey(c.Address)
	r, m, err := s.kv.look(ctx, key, newest)
	if err != nil {
		return myvault.Info{}, err
	}
	head := headOf(c.Address, m, r)
	if err := c.If.Check(head); err != nil {
		return myvault.Info{}, err
	}
	if head.State != myvault.Live {
		return myvault.Info{}, myvault.ErrNotFound
	}
	var noting error
	var both sync.WaitGroup
	both.Go(func() { noting = s.note(ctx, key, m.Custom, head) })
	err = s.mark(ctx, "delete", key, myvault.Deleted, head.Version)
	both.Wait()
	if err == nil && noting != nil {
		// Back to where it was, rather than deleted without a trace of who wrote it.
		err = s.mark(context.WithoutCancel(ctx), "undelete", key, myvault.Live, head.Version)
		if err == nil {
			return myvault.Info{}, noting
		}
		return myvault.Info{}, unknown(err)
	}
	head.State = myvault.Deleted
	return head, err
}

// undelete clears the mark of the version that it saw as the current one.
func (s *Store) undelete(ctx context.Context, addr myvault.Address, who author) (myvault.Info, error) {
	unlock, err := s.locks.lock(ctx, addr.String())
	if err != nil {
		return myvault.Info{}, err
	}
	defer unlock()
	key := s.kv.secretKey(addr)
	_, m, err := s.kv.look(ctx, key, newest)
	if err != nil {
		return myvault.Info{}, err
	}
	head := headOf(addr, m, nil)
	switch head.State {
	case myvault.Live:
		return myvault.Info{}, myvault.ErrConflict
	case myvault.Destroyed:
		return myvault.Info{}, myvault.ErrDestroyed
	case myvault.Deleted:
	default:
		return myvault.Info{}, myvault.ErrNotFound
	}
	h, err := s.register.ensure(ctx, addr.Project, who)
	if err == nil {
		err = s.mark(ctx, "undelete", key, myvault.Live, head.Version)
	}
	if err != nil {
		return myvault.Info{}, err
	}
	if err := s.register.confirm(ctx, h, who); err != nil {
		return myvault.Info{}, unknown(err)
	}
	if _, noted := readNotes(m.Custom)[head.Version]; !noted {
		// Another program deleted it. The data tells more, now that it can be read.
		if r, now, err := s.kv.look(ctx, key, head.Version); err == nil && now != nil {
			head = now.info(addr, r)
		}
	}
	head.State = myvault.Live
	return head, nil
}

// destroy removes values for good. What is known of a version is noted before its value
// goes, never beside it: nothing brings it back.
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
	versions, err := targets(c.Versions, h)
	if err != nil {
		return myvault.Info{}, err
	}
	var infos []myvault.Info
	var left []myvault.Version
	for info, err := range ordered(ctx, len(versions), func(ctx context.Context, i int) (myvault.Info, error) {
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
		if err := s.note(ctx, key, h.Data.Custom, infos...); err != nil {
			return myvault.Info{}, err
		}
		if err := s.repeated(ctx, func(ctx context.Context) error { return s.markDestroyed(ctx, key, left) }); err != nil {
			return myvault.Info{}, err
		}
	}
	last := infos[len(infos)-1]
	last.State = myvault.Destroyed
	return last, nil
}

// markDestroyed marks the versions and makes sure that they are.
func (s *Store) markDestroyed(ctx context.Context, key string, versions []myvault.Version) error {
	if err := s.kv.mark(ctx, "destroy", key, versions); err != nil {
		return err
	}
	h, err := s.kv.history(ctx, key)
	if err != nil {
		return cluster.Uncertain{Cause: err}
	}
	for _, n := range versions {
		if h.of(n).state() != myvault.Destroyed {
			return cluster.Uncertain{Cause: errNotSeen}
		}
	}
	return nil
}

// targets returns the versions to destroy in order. If none is named, these are the current one and
// all others that Vault still has.
func targets(named []myvault.Version, h history) ([]myvault.Version, error) {
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

// mark deletes or undeletes a version.
func (s *Store) mark(ctx context.Context, what, key string, state myvault.State, n myvault.Version) error {
	return s.seen(ctx, func(ctx context.Context) error {
		return s.kv.mark(ctx, what, key, []myvault.Version{n})
	}, func(ctx context.Context) (bool, error) {
		h, err := s.kv.history(ctx, key)
		if err != nil {
			return false, err
		}
		is := h.of(n).state()
		return is == state || state == myvault.Deleted && is == myvault.Destroyed, nil
	})
}

// note adds what is known of versions to the notes of their key.
func (s *Store) note(ctx context.Context, key string, custom map[string]string, infos ...myvault.Info) error {
	changes := readNotes(custom).with(custom, infos)
	if changes == nil {
		return nil
	}
	if custom[keyEntry] == "" { // a record from before, which has no data once it is marked
		label := entryOf(s.kv.label(key))
		changes[keyEntry] = &label
	}
	return s.repeated(ctx, func(ctx context.Context) error { return s.kv.patchCustom(ctx, key, changes) })
}
