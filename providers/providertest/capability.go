package providertest

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault"
)

// Capability is what only some providers have.
type Capability string

// The capabilities.
const (
	Trail       Capability = "Trail"       // it is a myvault.Trail
	Auditor     Capability = "Auditor"     // it is a myvault.Auditor
	Incarnation Capability = "Incarnation" // it is a myvault.Incarnation
	Archive     Capability = "Archive"     // it is a myvault.Archive
	Limited     Capability = "Limited"     // it is a myvault.Limited
	Snapshotter Capability = "Snapshotter" // it is a myvault.Snapshotter
	ManyChanges Capability = "ManyChanges" // a commit may hold several changes
	Persistent  Capability = "Persistent"  // what is stored outlives Close
)

// Absent gives nil where the store truly lacks the capability: the interface is
// missing, the operation is errors.ErrUnsupported, or what was stored is gone after
// Close. Else it gives an error: a lack that is declared must be real.
func (c Capability) Absent(ctx context.Context, store Store) error {
	return checking(func(s *stage) {
		if s.has(c) {
			s.failf("%s is declared as lacking, but the provider has it; take it off the list", c)
		}
	})(ctx, store)
}

// has finds out whether the provider has the capability; it may write to the store.
func (s *stage) has(c Capability) bool {
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
	case ManyChanges:
		_, err := s.apply(put("newsbot/one", "1"), put("newsbot/two", "2"))
		found = !errors.Is(err, errors.ErrUnsupported)
	case Persistent:
		s.do(put("newsbot/one", "1"))
		s.reopen()
		_, err := s.p.Get(s.ctx, at("newsbot/one"), 0)
		found = !errors.Is(err, myvault.ErrNotFound)
	default:
		s.failf("%q is no capability", string(c))
	}
	return found
}

// isInterface reports whether the capability can be seen without using the store.
func (c Capability) isInterface() bool { return c != ManyChanges && c != Persistent }
