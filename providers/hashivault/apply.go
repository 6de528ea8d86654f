package hashivault

import (
	"context"
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// Apply implements [myvault.Provider] for one change; more than one is errors.ErrUnsupported:
// Vault has no transactions. Entries are not looked at, because the Store is no trail.
func (s *Store) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if s.readOnly {
		return nil, fmt.Errorf("%w: the store was opened to be read alone", errors.ErrUnsupported)
	}
	switch len(c.Changes) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("%w: several changes at once; HashiCorp Vault has no transactions", errors.ErrUnsupported)
	}
	info, err := s.apply(ctx, c)
	if u := (cluster.Uncertain{}); errors.As(err, &u) {
		err = unknown(u.Cause)
	}
	if err != nil {
		return nil, err
	}
	return []myvault.Info{info}, nil
}

func (s *Store) apply(ctx context.Context, c myvault.Commit) (myvault.Info, error) {
	change := c.Changes[0]
	who := author{by: c.By, at: c.At}
	ofProject := myvault.Info{Address: myvault.Address{Project: change.Project.Name}}
	switch change.Op {
	case myvault.OpPut:
		return s.put(ctx, change, who)
	case myvault.OpDelete:
		return s.delete(ctx, change)
	case myvault.OpUndelete:
		return s.undelete(ctx, change.Address, who)
	case myvault.OpDestroy:
		return s.destroy(ctx, change)
	case myvault.OpPutProject:
		return ofProject, s.register.put(ctx, change, who)
	case myvault.OpDefaultProject:
		return ofProject, s.register.makeDefault(ctx, change.Project.Name)
	case myvault.OpDeleteProject:
		return ofProject, s.register.remove(ctx, change.Project.Name)
	}
	return myvault.Info{}, fmt.Errorf("%w change: there is no %v", myvault.ErrInvalid, change.Op)
}

// put stores a new version. The project is registered before it, and that it still is so
// afterwards is known from the hold.
func (s *Store) put(ctx context.Context, c myvault.Change, who author) (myvault.Info, error) {
	if err := c.Value.Validate(); err != nil {
		return myvault.Info{}, err
	}
	var h hold
	var n myvault.Version
	var err error
	r := newRecord(c, who.by, who.at)
	r.Key = named(s.kv.label(s.kv.secretKey(c.Address)))
	if c.If == (myvault.Condition{}) {
		if h, err = s.register.ensure(ctx, c.Address.Project, who); err == nil {
			n, err = s.write(ctx, s.kv.secretKey(c.Address), r, r.Change.String(), anyVersion)
		}
	} else {
		n, h, err = s.putIf(ctx, c, r, who)
	}
	if err != nil {
		return myvault.Info{}, err
	}
	s.hints.remember(s.kv.secretKey(c.Address), n, &r)
	if err := s.register.confirm(ctx, h, who); err != nil {
		return myvault.Info{}, unknown(err)
	}
	m := metadata{Version: uint64(n)}
	return m.info(c.Address, &r), nil
}

// putIf stores a new version on a condition. Vault's check-and-set knows a number alone and
// holds on deleted versions too, so the current version is read before.
func (s *Store) putIf(ctx context.Context, c myvault.Change, r record, who author) (myvault.Version, hold, error) {
	unlock, err := s.locks.lock(ctx, c.Address.String())
	if err != nil {
		return 0, hold{}, err
	}
	defer unlock()
	key := s.kv.secretKey(c.Address)
	ahead := s.register.lookAhead(ctx, c.Address.Project)
	defer ahead()
	if n, h, done, err := s.patchIf(ctx, c, r, ahead); done {
		return n, h, err
	}
	for {
		_, m, err := s.kv.look(ctx, key, newest)
		if err != nil {
			return 0, hold{}, err
		}
		head := headOf(c.Address, m, nil)
		if err := c.If.Check(head); err != nil {
			return 0, hold{}, err
		}
		ahead()
		h, err := s.register.ensure(ctx, c.Address.Project, who)
		if err != nil {
			return 0, hold{}, err
		}
		n, err := s.write(ctx, key, r, r.Change.String(), int64(head.Version))
		if !errors.Is(err, cluster.ErrMismatch) {
			return n, h, err
		}
		if err := ctx.Err(); err != nil {
			return 0, hold{}, err
		}
	}
}

// patchIf stores a new version in one request, on a condition that holds for one version only and
// where what that version holds is known: Vault patches no version that is deleted. done is
// false where nothing was done; the version is then looked at before.
func (s *Store) patchIf(ctx context.Context, c myvault.Change, r record, ahead func()) (n myvault.Version, h hold, done bool, err error) {
	key := s.kv.secretKey(c.Address)
	known, found := s.hints.of(key, c.If)
	if !found || !s.patches.Load() {
		return 0, hold{}, false, nil
	}
	ahead()
	// A project that is not there is left so: whether the condition holds is not known yet.
	h, registered := s.register.fresh(c.Address.Project)
	if !registered {
		return 0, hold{}, false, nil
	}
	cas := int64(known.version)
	n, err = s.settled(ctx, key, r.Change.String(), cas, func(ctx context.Context) (written, error) {
		return s.kv.patch(ctx, key, known.changes(r), cas)
	})
	if errors.Is(err, ErrRights) {
		s.patches.Store(false)
	}
	return n, h, err == nil || errors.Is(err, myvault.ErrUnknownOutcome), err
}

// headOf gives the current version for a condition: the zero Info where there never was one.
func headOf(addr myvault.Address, m *metadata, r *record) myvault.Info {
	if m == nil {
		return myvault.Info{}
	}
	return m.info(addr, r)
}
