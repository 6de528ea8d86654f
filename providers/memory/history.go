package memory

import (
	"slices"

	"github.com/myswiftagent/myvault"
)

// history is every version of one address. A published history is immutable: a change creates
// another history, so snapshots do not change.
type history struct {
	key  string           // see keyOf
	head myvault.Secret   // the current version
	past []myvault.Secret // the earlier versions: version n is past[n-1]
}

// keyOf returns the key of an address. Keys sort by project, then by path, because no name
// contains a zero byte.
func keyOf(a myvault.Address) string { return a.Project + "\x00" + a.Path }

// appendKey appends the key of a to dst.
func appendKey(dst []byte, a myvault.Address) []byte {
	return append(append(append(dst, a.Project...), 0), a.Path...)
}

// headOf returns the current version, or the zero Info if there never was one.
func headOf(h *history) myvault.Info {
	if h == nil {
		return myvault.Info{}
	}
	return h.head.Info
}

// live reports whether the current version is live.
func (h *history) live() bool { return h != nil && h.head.State == myvault.Live }

// version returns version n, or the current one for 0.
func (h *history) version(n myvault.Version) (myvault.Secret, error) {
	switch {
	case h.live() && (n == 0 || n == h.head.Version):
		return h.head, nil
	case h == nil || n == 0 || n > h.head.Version || h.head.State == myvault.Deleted:
		return myvault.Secret{}, myvault.ErrNotFound
	}
	switch s := *h.at(n); {
	case s.State == myvault.Destroyed:
		return myvault.Secret{}, myvault.ErrDestroyed
	case s.State == myvault.Live && h.live():
		return s, nil
	}
	return myvault.Secret{}, myvault.ErrNotFound
}

// put returns the history with s as its next version. Histories share the array of past, which
// only grows: an older history does not see elements beyond its own length.
func (h *history) put(s myvault.Secret) *history {
	if h == nil {
		s.Version = 1
		return &history{key: keyOf(s.Address), head: s}
	}
	s.Version = h.head.Version + 1
	return &history{key: h.key, head: s, past: append(h.past, h.head)}
}

// mark returns the history with its current version in another state.
func (h *history) mark(state myvault.State) *history {
	marked := *h
	marked.head.State = state
	return &marked
}

// destroy returns the history without the values of versions, or of all versions if it is empty.
// It also returns the newest version that it destroyed.
func (h *history) destroy(versions []myvault.Version) (*history, myvault.Info, error) {
	if h == nil {
		return nil, myvault.Info{}, myvault.ErrNotFound
	}
	for _, n := range versions {
		if n == 0 || n > h.head.Version {
			return nil, myvault.Info{}, myvault.ErrNotFound
		}
	}
	next := &history{key: h.key, head: h.head, past: slices.Clone(h.past)}
	if len(versions) == 0 {
		for i := range next.past {
			wipe(&next.past[i])
		}
		wipe(&next.head)
		return next, next.head.Info, nil
	}
	for _, n := range versions {
		wipe(next.at(n))
	}
	return next, next.at(slices.Max(versions)).Info, nil
}

// at returns version n, which must exist.
func (h *history) at(n myvault.Version) *myvault.Secret {
	if n == h.head.Version {
		return &h.head
	}
	return &h.past[n-1]
}

func wipe(s *myvault.Secret) {
	s.State, s.Value = myvault.Destroyed, myvault.Value{}
}
