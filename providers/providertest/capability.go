package providertest

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault"
)

// Capability is a feature that only some providers have.
type Capability string

// The capabilities.
const (
	Trail       Capability = "Trail"       // implements myvault.Trail
	Auditor     Capability = "Auditor"     // implements myvault.Auditor
	Incarnation Capability = "Incarnation" // implements myvault.Incarnation
	Archive     Capability = "Archive"     // implements myvault.Archive
	Limited     Capability = "Limited"     // implements myvault.Limited
	Snapshotter Capability = "Snapshotter" // implements myvault.Snapshotter
	Watcher     Capability = "Watcher"     // implements myvault.Watcher
	EachCommit  Capability = "EachCommit"  // a feed has each commit, not only the newest state of each secret
	ManyChanges Capability = "ManyChanges" // accepts commits of several changes
	Persistent  Capability = "Persistent"  // keeps its contents after Close
)

// CheckAbsent returns nil if the store lacks the capability: the interface is not implemented,
// the operation returns errors.ErrUnsupported, or the contents are lost after Close. Otherwise
// it returns an error, because a provider must not declare a capability as lacking that it has.
func (c Capability) CheckAbsent(ctx context.Context, store Store) error {
	return checkFunc(func(s *scenario) {
		if s.has(c) {
			s.failf("%s is declared as lacking, but the provider has it; remove it from the list", c)
		}
	})(ctx, store)
}

// has reports whether the provider has the capability. It may write to the store.
func (s *scenario) has(c Capability) bool {
	found := false
	switch c {
	case Trail:
		_, found = s.p.(myvault.Trail)
	case Auditor:
		_, found = s.p.(myvault.Auditor)
	case Incarnation:
		_, found = s.p.(myvault.Incarnation)
	case Archive:
		_, found = s.p.(myvault.Archive)
	case Limited:
		_, found = s.p.(myvault.Limited)
	case Snapshotter:
		_, found = s.p.(myvault.Snapshotter)
	case Watcher:
		_, found = s.p.(myvault.Watcher)
	case EachCommit:
		found = s.watchesEachCommit()
	case ManyChanges:
		_, err := s.apply(put("newsbot/one", "1"), put("newsbot/two", "2"))
		found = !errors.Is(err, errors.ErrUnsupported)
	case Persistent:
		s.do(put("newsbot/one", "1"))
		s.reopen()
		_, err := s.p.Get(s.ctx, address("newsbot/one"), 0)
		found = !errors.Is(err, myvault.ErrNotFound)
	default:
		s.failf("unknown capability %q", string(c))
	}
	return found
}

// isInterface reports whether the capability is an interface.
func (c Capability) isInterface() bool {
	return c != ManyChanges && c != Persistent && c != EachCommit
}

// watchesEachCommit reports whether a feed has versions that were replaced before they were read. A
// poll may have one by chance.
func (s *scenario) watchesEachCommit() bool {
	if _, ok := s.p.(myvault.Watcher); !ok {
		return false
	}
	const rounds = 5
	found := 0
	s.follow("", func(r *reader) {
		for range rounds {
			s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
			for _, e := range r.finish() {
				if e.Changes[0].Version%2 == 1 {
					found++
				}
			}
		}
	})
	return found == rounds
}
